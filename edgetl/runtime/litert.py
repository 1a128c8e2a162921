"""TFLite models, in ``ai-edge-litert`` or in ``tflite-runtime``, its smaller predecessor for old boards."""

import mmap
import threading
from collections.abc import Mapping
from typing import Any, final

import numpy as np

from edgetl import extras
from edgetl.runtime.base import AbstractEngine, Images, Outputs, check_input
from edgetl.runtime.quiet import native_output_hidden

_MARGIN_BYTES = 16_000_000


class _Interpreter(AbstractEngine):
    """What the two packages share: they are the same interpreter at different ages."""

    module: str
    extra: str

    def _load(self, files: Mapping[str, bytes]) -> None:
        (content,) = files.values()
        package = extras.load(self.module, extra=self.extra, purpose="running .tflite files")
        _refuse_without_memory(len(content))
        with native_output_hidden():
            # Bytes, never a path: only then does the FlatBuffer verifier run, and the bytes that
            # were hashed are the bytes that are loaded.
            self._interpreter = package.Interpreter(model_content=content, num_threads=self.num_threads)
            self._interpreter.allocate_tensors()
        (source,) = self._interpreter.get_input_details()
        self.input_shape = check_input(source["shape"], source["dtype"])
        self._input = source["index"]
        self._outputs = self._interpreter.get_output_details()
        # One interpreter holds one set of tensors: two threads in it raise or mix their answers.
        self._lock = threading.Lock()

    def _run_one(self, image: Images) -> Outputs:
        with self._lock:
            # The only copy of the pixels; the outputs are copied, since the next inference overwrites them.
            self._interpreter.set_tensor(self._input, image)
            self._interpreter.invoke()
            return tuple(_to_float(self._interpreter.get_tensor(out["index"]), out) for out in self._outputs)

    def _free(self) -> None:
        with self._lock:  # not under an inference of another thread
            self._interpreter = None


def _refuse_without_memory(size: int) -> None:
    """Ask for what a model of that many bytes takes at least, since LiteRT aborts where it gets too little.

    Address space only: nothing is touched, so it costs nothing.
    """
    try:
        mmap.mmap(-1, 4 * size + _MARGIN_BYTES).close()
    except OSError:
        raise MemoryError from None


def _to_float(values: Any, details: dict[str, Any]) -> Any:
    if values.dtype == np.float32:
        return values
    scale, zero_point = details["quantization"]
    return (values.astype(np.float32) - zero_point) * np.float32(scale)


@final
class LiteRTEngine(_Interpreter):
    """LiteRT, the current interpreter."""

    name = "litert"
    module = "ai_edge_litert.interpreter"
    extra = "litert"


@final
class TFLiteRuntimeEngine(_Interpreter):
    """tflite-runtime 2.14, the last of its line: NumPy 1 and Python 3.11 or older.

    It does not verify what it is given, so a truncated model ends the process; the models of a bundle
    are hashed before they come here.
    """

    name = "tflite-runtime"
    module = "tflite_runtime.interpreter"
    extra = "tflite"
