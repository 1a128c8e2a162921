"""How often a fine-tuning that is worth no more than the head is adopted, and how often a better one is.

Answers are drawn, not trained: to each photo a signal, a part that head and tuned network have in common, and
a part of each one's own, which in the tuned network wanders from epoch to epoch. Then the network is judged
as ``edgetl train --fine-tune`` does it, each photo by an epoch and a temperature that others chose; and,
beside it, by the epoch and the temperature that are best on the very photos that judge.

    python benchmarks/peers/adoption_by_chance.py [--trials 60]     # some minutes
"""

import argparse

import numpy as np
from numpy.random import Generator

from edgetl.training.arrays import Floats, Labels
from edgetl.training.tuning import loop
from edgetl.training.tuning.decide import decide

EPOCHS = 12
PHOTOS = (60, 150, 390)
GAINS = (0.0, 0.35)
"""What the tuned network has more of the signal, as a share of it."""
_SIGNAL, _COMMON, _OWN = 1.5, 1.0, 0.5
_STAYS = 0.9
"""Correlation of the own part from one epoch to the next."""


def drawn(random: Generator, photos: int, gain: float) -> tuple[Floats, list[Floats], Labels]:
    """Logits of the head, at an honest temperature, and of the network after each epoch; and the truth."""
    truth = random.integers(2, size=photos)
    signal, common = np.eye(2)[truth] * _SIGNAL, random.normal(0, _COMMON, (photos, 2))
    head = (signal + common + random.normal(0, _OWN, (photos, 2))).astype(np.float32)
    own, epochs = random.normal(0, _OWN, (photos, 2)), []
    for _ in range(EPOCHS):
        own = _STAYS * own + random.normal(0, _OWN * np.sqrt(1 - _STAYS**2), (photos, 2))
        epochs.append((1.3 * ((1 + gain) * signal + common + own)).astype(np.float32))
    others = random.integers(2, size=2000)
    spread = float(np.hypot(_COMMON, _OWN))
    apart = (np.eye(2)[others] * _SIGNAL + random.normal(0, spread, (2000, 2))).astype(np.float32)
    return head / loop.honest_temperature(apart, others), epochs, truth


def main() -> None:
    """Draw, judge both ways, print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--trials", type=int, default=60)
    trials = parser.parse_args().trials
    random = np.random.default_rng(0)
    print("judging photos, gain: adopted by the best epoch on them, by epochs that others chose", flush=True)
    for photos in PHOTOS:
        for gain in GAINS:
            flattered = honest = 0
            for trial in range(trials):
                head, epochs, truth = drawn(random, photos, gain)
                best = epochs[int(np.argmin([loop.judge(answers, truth)[0] for answers in epochs]))]
                warm = best / loop.honest_temperature(best, truth)
                flattered += decide(head, warm, truth, seed=trial).adopted
                crossed = loop.judged_by_others(epochs, truth, trial)
                honest += decide(head, crossed, truth, seed=trial).adopted
            print(f"{photos}, {gain:g}: {flattered / trials:.0%}, {honest / trials:.0%}", flush=True)


if __name__ == "__main__":
    main()
