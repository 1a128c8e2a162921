"""``edgetl run``: a thin shell over ``edgetl.load(...).classify``."""

import json
from pathlib import Path

import click

from edgetl.cli import output
from edgetl.errors import ImageError
from edgetl.runtime.classifier import Result, load
from edgetl.runtime.sources import pictures


@click.command("run", short_help="Classify pictures with a bundle.")
@click.argument("bundle", type=click.Path(path_type=Path))
@click.argument("source")
@click.option("--variant", help="Variant to run. [default: the bundle's pick]")
@click.option("--engine", help="Engine to run it in. [default: the first installed]")
@click.option("--threads", type=int, help="Threads for one picture. [default: the cores, at most 4]")
@click.option("--top", default=1, show_default=True, help="How many labels to print.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a picture.")
def command(
    bundle: Path,
    source: str,
    variant: str | None,
    engine: str | None,
    threads: int | None,
    top: int,
    as_json: bool,
) -> None:
    """Classify SOURCE with BUNDLE: a picture, a folder or a glob."""
    paths = pictures(source)
    failures = 0
    with load(bundle, variant=variant, engine=engine, num_threads=threads) as model:
        for path in paths:
            try:
                answer = model.classify(path)
            except ImageError as error:
                if len(paths) == 1:
                    raise
                failures += 1
                output.error(str(error))
                continue
            output.result(_json_line(path, answer, top) if as_json else _text_line(path, answer, top))
    if failures:
        raise ImageError(f"{failures} of the pictures could not be classified")


def _text_line(path: Path, answer: Result, top: int) -> str:
    labels = ", ".join(f"{label} {100 * score:.1f} %" for label, score in answer.top(top))
    unsure = "  (unknown: under the reject threshold)" if answer.unknown else ""
    return f"{path}: {labels}  {1000 * answer.timings.total_s:.1f} ms{unsure}"


def _json_line(path: Path, answer: Result, top: int) -> str:
    timings = {"decode": answer.timings.decode_s, "resize": answer.timings.resize_s}
    timings |= {"infer": answer.timings.infer_s, "post": answer.timings.post_s}
    return json.dumps(
        {
            "picture": str(path),
            "label": answer.label,
            "score": answer.score,
            "unknown": answer.unknown,
            "top": [{"label": label, "score": score} for label, score in answer.top(top)],
            "timings_ms": {stage: round(1000 * seconds, 3) for stage, seconds in timings.items()},
        },
        ensure_ascii=False,
    )
