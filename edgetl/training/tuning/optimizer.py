"""AdamW whose rate differs from layer to layer, under any back end of Keras."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np


class LayeredAdamW(keras.optimizers.AdamW):  # type: ignore[misc]
    """AdamW (Loshchilov & Hutter, ICLR 2019) with a share of the learning rate for each layer.

    The shares are a variable, so that they can change while training without compiling anew.
    """

    def __init__(self, depths: Sequence[int], **options: Any) -> None:
        """As ``keras.optimizers.AdamW``.

        Args:
            depths: of each trained variable, in their order, the number of its layer from below.
            options: of AdamW.
        """
        super().__init__(**options)
        self._depths = tuple(depths)

    def build(self, variables: Sequence[Any]) -> None:
        """Make the variables; once, as Keras does."""
        if not self.built:
            self.layer_shares = keras.Variable(
                np.ones(max(self._depths) + 1, np.float32),
                trainable=False,
                dtype="float32",
                name="layer_shares",
            )
            self._track_variable(self.layer_shares)
        super().build(variables)

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Move one variable."""
        share = self.layer_shares[self._depths[self._get_variable_index(variable)]]
        super().update_step(gradient, variable, learning_rate * keras.ops.cast(share, learning_rate.dtype))
