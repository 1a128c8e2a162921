"""Store the weights of an ``.onnx`` graph in half precision; the arithmetic stays float32.

``onnxruntime.transformers.float16`` turns the arithmetic into float16 as well. ONNX Runtime has no such
kernels for most CPUs and wraps every node in casts (see converters/README.md for what that costs), so only
the kernels are halved here: ONNX Runtime casts them back once, when it loads the model. Biases and scales
stay: they are a hundredth of the file, and halved they cost ten times the accuracy.
"""

import numpy as np
import onnx

_SMALLEST = 64
"""Values; halving fewer saves less than the cast takes."""


def halve(model: onnx.ModelProto) -> None:
    """Replace each float32 matrix and kernel by a float16 one and a ``Cast`` to float32."""
    graph = model.graph
    casts = []
    for tensor in graph.initializer:
        axes = [size for size in tensor.dims if size > 1]
        if tensor.data_type != onnx.TensorProto.FLOAT or len(axes) < 2 or int(np.prod(axes)) < _SMALLEST:
            continue
        values = onnx.numpy_helper.to_array(tensor)
        if np.abs(values).max() > np.finfo(np.float16).max:
            continue
        name = tensor.name
        tensor.CopyFrom(onnx.numpy_helper.from_array(values.astype(np.float16), f"{name}_float16"))
        casts.append(
            onnx.helper.make_node(
                "Cast", [tensor.name], [name], name=f"{name}_to_float32", to=onnx.TensorProto.FLOAT
            )
        )
    nodes = [*casts, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)
