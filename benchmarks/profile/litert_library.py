"""LiteRT's C library, asked for what its Python classes do not offer: the times of its operators."""

import ctypes
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from edgetl import extras
from edgetl.benchmarks.profile.request import WARM_UP, ProfileRequest
from edgetl.errors import ModelError

Handle: TypeAlias = ctypes.c_void_p
_Size = ctypes.c_size_t

# What is called stands in litert/c/*.h of LiteRT. Of all it tells only the summary is read, which is text:
# no layout of a structure is relied on.
_SUMMARY = "LiteRtGetProfileSummary"
_CPU = 1  # kLiteRtHwAcceleratorCpu
_WRITE = 1  # kLiteRtTensorBufferLockModeWrite
_TYPE_BYTES = 4096
"""Room for a LiteRtRankedTensorType: two numbers, and 8 sizes and strides."""
_KEEP = ctypes.CFUNCTYPE(None, Handle)(lambda _: None)  # what options say is not LiteRT's to free


class Library:
    """``libLiteRt.so`` of the installed package."""

    def __init__(self) -> None:
        """Open it.

        Raises:
            MissingPackageError: the package is not installed.
            ModelError: it is of a version whose profiler is another.
        """
        package = extras.load("ai_edge_litert", extra="litert", purpose="running .tflite files")
        try:
            self._library = ctypes.CDLL(str(Path(package.__file__ or "").with_name("libLiteRt.so")))
            getattr(self._library, _SUMMARY)
        except (OSError, AttributeError):
            version = extras.version("ai-edge-litert")
            raise ModelError(f"LiteRT {version} has no profiler that can be asked; 2.3.0 has") from None

    def call(self, function: str, *arguments: Any) -> None:
        """Call a function that returns a status.

        Raises:
            ModelError: the status is not 0.
        """
        status = getattr(self._library, function)(*arguments)
        if status:
            raise ModelError(f"LiteRT's {function} failed with status {status}")

    def get(self, function: str, *arguments: Any) -> Handle:
        """What a function puts where its last argument points."""
        handle = Handle()
        self.call(function, *arguments, ctypes.byref(handle))
        return handle


def summary(request: ProfileRequest) -> str:
    """Run a model under LiteRT's profiler, and return what that writes.

    Nothing is freed: the process that does this does nothing else.

    Raises:
        MissingPackageError: LiteRT is not installed.
        ModelError: this version has no such profiler, or LiteRT refuses.
    """
    (content,) = request.files.values()
    lite = Library()
    environment = lite.get("LiteRtCreateEnvironment", 0, None)
    kept = ctypes.create_string_buffer(content, len(content))
    model = lite.get("LiteRtCreateModelFromBuffer", environment, kept, _Size(len(content)))
    options = lite.get("LiteRtCreateOptions")
    lite.call("LiteRtSetOptionsHardwareAccelerators", options, _CPU)
    profiling = ctypes.create_string_buffer(b"enable_profiling = true\n")
    threads = ctypes.create_string_buffer(f"num_threads = {request.threads}\n".encode())
    for name, text in ((b"runtime_options_string", profiling), (b"xnnpack", threads)):
        said = lite.get("LiteRtCreateOpaqueOptions", name, text, _KEEP)
        lite.call("LiteRtAddOpaqueOptions", options, said)
    compiled = lite.get("LiteRtCreateCompiledModel", environment, model, options)
    profiler = lite.get("LiteRtCompiledModelGetProfiler", compiled)
    if not profiler:
        raise ModelError(
            f"LiteRT {extras.version('ai-edge-litert')} did not make the profiler it was asked for"
        )
    sources = _buffers(lite, environment, model, compiled, "Input")
    pixels = np.ascontiguousarray(request.pixels)
    source, place = (
        Handle(sources[0]),
        Handle(),
    )  # an array gives plain numbers, which would be cut to 32 bits
    lite.call("LiteRtLockTensorBuffer", source, ctypes.byref(place), _WRITE)
    ctypes.memmove(place, pixels.ctypes.data, pixels.nbytes)
    lite.call("LiteRtUnlockTensorBuffer", source)
    results = _buffers(lite, environment, model, compiled, "Output")
    counts = _Size(len(sources)), _Size(len(results))

    def run() -> None:
        lite.call("LiteRtRunCompiledModel", compiled, _Size(0), counts[0], sources, counts[1], results)

    for _ in range(WARM_UP):
        run()
    lite.call("LiteRtResetProfiler", profiler)
    lite.call("LiteRtStartProfiler", profiler)
    for _ in range(request.runs):
        run()
    lite.call("LiteRtStopProfiler", profiler)
    told = lite.get(_SUMMARY, profiler, compiled)
    return ctypes.string_at(told.value or 0).decode("utf-8", "replace")


def _buffers(lite: Library, environment: Handle, model: Handle, compiled: Handle, side: str) -> Any:
    """An array of the buffers for all inputs or outputs, on the side that is called so."""
    graph = lite.get("LiteRtGetModelSubgraph", model, _Size(0))
    count = lite.get(f"LiteRtGetNumSubgraph{side}s", graph).value or 0
    buffers = (Handle * count)()
    for index in range(count):
        needs = lite.get(f"LiteRtGetCompiledModel{side}BufferRequirements", compiled, _Size(0), _Size(index))
        tensor = lite.get(f"LiteRtGetSubgraph{side}", graph, _Size(index))
        kind = ctypes.create_string_buffer(_TYPE_BYTES)
        lite.call("LiteRtGetRankedTensorType", tensor, kind)
        made = lite.get("LiteRtCreateManagedTensorBufferFromRequirements", environment, kind, needs)
        buffers[index] = made
    return buffers
