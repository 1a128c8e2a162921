"""The little that differs between Keras' back ends."""

import importlib

import keras


def be_deterministic() -> None:
    """Ask the back end for the same bits each time."""
    if keras.backend.backend() == "tensorflow":
        importlib.import_module("tensorflow").config.experimental.enable_op_determinism()
    elif keras.backend.backend() == "torch":
        # Some kernels have no deterministic form on a GPU: better a last bit than no training.
        importlib.import_module("torch").use_deterministic_algorithms(True, warn_only=True)


def described() -> str:
    """Which it is, and the device it computes on: ``torch 2.13.0 on cuda:0, Keras 3.15.1``."""
    name = keras.backend.backend()
    library = importlib.import_module(name)
    if name == "torch":
        device = "cuda:0" if library.cuda.is_available() else "cpu"
    else:
        device = next(iter(keras.distribution.list_devices()), "cpu")
    return f"{name} {library.__version__} on {device}, Keras {keras.__version__}"
