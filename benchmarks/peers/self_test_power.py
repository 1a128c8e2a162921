"""How many altered models does the self-test catch? Weights are changed as if hashes were off.

    python benchmarks/peers/self_test_power.py BUNDLE PHOTOS [--count 100] [--pictures 60] [--seed 0]

Fixed beforehand: an alteration *changes outputs* when any probability of any of the pictures, none of them
golden, moves by more than the variant's tolerance, or is no number any more. It is *caught* when the
self-test (``runtime/replay.py``: all golden pictures and probes) does not pass, or the engine
refuses the model. Exits 1 when less than 99 % of those that change outputs are caught.
"""

import argparse
import re
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgetl import images
from edgetl.bundle import Bundle
from edgetl.errors import ModelError
from edgetl.runtime import choosing, engines
from edgetl.runtime.replay import Arrays, Replay

LEAST = 0.99
_SMALLEST = 256  # bytes of weights: shapes, scales and biases are left alone
_WAYS = ("one bit", "eight bits", "block of zeros", "channels swapped", "layer scaled", "noise")
Span = tuple[int, int, int, str]
"""Where a layer's weights lie in their file: beginning, bytes, channels of the first axis, NumPy type."""


def main() -> int:
    """Print a line for each variant and way; 1 when too few are caught."""
    parser = argparse.ArgumentParser(description="How many altered models the self-test catches.")
    parser.add_argument("bundle", type=Path)
    parser.add_argument("photos", type=Path)
    parser.add_argument("--count", type=int, default=100, help="alterations of each variant")
    parser.add_argument("--pictures", type=int, default=60)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--variant", action="append")
    arguments = parser.parse_args()
    bundle = Bundle.open(arguments.bundle)
    pixels = pictures(bundle, arguments.photos, arguments.pictures)
    print(f"{len(pixels)} pictures that are not golden, {len(bundle.manifest.golden.pictures)} that are")
    total = Counter[str]()
    for variant in bundle.manifest.variants:
        if arguments.variant is None or variant.name in arguments.variant:
            found = power(bundle, variant.name, pixels, count=arguments.count, seed=arguments.seed)
            for way in (*_WAYS, "all"):
                changed, caught = found[way, "changed"], found[way, "caught"]
                print(f"{variant.name:<17} {way:<17} {changed:4} changed, {caught} caught")
            total.update({what: found["all", what] for what in ("changed", "caught")})
    share = total["caught"] / max(1, total["changed"])
    print(f"caught {total['caught']} of {total['changed']}: {100 * share:.2f} %")
    return int(share < LEAST)


def pictures(bundle: Bundle, folder: Path, count: int) -> NDArray[np.uint8]:
    """Decoded photos of a folder that are not golden: uint8 (n, height, width, 3)."""
    golden = {one.tobytes() for one in bundle.expected()["pixels"]}
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in (".jpg", ".jpeg", ".png"))
    random = np.random.default_rng(0)
    decoded = []
    for place in random.permutation(len(paths)):
        one = images.decode(paths[place].read_bytes(), bundle.manifest.contract)
        if one.tobytes() not in golden:
            decoded.append(one)
        if len(decoded) == count:
            break
    return np.stack(decoded)


def power(
    bundle: Bundle, name: str, pixels: NDArray[np.uint8], *, count: int, seed: int
) -> Counter[tuple[str, str]]:
    """Alter a variant so often, and count by way what ``changed`` outputs and what of that was ``caught``."""
    variant, row = choosing.choose(bundle, name)
    files = bundle.model_files(variant)
    expected: Arrays = bundle.expected()
    replay = Replay(bundle.manifest, expected, decoder_passed=True, seconds=np.inf)
    with engines.start(row, files, num_threads=1) as engine:
        before = engine.run(pixels)[0]
        assert replay.judge(variant, row, engine.run(replay.pictures)[0]).passed
    weights, spans = layers(files)
    found = Counter[tuple[str, str]]()
    for number in range(count):
        random = np.random.default_rng([seed, number])
        way = _WAYS[number % len(_WAYS)]
        other = {**files, weights: altered(files[weights], spans, way, random)}
        try:
            with engines.start(row, other, num_threads=1) as engine:
                after = engine.run(pixels)[0]
                said = engine.run(replay.pictures)[0]
        except ModelError:
            changed, caught = True, True
        else:
            changed = not np.abs(after - before).max() <= variant.tolerance
            caught = not replay.judge(variant, row, said).passed
        for key in (way, "all") if changed else ():
            found[key, "changed"] += 1
            found[key, "caught"] += caught
    return found


def layers(files: Mapping[str, bytes]) -> tuple[str, list[Span]]:
    """The file that holds a model's weights, and where each layer's lie in it."""
    found: list[Span] = []
    for name, content in files.items():
        if name.endswith(".tflite"):
            from edgetl.converters import flatbuffer

            model = flatbuffer.read(content)
            for tensor in flatbuffer.graph(model).tensors:
                data = model.buffers[tensor.buffer].data
                if data is not None and len(data) >= _SMALLEST:
                    kind = {0: "float32", 9: "int8"}.get(tensor.type)
                    found += _located(content, bytes(data), int(tensor.shape[0]), kind)
            return name, found
        if name.endswith(".onnx"):
            import onnx

            for constant in onnx.load_from_string(content).graph.initializer:
                kind = {1: "float32", 3: "int8", 2: "uint8"}.get(constant.data_type)
                if len(constant.raw_data) >= _SMALLEST:
                    found += _located(content, constant.raw_data, constant.dims[0], kind)
            return name, found
    kinds = {"f32": "float32", "i8": "int8", "u8": "uint8"}
    pattern = r'<data element_type="(\w+)" shape="(\d+)[^"]*" offset="(\d+)" size="(\d+)"'
    for kind, channels, start, size in re.findall(pattern, files["model.xml"].decode()):
        if kind in kinds and int(size) >= _SMALLEST:
            found.append((int(start), int(size), int(channels), kinds[kind]))
    return "model.bin", found


def _located(content: bytes, data: bytes, channels: int, kind: str | None) -> list[Span]:
    place = content.find(data)
    return [(place, len(data), channels, kind)] if place >= 0 and kind is not None else []


def altered(content: bytes, spans: Sequence[Span], way: str, random: np.random.Generator) -> bytes:
    """The file with the weights of one layer altered."""
    start, size, channels, kind = spans[int(random.integers(len(spans)))]
    raw = np.frombuffer(content, np.uint8, size, start).copy()
    values = raw.view(kind)
    if way in ("one bit", "eight bits"):
        for place in random.integers(8 * size, size=1 if way == "one bit" else 8):
            raw[place // 8] ^= 1 << (place % 8)
    elif way == "block of zeros":
        length = min(len(values), 64)
        place = random.integers(len(values) - length + 1)
        values[place : place + length] = 0
    elif way == "channels swapped":
        if channels > 1 and len(values) % channels == 0:
            table = values.reshape(channels, -1)
            first, second = random.choice(channels, 2, replace=False)
            table[[first, second]] = table[[second, first]]
    else:
        wide = values.astype(np.float64)
        if way == "layer scaled":
            wide *= random.choice([0.5, 0.8, 1.25, -1])
        else:
            wide += random.normal(0, max(0.1 * wide.std(), 1e-12), len(wide))
        if kind != "float32":
            wide = np.rint(wide).clip(np.iinfo(kind).min, np.iinfo(kind).max)
        values[:] = wide
    return content[:start] + raw.tobytes() + content[start + size :]


if __name__ == "__main__":
    sys.exit(main())
