"""ONNX models, in ONNX Runtime on the CPU."""

from collections.abc import Mapping
from typing import final

import numpy as np

from edgetl import extras
from edgetl.errors import ModelError
from edgetl.runtime import onnx_external
from edgetl.runtime.base import AbstractEngine, Images, Outputs, check_input

_ERRORS_ONLY = 3  # severity in ONNX Runtime's logging: 0 verbose, 4 fatal


@final
class OnnxRuntimeEngine(AbstractEngine):
    """One session, which ONNX Runtime lets several threads share."""

    name = "onnxruntime"
    runs_in_parallel = True

    def _load(self, files: Mapping[str, bytes]) -> None:
        (content,) = files.values()
        onnx_external.refuse(content)
        onnxruntime = extras.load("onnxruntime", extra="onnx", purpose="running .onnx files")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = self.num_threads
        options.inter_op_num_threads = 1
        options.log_severity_level = _ERRORS_ONLY
        self._session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        sources = self._session.get_inputs()
        if len(sources) != 1 or sources[0].type != "tensor(uint8)":
            found = ", ".join(f"{source.name} {source.type}" for source in sources)
            raise ModelError(
                f"the model's input is {found}, not one tensor(uint8): export it with edgetl export"
            )
        self.input_shape = check_input(sources[0].shape, np.uint8)
        self._input = sources[0].name

    def _run_one(self, image: Images) -> Outputs:
        # It reads the pixels where they are.
        return tuple(self._session.run(None, {self._input: image}))

    def _free(self) -> None:
        del self._session
