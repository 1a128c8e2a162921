"""Mixed precision: a twin of the network that computes in 16 bits while the weights keep their 32.

The twin alone is trained. What judges, is saved and is exported is the network itself, in float32
(Micikevicius et al., *Mixed precision training*, ICLR 2018).
"""

from typing import Any

import keras

from edgetl.training.tuning import backend
from edgetl.training.tuning.network import HEAD

_EXACT = (HEAD, "preprocess")
"""Layers that stay in float32: the loss needs the whole range, and pixels come in one step."""


def policy(precision: str) -> str | None:
    """Keras' name of what to compute in, or None for float32 throughout.

    Args:
        precision: ``float32`` or ``mixed``. Mixed is bfloat16 where the device has it, whose range is that of
            float32; else float16, whose gradients have to be scaled.
    """
    if precision != "mixed":
        return None
    return "mixed_bfloat16" if backend.has_bfloat16() else "mixed_float16"


def twin(model: keras.Model, name: str) -> keras.Model:
    """The same layers under a policy, with the same weights in the same order, float32 as before.

    Args:
        model: functional, float32.
        name: of the policy, as :func:`policy` gives it.
    """

    def converted(operation: Any) -> Any:
        if not isinstance(operation, keras.Layer) or isinstance(operation, keras.layers.InputLayer):
            return operation
        config = operation.get_config()
        if operation.name not in _EXACT:
            config["dtype"] = name
        return type(operation).from_config(config)

    other = keras.models.clone_model(model, clone_function=converted)
    other.set_weights(model.get_weights())
    return other


def scaled(optimizer: keras.optimizers.Optimizer, name: str | None) -> keras.optimizers.Optimizer:
    """The optimizer, under float16 behind one that scales the loss so that small gradients are not lost."""
    return keras.optimizers.LossScaleOptimizer(optimizer) if name == "mixed_float16" else optimizer
