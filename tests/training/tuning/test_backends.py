"""Training under another back end of Keras, where it is installed."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from edgetl import extras

# The small network of test_loop, in a fresh process, since one has one back end; its first weights by NumPy,
# since each back end draws others.
SCRIPT = """
import json, sys
from pathlib import Path
import numpy as np
sys.path.insert(0, sys.argv[1])
import test_loop
upper, random = test_loop.built(), np.random.default_rng(0)
for variable in upper.model.trainable_variables:
    variable.assign(random.normal(0, 0.3, variable.shape).astype(np.float32))
print(json.dumps(test_loop.fit(Path(sys.argv[2]), upper=upper).history))
"""


def history(name: str, folder: Path) -> list[dict[str, float]]:
    environment = {**os.environ, "KERAS_BACKEND": name}
    command = [sys.executable, "-W", "ignore", "-c", SCRIPT, str(Path(__file__).parent), str(folder)]
    done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    found: list[dict[str, float]] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.mark.parametrize("name", ["torch", "jax"])
def test_it_learns_what_tensorflow_learns(name: str, tmp_path: Path) -> None:
    if not extras.is_installed(name):
        pytest.skip(f"needs {name}: pip install {name}")
    for theirs, ours in zip(
        history(name, tmp_path / "0"), history("tensorflow", tmp_path / "1"), strict=True
    ):
        assert theirs == pytest.approx(ours, abs=2e-3)
