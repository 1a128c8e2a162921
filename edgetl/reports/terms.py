"""The words of a page, each in a sentence. docs/glossary.md has the rules and their sources."""

from collections.abc import Sequence

from edgetl.reports.markup import tag, text
from edgetl.reports.page import Section

TERMS = {
    "variant": "One model of the bundle: a format and a precision.",
    "engine": "The library that runs a variant on this machine.",
    "threads": "The threads one inference may use.",
    "import": "Importing the engine's library, once Python and numpy are there.",
    "load": "From the model's bytes in memory to an engine that is ready.",
    "first": "The first inference of a process, which allocates and finds the caches empty.",
    "median": "Half of the runs were faster: the figure to compare and to quote.",
    "p95": "95 of 100 runs were at least as fast; unknown with fewer than 59 runs.",
    "p99": "99 of 100 runs were at least as fast; unknown with fewer than 299 runs.",
    "95 % interval": (
        "Where the true figure lies, by a method that is right for 95 of 100 benchmarks. It counts how much "
        "processes differ, not only runs."
    ),
    "file to label": "From the file to the label, with decoding and resizing.",
    "peak": "The largest resident memory of the process, with Python and libraries: what must be free.",
    "batch": "Pictures of one inference.",
    "throughput": "Pictures a second of several workers that share the cores, from files to labels.",
    "soak": "One variant that runs for minutes; sustained is the median of the last quarter.",
    "throttled": "The firmware or the processor lowered the clock, for heat or for power.",
    "governor": "Who decides about the CPU's clock; only with performance it stays where it is.",
    "invalid run": (
        "Something from outside reached into the times, such as a throttled board or another program. They "
        "are kept, and no gate passes and no comparison is made with them."
    ),
    "agreement": "Share of pictures on which the variant answers as the float model, right or wrong.",
    "drop": "The float model's accuracy minus the variant's, in percentage points, on the same pictures.",
    "ratio": "B's median over A's, at one speed of the machine: 1.05 is 5 % slower.",
    "yardstick": (
        "A fixed piece of work beside the inferences: when it takes longer, the machine itself was slower. "
        "What the times follow it is taken out of the ratio, not out of the medians."
    ),
    "slower": "The whole interval of the ratio lies above 1.01; faster: it lies below 1 / 1.01.",
    "no clear difference": "Anything else: the two are alike, or there were too few processes to tell.",
    "margin": "The 1 % in that rule: a smaller difference is never claimed, however sure the test is.",
    "obstacle": "Why two reports stand side by side and are not tested.",
    "95 % interval of a share": "Where the true share lies: right for 95 of 100 such sets of pictures.",
    "recall": "Of the pictures of a class, the share that is found.",
    "precision": "Of the answers that name a class, the share that is right.",
    "F1": "The harmonic mean of precision and recall.",
    "macro": "A mean over the classes in which each has the same say, however many pictures it has.",
    "log loss": "Minus the logarithm of the right class's probability: a surely wrong answer costs most.",
    "Brier score": "Mean squared distance of the probabilities from the truth, 0 to 2.",
    "score": "The largest probability of an answer: how sure the model says it is.",
    "temperature": "What the head's outputs are divided by, so that scores are not too sure or too modest.",
    "calibration error": (
        "Mean gap between score and share of right answers, over 15 bins of the score (ECE): at 0 a score of "
        "90 % is right 9 times in 10."
    ),
    "noise floor": (
        "The calibration error that perfectly honest scores would show on so many pictures, by chance alone. "
        "A smaller error is luck."
    ),
    "unknown": "What an answer is called whose score is below the threshold.",
    "false accept": "A picture of none of the classes that is nevertheless taken for one.",
    "cross-validation": "Every photo is answered once, by a head that was solved without it and its fold.",
    "measured": "Timed on the machine that is named beside it.",
}
"""What each means, by its name in docs/glossary.md."""


def terms(names: Sequence[str]) -> Section:
    """What the named words mean.

    Args:
        names: keys of :data:`TERMS`.
    """
    pairs = [(tag("dt", text(name)), tag("dd", text(TERMS[name]))) for name in names]
    return Section("Words", tag("dl", *(part for pair in pairs for part in pair), class_="facts"))
