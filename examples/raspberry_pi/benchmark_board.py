"""Measure how fast the models of a bundle are on this board, and say what state the board is in.

python benchmark_board.py flowers.edgetl 3    # seconds for each model and number of threads
"""

import sys

import edgetl

if len(sys.argv) != 3:
    sys.exit(__doc__)
bundle, seconds = sys.argv[1:]
found = edgetl.doctor(bundle)
machine = found.machine
print(f"{machine.label}, {machine.cpu}, {machine.cores} cores, {machine.os}, Python {machine.python}")
if not machine.is_board:
    print("These are figures of a PC: a board's are others, and another model may be the fastest there.")
for problem in found.problems:
    print(f"problem: {problem.problem}\n    fix: {problem.fix}")

report = edgetl.bench(bundle, duration_s=float(seconds))
before, after = report.states[0], report.states[-1]
if after.temperature_c is not None:
    print(f"{before.temperature_c:.0f} °C before, {after.temperature_c:.0f} °C after")
print(f"governor {before.governor or 'none'}; slowed: {', '.join(after.throttled_now) or 'no'}")

print(f"\n{'model':20}{'engine':16}{'threads':>7}{'ms':>10}{'a second':>10}{'MB':>8}")
for row in report.measured:
    median_s, memory = row.figures.median_s.value, row.figures.peak_bytes
    print(f"{row.variant:20}{row.engine:16}{row.threads:7}{1000 * median_s:10.2f}", end="")
    print(f"{1 / median_s:10.1f}{'?' if memory is None else round(memory / 1e6):>8}")
for row in report.results:
    if row.reason:
        print(f"{row.name}: {row.status}: {row.reason}")
