"""Say what the camera sees, whenever that changes, until Ctrl-C.

python live_camera.py flowers.edgetl            # the Pi's camera, or USB camera 0
python live_camera.py flowers.edgetl 1          # USB camera 1
python live_camera.py flowers.edgetl fake:photos/
"""

import sys

import edgetl
from edgetl.runtime.sources import camera

bundle, which, *_ = [*sys.argv[1:], "auto"]
shown = None
with edgetl.load(bundle) as model, camera(which) as frames:
    try:
        for frame in frames:
            result = model.classify(frame)
            label = "unknown" if result.unknown else result.label
            if label != shown:
                print(
                    f"{label} ({100 * result.score:.0f} %, {1000 * result.timings.total_s:.0f} ms)",
                    flush=True,
                )
                shown = label
    except KeyboardInterrupt:
        print("stopped")
