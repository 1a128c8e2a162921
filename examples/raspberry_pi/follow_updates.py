"""Say what is seen, and go over to the next version of the model without a pause, until Ctrl-C.

python follow_updates.py flowers.edgetl camera:auto

Of a store (edgetl install flowers.zip --into STORE --activate) the active version answers.
"""

import sys

import edgetl

if len(sys.argv) != 3:
    sys.exit(__doc__)
bundle, source = sys.argv[1:]
with edgetl.load(bundle) as model:
    model.follow(on_change=lambda new: print(f"now version {new.bundle.digest[:12]}", flush=True))
    try:
        for seen in model.stream(source, smooth=5):
            if seen.changed:
                print(f"{seen.result.version[:12]} {seen.label}", flush=True)
    except KeyboardInterrupt:
        print("stopped")
