"""Switch a relay on while the camera sees a label, and off in every other case.

python switch_relay.py flowers.edgetl rose 17 camera:auto                             # relay at GPIO 17
GPIOZERO_PIN_FACTORY=mock python switch_relay.py flowers.edgetl rose 17 fake:photos/  # off the Pi
"""

import signal
import sys

from gpiozero import DigitalOutputDevice

import edgetl

ACTIVE_HIGH = True  # False for relay boards that switch on when their input is low
STALE_S = 2.0  # a camera that falls silent switches nothing for longer

if len(sys.argv) != 5:
    sys.exit(__doc__)
bundle, label, pin, source = sys.argv[1:]
signal.signal(signal.SIGTERM, lambda *_: sys.exit())  # what systemd sends: end as by Ctrl-C
with edgetl.load(bundle) as model, DigitalOutputDevice(int(pin), active_high=ACTIVE_HIGH) as relay:
    if label not in model.labels:
        sys.exit(f"{bundle} has no label {label}: choose from {', '.join(model.labels)}")
    try:
        for seen in model.stream(source, smooth=3):
            if seen.changed:
                print("on" if seen.label == label else "off", flush=True)
            if seen.label == label:
                relay.blink(on_time=STALE_S, off_time=0, n=1)  # each frame anew
            else:
                relay.off()
    except KeyboardInterrupt:
        print("stopped")
    finally:
        relay.off()
