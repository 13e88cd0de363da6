"""TwoLayerNet: the first network of the book (chapter 1)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastw2v import config
from fastw2v._checks.numbers import as_int, check_generator
from fastw2v.base_model import BaseModel
from fastw2v.layers import Affine, Sigmoid, SoftmaxWithLoss

__all__ = ["TwoLayerNet"]


class TwoLayerNet(BaseModel):
    """Classifier of two dense layers: affine, sigmoid, affine, softmax with loss.

    Weights are float64, 0.01 * randn; biases are 0.

    rng: None draws the weights from numpy's global stream, as the book does.

    >>> import numpy as np
    >>> from fastw2v.models import TwoLayerNet
    >>> net = TwoLayerNet(input_size=2, hidden_size=10, output_size=3)
    >>> x, t = np.array([[0.1, 0.2], [0.3, 0.4]]), np.array([0, 2])
    >>> bool(abs(net.forward(x, t) - np.log(3)) < 0.1)    # nothing learned yet
    True
    >>> net.backward().shape
    (2, 2)
    >>> net.predict(x).shape
    (2, 3)
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        output_size: int,
        *,
        rng: np.random.Generator | None = None,
    ) -> None:
        config.check()
        sizes = {"input_size": input_size, "hidden_size": hidden_size, "output_size": output_size}
        I, H, O = (as_int(name, size) for name, size in sizes.items())  # noqa: E741
        check_generator("rng", rng)
        normal = (rng or np.random).standard_normal
        self.layers: list[Any] = [
            Affine(0.01 * normal((I, H)), np.zeros(H)),
            Sigmoid(),
            Affine(0.01 * normal((H, O)), np.zeros(O)),
        ]
        self.loss_layer = SoftmaxWithLoss()
        self.params = [param for layer in self.layers for param in layer.params]
        self.grads = [grad for layer in self.layers for grad in layer.grads]

    def predict(self, x: ArrayLike) -> NDArray[np.floating[Any]]:
        """Return the scores (N, output_size) of x (N, input_size)."""
        for layer in self.layers:
            x = layer.forward(x)
        return x

    def forward(self, x: ArrayLike, t: ArrayLike) -> np.floating[Any]:
        """Return the mean loss of x (N, input_size) for classes t, ids (N,) or one-hot rows."""
        return self.loss_layer.forward(self.predict(x), t)

    def backward(self, dout: ArrayLike = 1) -> NDArray[np.floating[Any]]:
        """Return dx (N, input_size); write the gradients of all weights into `grads`."""
        dout = self.loss_layer.backward(dout)
        for layer in reversed(self.layers):
            dout = layer.backward(dout)
        return dout
