"""What the language models have in common: layers in a row, and the loss of their scores.

N batch, T time, V vocabulary.
"""

import contextlib

from fastw2v import _validation
from fastw2v.base_model import BaseModel
from fastw2v.layers import has_own_methods
from fastw2v.time_layers import TimeAffine, TimeEmbedding, TimeSoftmaxWithLoss

__all__ = ["LanguageModel", "is_ours", "is_own", "loss_of", "states_kept"]


class LanguageModel(BaseModel):
    """`layers` turn ids (N, T) into scores (N, T, V); `loss_layer` makes a loss of them.

    A subclass calls `_hold` with its layers. They may be replaced afterwards, by a reader's own
    too.
    """

    def _hold(self, *layers):
        self.layers = list(layers)
        self.loss_layer = TimeSoftmaxWithLoss()
        self.params = [param for layer in layers for param in layer.params]
        self.grads = [grad for layer in layers for grad in layer.grads]

    def predict(self, xs):
        """Ids (N, T) -> scores (N, T, V) of the word after each."""
        for layer in self.layers:
            xs = layer.forward(xs)
        return xs

    def forward(self, xs, ts):
        """The mean loss of ids xs (N, T) and of the ids that follow them ts (N, T)."""
        return self._loss(ts, xs)

    def _loss(self, ts, xs, *options):
        """Loss of the scores self.predict(xs, *options); nothing has changed if it raises."""
        ours = self._is_plain()
        if ours:
            V = self.layers[-1].params[0].shape[1]
            xs = _validation.ids_over_time("xs", xs, len(self.layers[0].W))
            _validation.targets_over_time("ts", ts, (*xs.shape, V), self.loss_layer.ignore_label)
        with states_kept(self.layers):
            return loss_of(self.loss_layer, self.predict(xs, *options), ts, ours)

    def backward(self, dout=1):
        """Gradients into `grads`; returns None."""
        dout = self.loss_layer.backward(dout)
        for layer in reversed(self.layers):
            dout = layer.backward(dout)
        return dout

    def _is_plain(self):
        """Whether ids come in and scores go out through layers of ours, and nobody else's."""
        return (
            is_own(self, "predict")
            and is_ours(self.layers[0], TimeEmbedding)
            and is_ours(self.layers[-1], TimeAffine)
            and type(self.loss_layer) is TimeSoftmaxWithLoss
        )


def is_own(thing, name):
    """Whether the method `name` of a model is one of fastw2v's, not a reader's."""
    module = str(getattr(getattr(type(thing), name), "__module__", ""))
    return module.startswith("fastw2v.") and name not in vars(thing)


def is_ours(layer, kind):
    """Whether a layer is of exactly this class, and has no methods of its own."""
    return type(layer) is kind and not has_own_methods(layer)


def loss_of(loss_layer, score, ts, owned):
    """loss_layer.forward(score, ts); `owned`: nobody else will write to the scores."""
    if owned and is_ours(loss_layer, TimeSoftmaxWithLoss):
        return loss_layer.forward(score, ts, copy=False)
    return loss_layer.forward(score, ts)


@contextlib.contextmanager
def states_kept(layers):
    """If the block raises, give the layers the states `h` and `c` they had before."""
    before = [
        (layer, name, getattr(layer, name))
        for layer in layers
        for name in ("h", "c")
        if name in getattr(layer, "__dict__", ())
    ]
    try:
        yield
    except BaseException:
        for layer, name, state in before:
            setattr(layer, name, state)
        raise
