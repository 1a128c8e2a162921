"""OpenVINO models, on the CPU plug-in."""

import sys
import threading
from collections.abc import Mapping
from types import ModuleType
from typing import Any, cast, final

import numpy as np

from edgetl import extras
from edgetl.errors import ModelError
from edgetl.runtime.base import AbstractEngine, Images, Outputs, check_input
from edgetl.runtime.signal_stack import signal_stack_kept


@final
class OpenVinoEngine(AbstractEngine):
    """One compiled model and one infer request, which threads use in turn."""

    name = "openvino"

    def _load(self, files: Mapping[str, bytes]) -> None:
        no_telemetry()
        openvino = extras.load("openvino", extra="openvino", purpose="running OpenVINO .xml files")
        parts = {name.rpartition(".")[2]: content for name, content in files.items()}
        if set(parts) != {"xml", "bin"}:
            raise ModelError(f"an OpenVINO model is an .xml and a .bin file, not {', '.join(files)}")
        refuse_other_formats(files)
        core = openvino.Core()
        # A copy that OpenVINO owns: with shared memory the model would outlive its weights.
        weights = openvino.Tensor(np.frombuffer(parts["bin"], dtype=np.uint8), shared_memory=False)
        model = core.read_model(parts["xml"], weights)
        with signal_stack_kept():
            self._compiled = core.compile_model(model, "CPU", settings(parts["xml"], self.num_threads))
        source = self._compiled.inputs[0]
        if source.partial_shape.is_dynamic:
            raise ModelError(
                f"the model's input {source.partial_shape} has no fixed size: export it with edgetl export"
            )
        self.input_shape = check_input(source.partial_shape.to_shape(), source.element_type.to_dtype())
        # One for all threads, in turn: with the latency hint, several would wait for each other all the same.
        # Nor does a thread of its own keep one: freed as the thread ends, it aborts a program that ends too.
        self._request = self._compiled.create_infer_request()
        # Views of the request's own tensors: handing it a picture each time takes 0.1 ms more on a PC.
        self._pixels = self._request.get_input_tensor(0).data
        self._answers = [self._request.get_output_tensor(i).data for i in range(len(self._compiled.outputs))]
        self._lock = threading.Lock()

    def _run_one(self, image: Images) -> Outputs:
        with self._lock:
            np.copyto(self._pixels, image)
            self._request.infer()
            return tuple(answer.copy() for answer in self._answers)

    def _free(self) -> None:
        with self._lock, signal_stack_kept():  # not under an inference of another thread
            del self._pixels, self._answers, self._request, self._compiled


def refuse_other_formats(files: Mapping[str, bytes]) -> None:
    """Refuse what OpenVINO would read as another format, whatever the file is called.

    An ONNX model among them may take its weights from any file of this machine.

    Raises:
        ModelError: the ``.xml`` is none of OpenVINO's.
    """
    for name, content in files.items():
        if name.lower().endswith(".xml") and not content.startswith((b"<?xml", b"<net")):
            raise ModelError(f"openvino cannot load {name}: it begins with neither <?xml nor <net")


def settings(xml: bytes, num_threads: int) -> dict[str, Any]:
    """What a model is compiled with: its ``.xml`` tells whether it is quantized."""
    # Some CPUs silently compute float models in bfloat16 otherwise. For float models alone: on cores with
    # dot-product instructions it makes int8 layers 90 times slower (counted on an emulated Cortex-A76).
    precision = {} if b'type="FakeQuantize"' in xml else {"INFERENCE_PRECISION_HINT": "f32"}
    return {
        "INFERENCE_NUM_THREADS": num_threads,
        "PERFORMANCE_HINT": "LATENCY",
        # Pinned, the threads of two models in one process share a core while the other idles.
        "ENABLE_CPU_PINNING": False,
        **precision,
    }


def no_telemetry() -> None:
    """Keep OpenVINO from calling home: on import, its tools send their usage to Google Analytics.

    OpenVINO then takes a stub of its own, which sends nothing.
    """
    sys.modules.setdefault("openvino_telemetry", cast(ModuleType, None))  # None: "cannot be imported"
