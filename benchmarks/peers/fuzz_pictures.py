"""Search for pictures that break edgetl's decoder, guided by the Python code they reach (atheris, libFuzzer).

    pip install atheris
    python benchmarks/peers/fuzz_pictures.py FOLDER -max_total_time=600

FOLDER gets the files that reached something new, and begins with the samples of the tests. What breaks is
written to ``crash-*`` in the working directory: put it into ``tests/corpus/pictures``, which every test run
replays. The libraries behind Pillow are not instrumented: for those, ``tests/test_images_hostile.py`` tries
its luck.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "tests"))

try:
    import atheris
except ModuleNotFoundError:
    sys.exit("atheris is not installed: pip install atheris")

with atheris.instrument_imports(include=["edgetl", "PIL"]):
    import picture_samples

    from edgetl import images
    from edgetl.contract import Contract
    from edgetl.errors import ImageError

_SMALL = Contract(24, 32)


def attempt(data: bytes) -> None:
    """Only ImageError may come out, and pixels that are the same twice."""
    try:
        pixels = images.decode(data, _SMALL)
    except ImageError:
        return
    if pixels.shape != _SMALL.shape or (images.decode(data, _SMALL) != pixels).any():
        raise AssertionError("decoded twice, it is not the same")


def main() -> None:
    """Seed the folder, and search until the time is over."""
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in picture_samples.samples().items():
        (folder / name.replace(" ", "-")).write_bytes(data)
    atheris.Setup(sys.argv, attempt)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
