import json

import pytest
from hostile_texts import obeyed

from edgetl.errors import DeviceError, GateError, HostKeyError
from edgetl.fleet import results
from edgetl.fleet.results import Pushed, PushReport

NEW, OLD = "a" * 64, "b" * 64
EVIL = "\x1b]0;owned\x07\nerror: forged"


def answered(value: object, code: int = 0, last_words: str = "") -> Pushed:
    return results.answered("pi@a", 1, NEW, code, json.dumps(value).encode(), last_words, 2.5)


def test_a_device_that_uses_the_new_version_is_well() -> None:
    pushed = answered({"active": NEW, "previous": OLD, "state": "active", "store": "/var/lib/edgetl/bees"})
    assert pushed == Pushed("pi@a", 1, "active", NEW, OLD, "/var/lib/edgetl/bees", 2.5)
    assert pushed.is_well


def test_a_device_that_used_it_before_is_up_to_date() -> None:
    pushed = answered({"active": NEW, "state": "up to date"})
    assert (pushed.state, pushed.is_well) == ("up to date", True)


def test_a_gate_that_said_no_leaves_the_old_version_and_its_reason() -> None:
    pushed = answered({"active": OLD, "state": "refused", "reason": "takes 80 ms"}, 3)
    assert (pushed.state, pushed.active, pushed.reason) == ("refused", OLD, "takes 80 ms")
    assert isinstance(pushed.error, GateError)
    assert str(pushed.error) == "pi@a: takes 80 ms"


def test_a_failure_is_told_in_the_devices_last_words() -> None:
    pushed = results.answered("pi@a", 1, NEW, 1, b"", "error: cannot install into /: no room", 1.0)
    assert (pushed.state, pushed.reason) == ("failed", "cannot install into /: no room")


@pytest.mark.parametrize(
    "value", [{}, {"active": OLD}, {"active": None}, {"active": [NEW]}, [], 5, {"active": EVIL}]
)
def test_a_device_that_only_says_that_it_is_done_is_not_believed(value: object) -> None:
    pushed = answered(value)
    assert (pushed.state, pushed.is_well) == ("failed", False)
    assert isinstance(pushed.error, DeviceError)


@pytest.mark.parametrize(
    "output", [b"\xff", b"{", b"[" * 5000, b'{"a": NaN}', b'{"a": 1, "a": 2}', b" " * 70_000 + b"{}"]
)
def test_an_answer_that_is_none_fails_the_device(output: bytes) -> None:
    pushed = results.answered("pi@a", 1, NEW, 0, output, "", 1.0)
    assert pushed.state == "failed"
    assert pushed.reason is not None
    assert pushed.reason.isprintable()


def test_nothing_that_a_device_says_could_move_the_cursor() -> None:
    value = {"store": EVIL, "reason": EVIL, "state": EVIL, "active": EVIL, "previous": EVIL, "name": EVIL}
    for code in (0, 1, 3):
        pushed = answered(value, code)
        told = "".join(str(part) for part in (*pushed.to_dict().values(), pushed.error))
        assert obeyed(told) == ""
        assert "\n" not in told


def test_a_host_key_that_is_not_trusted_is_a_state_of_its_own() -> None:
    pushed = results.failed("pi@a", 2, HostKeyError("pi@a HAS ANOTHER KEY THAN BEFORE"))
    assert (pushed.state, pushed.reason) == ("untrusted", "HAS ANOTHER KEY THAN BEFORE")


def test_the_report_has_every_device_and_an_error_for_each_that_was_tried() -> None:
    devices = (answered({"active": NEW}), answered({}, 1, "no"), Pushed("pi@c", 2, "untouched"))
    report = PushReport("bees", NEW, devices)
    assert [str(error) for error in report.errors] == ["pi@a: no"]
    told = json.loads(json.dumps(report.to_dict()))
    assert [device["state"] for device in told["devices"]] == ["active", "failed", "untouched"]
    assert "error" not in told["devices"][0]
