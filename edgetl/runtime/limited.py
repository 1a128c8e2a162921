"""Is a variant fit to take over? Tried in a process with limits before anything here depends on it."""

from dataclasses import dataclass
from statistics import median
from typing import Literal

from edgetl.bundle import Bundle
from edgetl.manifest import Variant
from edgetl.runtime import choosing, confined
from edgetl.runtime.replay import Arrays, Replay


@dataclass(frozen=True)
class Trial:
    """How a variant did."""

    variant: str
    engine: str
    verdict: Literal["passed", "differs", "refused", "crashed", "hung", "memory"]
    """``differs``: it does not answer as recorded; ``refused``: in the engine's words; ``memory``: it needs
    more than there is, or than it may take."""
    reason: str | None
    """Why it did not pass, in one sentence."""
    latency_s: float | None
    """Median seconds of a golden picture, with one thread; None when it gave no answer."""
    peak_memory_bytes: int | None
    """Resident memory of its process at the largest, engine and Python included; None when unknown."""

    @property
    def passed(self) -> bool:
        """Whether it answers as recorded, as nearly as a healthy machine does."""
        return self.verdict == "passed"


def try_variant(
    bundle: Bundle,
    variant: Variant | str,
    *,
    engine: str | None = None,
    timeout_s: float = confined.TIMEOUT_S,
    memory_bytes: int | None = None,
) -> Trial:
    """Replay the golden pictures and the probes through a variant, in a fresh process with limits.

    All of them, unless it is so slow that they take half of ``timeout_s``.

    Args:
        bundle: opened; every file that is used is checked against the manifest first.
        variant: which.
        engine: its name; None takes the first installed one that runs the variant here.
        timeout_s: seconds it may take in all.
        memory_bytes: of writable memory that it may take; None goes by its size and what is free here.

    Raises:
        DamagedBundleError: a file is missing, or not what the manifest says.
        BundleError: the model is larger than the limit.
        UsageError: no such variant or engine, or one that does not go with the other.
        MissingPackageError: no engine for it is installed.
        ModelError: it cannot run on this machine: see ``known_bad``.
    """
    name = variant if isinstance(variant, str) else variant.name
    chosen, row = choosing.choose(bundle, name, engine)
    files = bundle.model_files(chosen)
    expected: Arrays = bundle.expected()
    replay = Replay(bundle.manifest, expected, decoder_passed=True, seconds=timeout_s / 2)
    try:
        ran = confined.run(
            row,
            files,
            replay.pictures,
            values=len(bundle.labels),
            seconds=replay.seconds,
            timeout_s=timeout_s,
            memory_bytes=memory_bytes,
        )
    except confined.ConfinedError as error:
        return Trial(name, row.name, error.fate, str(error), None, error.peak_memory_bytes)
    check = replay.judge(chosen, row, ran.outputs)
    return Trial(
        name,
        row.name,
        "passed" if check.passed else "differs",
        check.problem,
        median(ran.seconds),
        ran.peak_memory_bytes,
    )
