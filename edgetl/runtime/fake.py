"""An engine without a model, so that every example, test and command runs without a board."""

import json
import time
from collections.abc import Mapping, Sequence
from typing import final

import numpy as np

from edgetl.runtime.base import AbstractEngine, Images, Outputs


@final
class FakeEngine(AbstractEngine):
    """Answers with given probabilities after a given delay, whatever it is shown."""

    name = "fake"

    @classmethod
    def answering(
        cls,
        probabilities: Sequence[float],
        *,
        shape: tuple[int, int, int] = (224, 224, 3),
        delay_s: float = 0.0,
    ) -> "FakeEngine":
        """Build one from its answer.

        Args:
            probabilities: one row, in the order of the labels.
            shape: (height, width, 3) of the pictures it takes.
            delay_s: seconds each picture takes.
        """
        model = {"probabilities": list(probabilities), "shape": list(shape), "delay_s": delay_s}
        return cls({"model.fake": json.dumps(model).encode()}, num_threads=1)

    def _load(self, files: Mapping[str, bytes]) -> None:
        (content,) = files.values()
        model = json.loads(content)
        self._answer = np.asarray([model["probabilities"]], np.float32)
        self._delay_s = float(model["delay_s"])
        height, width, channels = model["shape"]
        self.input_shape = (height, width, channels)

    def _run_one(self, image: Images) -> Outputs:
        time.sleep(self._delay_s)
        return (self._answer.copy(),)

    def _free(self) -> None:
        """Nothing to free."""
