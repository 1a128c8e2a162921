"""Three tiny models, one for each format, with which ``edgetl doctor`` tries the engines.

All are the same classifier: mean colour of a uint8 picture (1, 8, 8, 3), one dense layer, softmax over
three classes. Made with ``python -c 'import tiny_models as t; t.print_probes()'`` in tests/, that is with
TensorFlow 2.21, onnx 1.23 (opset 13) and OpenVINO 2026.4; compressed with zlib, written in base 64.
"""

import base64
import zlib

import numpy as np
from numpy.typing import NDArray

PICTURE: NDArray[np.uint8] = np.broadcast_to(np.array([20, 90, 40], np.uint8), (1, 8, 8, 3))
"""A picture of one colour."""
ANSWER: NDArray[np.float32] = np.array([[0.424754, 0.546506, 0.028740]], np.float32)
"""What every engine must answer to :data:`PICTURE`, computed in numpy and double precision."""
TOLERANCE = 1e-3
"""Largest difference of a probability that counts as right."""

_MODELS = {
    "tflite": {
        "model.tflite": (
            "eNp1VD1MFFEQnvvlOC7nGTfnoVdcDAUFOQHF+HMJ4IERw4FBYum6YVezybGQuz1iYXEkVlbGUFAYY0FhYUlBQWJPrI0F"
            "sbCisLRE1m/emzuWUzf5sm9nZ7558828VySi5Xvz1wwqUZEKZFCOMrClKI41wUb0BjgCclGiErCdIIrhO8I24ietojgm"
            "ja+MxFWAc0DTaWy43nPTdp5Zrbqv4uLAdhAEfbJOAWstf73lm6Mk3Gz/+jsI+J0E1t0XTr1JhC3Qdfl/CI60rC8A1cWF"
            "x7NLj+YWF8za7PL0zPTyNLj13jhHf8h31fXMRsvz3VXH3HAaTXfNowHYh5C8GNGb+ILXLvAJ2AHeAVuALzwbJ3p/T7ta"
            "cC3Zbj62DSlrUtmSEkdKp47ecaXZQeHlrQ+vjxZZ26j4sf94eXysDFV+SC7mHCvfKI/S6XPzOAgqwBQwA2QD7ZsSLZnv"
            "ith4P5vtNreHiofpymab9t23Tyqh9T6vl8Q/o1NMSqrPO+D/CHBva/NzS6Xqmgf9fMcuq1yGcst2q+O6s2LnucjByQAK"
            "EV3jquV6JPV+47kAHoZ4LgnPgPAU9T76+V0iPYthfYnak7yPPqmdbQeoxZD25ISbNVnHfHV8mCch9khPDQOhGvBc7nCw"
            "365wJEJ9i8m56JyltPQiE5rtiAga3iuJ3yE+toAZ4Bjf+8Ar4L7EvscscEhO5iElWkzBfp71sxq+62OiHbtq1eu3R0N1"
            "8d6+98Rz/gIrd6LPU83ya636Hcu2z8blg7NxSdFhT2az5liql+GYBz0xCYn5KTFVq+lTSJOUgGPvSqwhMXJ2ojzDI/iX"
            "l5xXG47dWuGCTdez3RWneTr3Bz35Y8JVhz3ZrVX7xrq9y6vek0ywfvooLy3rcEXlvQcujmPBIiEOvlMv/oejIJpL32Mj"
            "qr64qrHw971p6vtPtfKfWrFtSs63EbofBzX/4BHW/XJ2fmE9rNfDGTXfmpXnc0LbJ/4ADafnzQ=="
        ),
    },
    "onnx": {
        "model.onnx": (
            "eNpVkMFKw0AQhrOb2Kxjo2ERyUFQQ08LHr1owFIPQsGL3jwIG7utg0kT3JXGW/oKPkEfpOAj+AI+jJs0FRz4DsPMP//P"
            "MHb5TeEMeiVWKtO8N80KaXTs3UhtxC5QU0RkRShcQTfiO7mScx3DvZq8P6s724gAPFkpPSRDuiK+OAD2qlQ5wVxHTiMe"
            "wEYE/kLh7MVo8FKU1i0rZti43ao8h3Poeh6Ub0UqU8zQoNKx/1BMTS4rsdf4oG4Tcc/g/ENcMJe5IRltL48Hy7pOlrWz"
            "bnBs4edTYlkf/0CyRUStqE0x7tula2dTX4+nf784gkNGeQiUEQvrcNMT+J+P70OfEc66RXfkgRMGv0FYVU8="
        ),
    },
    "openvino": {
        "model.xml": (
            "eNrNWF9P2zAcfIZPEeWZktpJ21QKoG3SJB46EGPbo+U2DngkdhQ7rN2nn53E+QOkC6VlEw/Ejnu++93ZtRtcrJPYeiSZ"
            "oJyd2eB0bF+cHweMSIvhhJzZkrKN3RoA7PPjoyDGG9WjnqpHi4Zn9tiuPpPSNYmFbclNqlrXOFO9kmQtGJ4KIgsohRBi"
            "iS1xj/VgcOKrP9e2SEwSwiQqMXLftpxydCYRZREvGkcBljKjy1ySamoehwinFCU4RW2I1tyK5iOOczU4cmEN67RxA57L"
            "NJfVHCnPpBGYZmRFS5xvfqlX1ILL8UoQTc5B4Oh/rR5/QI/b6gkcPXHFriEUOEXFn9QemNpHMceyrv0nzpRuubXyIRHK"
            "ZCzV66ra7bpQNqQQB1TeEOhxBXTIfL7W5CtfqmL8Q1+g8UU5ISRWaZy0vBHbnemuATr1bLNMFCyPIjW+8ELQ33rpTGvT"
            "hsT3UsG1JcJdJbpGYkIwq5N3Q8J8RRaqa6vEB0JSpObVZuFYkNfkrrD6YN72Jmxw4f6aXNif3LKW28XtHErPOHabqVlS"
            "LggC87m/azCL7aIKpntiuU02dSTLcLqvC+cza939qZ8Y9TG/o1I4P6i8V5/5SLEgdXwXWC7yeGsRZF08XIe36Vuqr84s"
            "33eeX5vVt9Rxl/geKLDTZ7sodL295BV08jqB9WYK35bXPYqfdfNqVH8Iw62acS45WmYchysslDaWJ+nmf4sjOGwczW5a"
            "Ve5ABvn1uTfjS7ykMZW02Um+8kgu8PqpV37HqzUVRa3ew523Ham6Gg9U0fmLFXUEZQ9Iw6Bxc8wQefzC4rfKKVA/63cr"
            "ciOxetL3poCEd6S8QOknK8p4MireFhyKpgYrWpKbV6Bo1C+clwFABwC0AdxBALCfQRsA9AK4HQDYBpgMYuD1M5gMYjDp"
            "ZzAbxGDaz2A2iMGsn4E/iIHfb+P8OUDgmEi1r8iBfqgW01VK2PfLL1fWTc4kTUh9D4ZjOD31TsEIwrkPRwQCFwNvBiez"
            "Uaa+OvW5yNFjHM9wrRBQtex2B1oVF1SNgVLzO4EoV1Ckm7949mDQOWPrZosUKN2ogxtDfPmTrKQZdNscugKnD7112w8c"
            "RtQy/QOMOMOO"
        ),
        "model.bin": ("eNpjZIAAJijd2NBgA6Jl7nDZNDYw7MmcFGeDxN4DYgOl7aHK9wMAckENnQ=="),
    },
}


def files(format_name: str) -> dict[str, bytes]:
    """The model's bytes by file name."""
    return {name: zlib.decompress(base64.b64decode(text)) for name, text in _MODELS[format_name].items()}
