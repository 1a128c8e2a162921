"""Runs an example with gpiozero's mock pins, and lets the test see and move them.

``python pins.py REPORT ORDERS SCRIPT ARGUMENTS``: each change of a pin is written to the descriptor REPORT
as ``17 1``; a line of that form read from ORDERS drives an input.
"""

import os
import runpy
import sys
import threading
from typing import Any

from gpiozero import Device
from gpiozero.pins.mock import MockFactory, MockPin

report, orders = int(sys.argv[1]), int(sys.argv[2])


class SeenPin(MockPin):  # type: ignore[misc]
    """A mock pin that tells of its changes."""

    def _change_state(self, value: Any) -> Any:
        changed = super()._change_state(value)
        if changed:
            os.write(report, f"{self.info.name.removeprefix('GPIO')} {int(value)}\n".encode())
        return changed


def obey() -> None:
    with os.fdopen(orders) as lines:
        for line in lines:
            number, _, value = line.partition(" ")
            pin = Device.pin_factory.pin(int(number))
            if int(value):
                pin.drive_high()
            else:
                pin.drive_low()


Device.pin_factory = MockFactory(pin_class=SeenPin)
threading.Thread(target=obey, daemon=True).start()
sys.argv[:] = sys.argv[3:]
runpy.run_path(sys.argv[0], run_name="__main__")
