"""Classify every picture that is put into a folder, until Ctrl-C.

python watch_folder.py flowers.edgetl incoming/
"""

import sys

import edgetl
from edgetl.errors import ImageError
from edgetl.runtime.sources import watch

if len(sys.argv) != 3:
    sys.exit(__doc__)
bundle, folder = sys.argv[1:]
with edgetl.load(bundle) as model:
    arriving = watch(folder)
    print(f"watching {folder}", flush=True)
    try:
        for picture in arriving:
            try:
                result = model.classify(picture)
            except ImageError as error:
                print(error, flush=True)
                continue
            print(f"{picture.name}: {result.label} ({100 * result.score:.0f} %)", flush=True)
    except KeyboardInterrupt:
        print("stopped")
