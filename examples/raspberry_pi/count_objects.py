"""Count what comes along a belt: each object once, however many frames show it.

python count_objects.py flowers.edgetl camera:auto background    # the class of the empty belt
An object comes and goes when 4 of 5 frames say so, so flicker neither adds nor splits one. Two of a class
are told apart by the empty belt between them.
"""

import sys
from collections import Counter
from itertools import islice

import edgetl

FRAMES, COMES, GOES = 5, 0.7, 0.3  # averaged over so many frames, a score above and one below

if len(sys.argv) != 4:
    sys.exit(__doc__)
bundle, source, empty = sys.argv[1:]
counts: Counter[str] = Counter()
there = empty
print(f"{'frame':>8}  {'object':16}{'of these':>8}{'in all':>8}")
try:
    with edgetl.load(bundle) as model:
        # The first averages are those of fewer frames.
        for seen in islice(model.stream(source, smooth=FRAMES), FRAMES - 1, None):
            if dict(seen.result.top(len(model.labels))).get(there, 0.0) < GOES:
                there = empty
            label, score = seen.result.label, seen.result.score
            if score > COMES and label not in (there, empty):
                there = label
                counts[label] += 1
                print(f"{seen.frame.index:8}  {label:16}{counts[label]:8}{counts.total():8}", flush=True)
except KeyboardInterrupt:
    pass
print(f"{counts.total()} in all:", ", ".join(f"{label} {count}" for label, count in counts.most_common()))
