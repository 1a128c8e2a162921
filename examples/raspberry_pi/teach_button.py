"""Teach the model a class by a button: press it to teach, hold it for two seconds to forget.

python teach_button.py flowers.edgetl mug 4 camera:auto    # the button joins GPIO 4 and ground
The bundle must have been exported with --embedding. What is learned stays beside it, for every program.
"""

import sys
from collections import deque
from queue import SimpleQueue

from gpiozero import Button

import edgetl

if len(sys.argv) != 5:
    sys.exit(__doc__)
bundle, label, pin, source = sys.argv[1:]
asked, newest = SimpleQueue(), deque(maxlen=10)
with edgetl.load(bundle) as model, Button(int(pin), hold_time=2) as button:
    button.when_held = lambda: asked.put("forget")
    button.when_released = lambda: asked.put("teach")
    print(f"show {label} to the camera and press; hold to forget", flush=True)
    try:
        for seen in model.stream(source, smooth=3):
            newest.append(seen.frame.picture)
            if seen.changed:
                print(seen.label or "unknown", flush=True)
            if asked.empty():
                continue
            if asked.get() == "teach":
                model.teach(label, list(newest))
                print(f"taught {label} from {len(newest)} pictures", flush=True)
                continue
            if label in model.labels:
                model.forget(label)
            print(f"forgot {label}", flush=True)
            asked.get()  # letting go after holding teaches nothing
    except KeyboardInterrupt:
        print("stopped")
