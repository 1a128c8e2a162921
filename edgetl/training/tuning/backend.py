"""The little that differs between Keras' back ends."""

import importlib

import keras

_AMPERE = (8, 0)
"""CUDA compute capability from which on a GPU has bfloat16."""


def be_deterministic() -> None:
    """Ask the back end for the same bits each time."""
    if keras.backend.backend() == "tensorflow":
        importlib.import_module("tensorflow").config.experimental.enable_op_determinism()
    elif keras.backend.backend() == "torch":
        # Some kernels have no deterministic form on a GPU: better a last bit than no training.
        importlib.import_module("torch").use_deterministic_algorithms(True, warn_only=True)


def needs_compiling() -> bool:
    """Whether a step that is not compiled with XLA runs one operation at a time, many times slower."""
    return bool(keras.backend.backend() == "jax")


def has_bfloat16() -> bool:
    """Whether the device computes in bfloat16: GPUs from NVIDIA's Ampere (8.0) on, TPUs, and CPUs, slowly."""
    name = keras.backend.backend()
    if name == "torch":
        cuda = importlib.import_module("torch").cuda
        return not cuda.is_available() or cuda.get_device_capability() >= _AMPERE
    if name == "jax":
        device = importlib.import_module("jax").devices()[0]
        told = "8.0" if device.platform != "gpu" else device.compute_capability
        return tuple(map(int, told.split("."))) >= _AMPERE
    config = importlib.import_module("tensorflow").config
    return all(
        config.experimental.get_device_details(device).get("compute_capability", _AMPERE) >= _AMPERE
        for device in config.list_physical_devices("GPU")
    )


def described() -> str:
    """Which it is, and the device it computes on: ``torch 2.13.0 on cuda:0, Keras 3.15.1``."""
    name = keras.backend.backend()
    library = importlib.import_module(name)
    if name == "torch":
        device = "cuda:0" if library.cuda.is_available() else "cpu"
    else:
        device = next(iter(keras.distribution.list_devices()), "cpu")
    return f"{name} {library.__version__} on {device}, Keras {keras.__version__}"
