"""What runs on the emulated board, under the plugin: work between marks. ``counted.py`` starts it there.

    python on_board.py '{"work": "inference", "bundle": PATH, "variant": NAME, "engine": NAME, "repeats": 5}'
    python on_board.py '{"work": "decoding", "bundle": PATH, "picture": PATH, "repeats": 5}'
    python on_board.py '{"work": "files", "models": [PATH], "repeats": 5}'

The answer is one line of JSON on stdout; the counts are where the plugin was told to write them.
"""

import contextlib
import gc
import json
import os
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

MARK = 4280909
"""The number of an open file that no program has; ``counter.c`` waits for its close()."""
WARM_UP = 2
"""Times the work is done before the first mark: the first inference packs weights and touches memory."""


def mark() -> None:
    """Have the plugin write down what was executed so far."""
    with contextlib.suppress(OSError):
        os.close(MARK)


def between_marks(work: Callable[[], object], repeats: int) -> None:
    """Warm up; then set two marks with nothing between them, and one after each repeat."""
    for _ in range(WARM_UP):
        work()
        mark()
    gc.collect()
    gc.disable()
    mark()
    mark()
    for _ in range(repeats):
        work()
        mark()


def inference(request: dict[str, Any]) -> dict[str, Any]:
    """One picture through a variant's engine, with one thread; how far its answer is from the recorded."""
    from edgetl.bundle import Bundle
    from edgetl.runtime import engines

    bundle = Bundle.open(request["bundle"])
    variant = bundle.variant(request["variant"])
    row = engines.for_format(variant.format, request["engine"])
    expected = bundle.expected()
    answer = expected[variant.name][:1].astype(np.float32, copy=False)
    pixels = np.ascontiguousarray(expected["pixels"][:1].astype(np.uint8, copy=False))
    with engines.start(row, bundle.model_files(variant), num_threads=1) as engine:
        moved = float(np.abs(engine.run(pixels)[0] - answer).max())
        between_marks(lambda: engine.run(pixels), request["repeats"])
    return {"version": row.version, "moved": moved, "tolerance": variant.tolerance}


def decoding(request: dict[str, Any]) -> dict[str, Any]:
    """From the bytes of a picture to the pixels that the bundle's models take."""
    import PIL

    from edgetl import images
    from edgetl.bundle import Bundle

    contract = Bundle.open(request["bundle"]).manifest.contract
    with open(request["picture"], "rb") as file:  # noqa: PTH123 - what is imported is executed
        data = file.read()
    between_marks(lambda: images.decode(data, contract), request["repeats"])
    return {"version": PIL.__version__}


def files(request: dict[str, Any]) -> dict[str, Any]:
    """One inference of each of some .tflite files in bare LiteRT, as published latencies are measured."""
    from ai_edge_litert import interpreter as litert

    for path in request["models"]:
        with open(path, "rb") as opened:  # noqa: PTH123
            model = litert.Interpreter(model_content=opened.read(), num_threads=1)
        model.allocate_tensors()
        (source,) = model.get_input_details()
        model.set_tensor(source["index"], np.full(source["shape"], 90, source["dtype"]))
        between_marks(model.invoke, request["repeats"])
    return {}


def main() -> None:
    """Do the work asked for; what edgetl refuses is an answer too."""
    from edgetl.errors import EdgetlError

    request = json.loads(sys.argv[1])
    work = {"inference": inference, "decoding": decoding, "files": files}[request["work"]]
    try:
        answer = work(request)
    except EdgetlError as error:
        answer = {"problem": str(error)}
    print(json.dumps(answer), flush=True)
    # Nothing after the last mark matters, and engines take seconds to leave under emulation.
    os._exit(0)


if __name__ == "__main__":
    main()
