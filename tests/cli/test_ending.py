import signal

import click
import pytest

from edgetl.cli.ending import stoppable


def test_sigterm_stops_a_command_as_ctrl_c_does_and_tells_its_own_code(
    capsys: pytest.CaptureFixture[str],
) -> None:
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(click.exceptions.Exit) as ended, stoppable():
        signal.raise_signal(signal.SIGTERM)
    assert ended.value.exit_code == 143
    assert "stopped by SIGTERM" in capsys.readouterr().err
    assert signal.getsignal(signal.SIGTERM) == before


def test_ctrl_c_is_left_to_whoever_hears_of_it() -> None:
    with pytest.raises(KeyboardInterrupt), stoppable():
        signal.raise_signal(signal.SIGINT)


def test_a_command_that_handles_it_knows_what_to_exit_with() -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        with stoppable() as code:
            with pytest.raises(KeyboardInterrupt):
                signal.raise_signal(number)
            assert code() == 128 + number
