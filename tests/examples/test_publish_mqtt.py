"""A broker hears what is seen, and whether the Pi is there."""

import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support import write_fake_bundle

from examples.broker import Broker, Message
from examples.colours import pictures
from examples.running import Camera, Script

Start = Callable[..., Script]
ONLINE = Message("garden/bed/status", "online", 1, True)
OFFLINE = Message("garden/bed/status", "offline", 1, True)


@pytest.fixture
def broker() -> Iterator[Broker]:
    made = Broker()
    yield made
    made.close()


def heard(broker: Broker) -> list[Message | str]:
    """Everything up to the disconnection, without what a connection begins with."""
    said = [broker.next()]
    while said[-1] != "disconnect":
        said.append(broker.next())
    assert said[0] == "connect"
    # Pictures may be faster than the broker's answer, after which the client says that it is online.
    said.remove(ONLINE)
    return said[1:]


def test_each_change_is_published_as_json(
    start: Start, colours: Path, broker: Broker, tmp_path: Path
) -> None:
    frames = [*5 * ["background"], *5 * ["ant"], *5 * ["bee"]]
    source = f"fake:{pictures(tmp_path / 'photos', frames)}"
    script = start("publish_mqtt.py", colours, broker.address, "garden/bed", source)
    assert script.end() == (0, "", "")
    *told, last, end = heard(broker)
    assert [(message.topic, message.qos, message.retain) for message in told] == 3 * [("garden/bed", 1, True)]
    assert [message.value["label"] for message in told] == ["background", "ant", "bee"]
    assert all(message.value.keys() == {"label", "score", "time"} for message in told)
    assert all(0.4 <= message.value["score"] <= 1 for message in told)
    assert (last, end) == (OFFLINE, "disconnect")


def test_what_is_unknown_has_no_label(start: Start, broker: Broker, tmp_path: Path) -> None:
    unsure = write_fake_bundle(tmp_path / "unsure.edgetl", reject_threshold=0.9)
    script = start("publish_mqtt.py", unsure, broker.address, "garden/bed", unsure / "golden")
    assert script.end() == (0, "", "")
    told, *_ = heard(broker)
    assert told.value["label"] is None


def test_the_broker_is_told_what_to_say_when_the_pi_is_gone(
    start: Start, colours: Path, broker: Broker, camera: Camera
) -> None:
    script = start("publish_mqtt.py", colours, broker.address, "garden/bed", camera.url)
    assert broker.next() == "connect"
    assert broker.will == OFFLINE
    script.send(signal.SIGKILL)
    assert script.end()[0] == -signal.SIGKILL


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_program_that_is_stopped_says_so_itself(
    start: Start, colours: Path, broker: Broker, camera: Camera, number: signal.Signals
) -> None:
    script = start("publish_mqtt.py", colours, broker.address, "garden/bed", camera.url)
    first = [broker.next() for _ in range(3)]
    assert ONLINE in first
    script.send(number)
    assert script.end() == (0, "", "")
    assert (broker.next(), broker.next()) == (OFFLINE, "disconnect")


def test_a_connection_that_breaks_is_made_again(
    start: Start, colours: Path, broker: Broker, camera: Camera
) -> None:
    script = start("publish_mqtt.py", colours, broker.address, "garden/bed", camera.url)
    first = [broker.next() for _ in range(3)]
    assert ONLINE in first
    broker.drop()
    camera.show("bee")  # while nobody listens
    again = [broker.next() for _ in range(3)]
    assert again[0] == "connect"
    assert ONLINE in again
    assert [message.value["label"] for message in again if message not in ("connect", ONLINE)] == ["bee"]
    script.send(signal.SIGTERM)
    assert script.end() == (0, "", "")
