"""Ask the engines what they make of a model file, each in a process of its own.

LiteRT tells which operators its XNNPACK delegate took, ONNX Runtime writes the graph it optimised, and
OpenVINO describes the layers it compiled. The answers hold for this machine and this version. Nothing is run.
"""

from collections.abc import Mapping, Sequence
from typing import TypeAlias

from edgetl import extras, isolated
from edgetl.converters.anatomy.facts import QUANTIZED, Anatomy, Execution, Operator, SlowOperator
from edgetl.errors import EdgetlError
from edgetl.files import scratch_folder
from edgetl.runtime import confined, onnx_external, restraint
from edgetl.runtime.openvino import refuse_other_formats

_ENGINES = {
    "tflite": ("litert", "ai_edge_litert", "ai-edge-litert", "litert"),
    "onnx": ("onnxruntime", "onnxruntime", "onnxruntime", "onnx"),
    "openvino": ("openvino", "openvino", "openvino", "openvino"),
}
_Answer: TypeAlias = tuple[str, list[SlowOperator]]
_SECONDS = 120  # of the processor, twice so many by the clock: no file may keep an engine for ever
_8_BIT_KERNELS = ("QLinear", "QGemm", "QAttention", "MatMulInteger", "ConvInteger", "DynamicQuantize", "QMoE")


def ask(anatomy: Anatomy, files: Mapping[str, bytes]) -> Execution:
    """What the engine of the file's format makes of it here. It never raises: "unknown" is an answer too."""
    engine, package, distribution, extra = _ENGINES[anatomy.format]
    if not extras.is_installed(package):
        summary = f"unknown, since {engine} is not installed: pip install 'edgetl[{extra}]'"
        return Execution(engine, summary, None)
    name = f"{engine} {extras.version(distribution) or ''}".strip()
    try:
        summary, found = isolated.call(
            "edgetl.converters.anatomy.execution:answer",
            engine,
            dict(files),
            anatomy.graph,
            confined.memory_for(sum(map(len, files.values()))),
            doing=f"loading it in {engine}",
            timeout_s=2 * _SECONDS,
        )
    except EdgetlError as error:
        return Execution(name, f"unknown: {error}", None)
    return Execution(name, summary, tuple(found))


def answer(
    engine: str, files: Mapping[str, bytes], graph: tuple[Operator, ...], memory_bytes: int
) -> _Answer:
    """What runs in the other process: ask one engine, with limits on the time and memory it takes."""
    restraint.limit_memory(memory_bytes, cpu_s=_SECONDS)
    return _ASKED[engine](files, graph)


def _ask_litert(files: Mapping[str, bytes], graph: tuple[Operator, ...]) -> _Answer:
    """Which operators XNNPACK, the delegate that LiteRT applies by itself, leaves to the plain kernels."""
    from ai_edge_litert.interpreter import Interpreter

    (content,) = files.values()
    interpreter = Interpreter(model_content=content, num_threads=1)
    interpreter.allocate_tensors()
    # Private, and the only way to the execution plan; the version is pinned below the next major one.
    nodes = interpreter._get_ops_details()  # noqa: SLF001
    delegates = [node for node in nodes if node["op_name"] == "DELEGATE"]
    maker = {int(tensor): node for node in nodes[: len(graph)] for tensor in node["outputs"]}
    taken: set[int] = set()
    for delegate in delegates:
        known = set(map(int, delegate["inputs"]))
        wanted = [int(tensor) for tensor in delegate["outputs"]]
        while wanted:
            tensor = wanted.pop()
            if tensor in maker and tensor not in known:
                known.add(tensor)
                taken.add(maker[tensor]["index"])
                wanted += [int(source) for source in maker[tensor]["inputs"]]
    slow = [
        _slow(operator, "left to plain kernels by XNNPACK")
        for operator in graph
        if operator.place not in taken
    ]
    parts = f", in {len(delegates)} parts" if len(delegates) > 1 else ""
    return f"XNNPACK takes {len(graph) - len(slow)} of {len(graph)} operators{parts}", slow


