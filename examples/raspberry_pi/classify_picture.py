"""Say what is on a picture.

python classify_picture.py flowers.edgetl photo.jpg
"""

import sys

import edgetl

if len(sys.argv) != 3:
    sys.exit(__doc__)
bundle, picture = sys.argv[1:]
with edgetl.load(bundle) as model:
    result = model.classify(picture)

for label, score in result.top(3):
    print(f"{100 * score:5.1f} %  {label}")
if result.unknown:
    print("The best score is under the bundle's threshold: take it for none of these.")
print(f"{model.variant.name} in {model.engine.name}: {1000 * result.timings.total_s:.1f} ms")
