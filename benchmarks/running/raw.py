"""What the processes of a benchmark measure, as they hand it over: seconds and bytes, unknown is None."""

from dataclasses import dataclass

from edgetl.benchmarks.running.yardstick import Yardstick


@dataclass(frozen=True)
class Stages:
    """Times of whole classifications of a picture, from file to label; the lists run in step."""

    decode_s: tuple[float, ...]
    """Reading the file, which the system has in memory by then, and decoding it."""
    resize_s: tuple[float, ...]
    """Cropping, resizing and turning."""
    infer_s: tuple[float, ...]
    """The engine."""
    post_s: tuple[float, ...]
    """From probabilities to label."""
    picture: tuple[int, ...] = ()
    """Which of ``BenchReport.pictures`` it was, from 0. They take turns, each as often as the others."""

    @property
    def total_s(self) -> tuple[float, ...]:
        """From file to label."""
        columns = zip(self.decode_s, self.resize_s, self.infer_s, self.post_s, strict=True)
        return tuple(sum(column) for column in columns)


@dataclass(frozen=True)
class ProcessRun:
    """What one fresh process measured."""

    import_s: float
    """Importing the engine's library, after numpy; 0 where the engine needs none."""
    load_s: float
    """From the model's bytes in memory to an engine that is ready."""
    warmup_s: tuple[float, ...]
    """Inferences until the times were steady, the very first one first."""
    steady: bool | None
    """Whether they were before the time for it ran out; None when it ran out too soon to tell."""
    inference_s: tuple[float, ...]
    """Inferences after the warm-up: pixels to probabilities, in the order they ran."""
    rss_before_bytes: int | None
    """Resident memory with Python, numpy and edgetl, before the library and the model's bytes."""
    rss_after_bytes: int | None
    """Resident memory after the model is loaded and its bytes are let go, as ``edgetl.load`` does."""
    peak_bytes: int | None
    """Largest resident memory from before the import up to the end of the inferences."""
    stages: Stages | None
    """None when the bundle has no golden picture, and for batches."""
    load_peak_bytes: int | None = None
    """Largest resident memory from before the import until the model is loaded."""
    rss_steady_bytes: int | None = None
    """Resident memory after the inferences."""
    yardstick: Yardstick | None = None
    """Fixed work that was done beside the inferences; None in reports of an older edgetl."""


@dataclass(frozen=True)
class ThroughputRun:
    """What one fresh process measured with several workers."""

    turns_s: tuple[float, ...]
    """Seconds from answer to answer, counted in turns of one picture for each worker; after the warm-up."""
    warmup_s: tuple[float, ...]
    """Turns until the times were steady; the engines of the workers start in the first."""
    steady: bool | None
    """As in :class:`ProcessRun`."""
    peak_bytes: int | None
    """Largest resident memory from before the import up to the end, with the engines of all workers."""