def _ask_onnxruntime(files: Mapping[str, bytes], graph: tuple[Operator, ...]) -> _Answer:
    """Which quantized operators ONNX Runtime did not fuse into int8 kernels, and so computes in float."""
    import onnx
    import onnxruntime

    (content,) = files.values()
    onnx_external.refuse(content)
    model = onnx.load_model_from_string(content)
    # ONNX Runtime keeps the names when it fuses; the names the file has need not be there, or differ.
    for place, node in enumerate(model.graph.node):
        node.name = f"edgetl-{place}"
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = 1
    # One below the highest: that one depends on the CPU and changes the layout, not what is int8.
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    with scratch_folder() as folder:
        options.optimized_model_filepath = str(folder / "optimised.onnx")
        onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
        left = onnx.load(options.optimized_model_filepath, load_external_data=False)
    kinds = {node.name: node.op_type for node in left.graph.node}
    quantized = [operator for operator in graph if operator.arithmetic in QUANTIZED]
    slow = []
    for operator in quantized:
        kind = kinds.get(f"edgetl-{operator.place}")
        # Gone means fused into its neighbour, which is in the list itself.
        if kind is not None and not kind.startswith(_8_BIT_KERNELS):
            why = "without an int8 kernel in ONNX Runtime, so computed in float"
            slow.append(_slow(operator, why, computed="float32"))
    return _share(quantized, slow), slow


def _ask_openvino(files: Mapping[str, bytes], graph: tuple[Operator, ...]) -> _Answer:
    """Which quantized layers OpenVINO's CPU plug-in compiled in another precision."""
    import numpy as np
    import openvino

    refuse_other_formats(files)
    parts = {name.rpartition(".")[2].lower(): content for name, content in files.items()}
    core = openvino.Core()
    weights = openvino.Tensor(np.frombuffer(parts["bin"], np.uint8), shared_memory=False)
    quantized = [operator for operator in graph if operator.arithmetic in QUANTIZED]
    # As edgetl's own engine sets it: some CPUs compute float models in bfloat16 otherwise.
    settings = {} if quantized else {"INFERENCE_PRECISION_HINT": "f32"}
    model = core.read_model(parts["xml"], weights)
    compiled = core.compile_model(model, "CPU", {"INFERENCE_NUM_THREADS": 1, **settings})
    kernels: dict[str, str] = {}
    for layer in compiled.get_runtime_model().get_ordered_ops():
        facts = layer.get_rt_info()
        # What was fused into a layer is named beside it: "conv_1,conv_1/bias,relu_1".
        for name in str(facts["originalLayersNames"].value).split(","):
            kernels[name] = str(facts["primitiveType"].value)
    slow = []
    for operator in quantized:
        kernel = kernels.get(operator.name) or _of_derived(kernels, operator.name)
        # The name ends with the type it computes in: brgconv_avx512_1x1_I8.
        if kernel is not None and not kernel.lower().endswith(("_i8", "_u8")):
            why = f"computed by OpenVINO with {kernel}"
            slow.append(_slow(operator, why, computed="float32"))
    # Silently, on CPUs that have instructions for it.
    halves = {
        word
        for operator in graph
        if operator.arithmetic and operator.macs
        for word in (kernels.get(operator.name, "").lower().rpartition("_")[2],)
        if word in ("bf16", "f16", "fp16")
    }
    note = f", and computes products of floats in {', '.join(sorted(halves))}" if halves else ""
    return _share(quantized, slow) + note, slow


def _of_derived(kernels: Mapping[str, str], name: str) -> str | None:
    """The kernel of a layer that OpenVINO renamed: ``dense/MatMul/DequantizationMultiply``."""
    return next((kernel for found, kernel in kernels.items() if found.startswith(f"{name}/Dequant")), None)


def _share(quantized: Sequence[Operator], slow: Sequence[SlowOperator]) -> str:
    if not quantized:
        return "computes everything in float"
    return f"has int8 kernels for {len(quantized) - len(slow)} of {len(quantized)} quantized operators"


def _slow(operator: Operator, why: str, computed: str | None = None) -> SlowOperator:
    return SlowOperator(operator.kind, operator.name, operator.place, operator.macs, why, computed)


_ASKED = {"litert": _ask_litert, "onnxruntime": _ask_onnxruntime, "openvino": _ask_openvino}
