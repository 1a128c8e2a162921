"""Keras as a feature extractor, for machines with a GPU, where it is the fastest."""

from collections.abc import Mapping
from typing import final

import keras
import numpy as np

from edgetl.files import scratch_folder, write_bytes
from edgetl.runtime.base import AbstractEngine, Images, Outputs


@final
class KerasEngine(AbstractEngine):
    """Runs a ``.keras`` file that edgetl wrote, under whichever back end ``KERAS_BACKEND`` names."""

    name = "keras"

    def _load(self, files: Mapping[str, bytes]) -> None:
        ((name, content),) = files.items()
        with scratch_folder() as folder:
            place = folder / name
            write_bytes(place, content)
            self._model = keras.models.load_model(place, compile=False)
        _, height, width, channels = self._model.input_shape
        self.input_shape = (height, width, channels)
        # The first batch compiles, and TensorFlow says so: best while its output is hidden.
        self._model.predict_on_batch(np.zeros((1, height, width, channels), np.uint8))

    def run(self, images: Images) -> Outputs:
        """As :meth:`AbstractEngine.run`, but a whole batch at once: that is what a GPU is for."""
        return (np.asarray(self._model.predict_on_batch(images), np.float32),)

    def _run_one(self, image: Images) -> Outputs:
        return self.run(image)

    def _free(self) -> None:
        del self._model
