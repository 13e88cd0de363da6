"""Base of the language models: layers in a row, and the loss of their scores.

N batch, T time, V vocabulary.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastw2v._checks.ids import as_ids_over_time, as_targets_over_time
from fastw2v._core.fast_path import is_defined_in, is_patched, is_unmodified, method_is_from
from fastw2v._core.scratch import Scratch
from fastw2v._losses.output_pass import output_pass, pays
from fastw2v.base_model import BaseModel
from fastw2v.time_layers import TimeAffine, TimeEmbedding, TimeSoftmaxWithLoss

__all__ = ["MODELS", "LanguageModel", "loss_of", "states_kept"]

MODELS = "fastw2v.models"  # where a method has to be written for it to be one of ours


class LanguageModel(BaseModel):
    """Base class: `layers` turn ids (N, T) into scores (N, T, V), `loss_layer` into a loss.

    A subclass calls `_hold` with its layers. Users may replace them afterwards.
    """

    def _hold(self, *layers):
        self.layers: list[Any] = list(layers)
        self.loss_layer = TimeSoftmaxWithLoss()
        self.params = [param for layer in layers for param in layer.params]
        self.grads = [grad for layer in layers for grad in layer.grads]

    _memory = None  # the last scores, if no caller has them
    _out = None  # the same array, for the one call of predict that may overwrite it
    _blocks = None  # memory for the scores of a block of rows, see `_fit_step`

    def predict(self, xs: ArrayLike) -> NDArray[np.floating[Any]]:
        """Return the scores (N, T, V) of the word after each id of xs (N, T)."""
        out, self._out = self._out, None
        *layers, last = self.layers
        for layer in layers:
            xs = layer.forward(xs)
        return last.forward(xs) if out is None else last.forward(xs, out=out)

    def forward(self, xs: ArrayLike, ts: ArrayLike) -> np.floating[Any]:
        """Return the mean loss of ids xs (N, T) and the ids ts (N, T) that follow them."""
        return self._loss(ts, xs)

    def _loss(self, ts, xs, *options):
        """Return the loss of self.predict(xs, *options); if it raises, no state has changed."""
        ours = self._ends_are_ours()
        if ours:
            V = self.layers[-1].params[0].shape[1]
            xs = as_ids_over_time("xs", xs, len(self.layers[0].W))
            as_targets_over_time("ts", ts, (*xs.shape, V), self.loss_layer.ignore_label)
            self._out = self._fitting_memory((*xs.shape, V))
        with states_kept(self.layers):
            score = self.predict(xs, *options)
            loss = loss_of(self.loss_layer, score, ts, ours)
        self._memory = score if ours else None
        return loss

    def _fit_step(self, xs, ts, *, last):
        """Run forward and backward without storing the scores; return the loss.

        It is for a trainer that runs no other code between two steps: the loss layer keeps nothing
        of this step, unless it is the `last` one of a fit. None, and nothing has changed, if the
        layers or their sizes call for forward and backward.
        """
        affine, loss_layer = self.layers[-1], self.loss_layer
        if not self._ends_are_ours() or is_patched(loss_layer):
            return None
        V = affine.params[0].shape[1]
        xs = as_ids_over_time("xs", xs, len(self.layers[0].W))
        ids = as_targets_over_time("ts", ts, (*xs.shape, V), loss_layer.ignore_label)
        if not pays(xs.size, affine.params, affine.grads):
            return None
        with states_kept(self.layers):
            hs: Any = xs
            for layer in self.layers[:-1]:
                hs = layer.forward(hs)
            loss, dout = self._output_step(hs, xs.shape, ids, ts, last)
        for layer in reversed(self.layers[:-1]):
            dout = layer.backward(dout)
        return loss

    def _output_step(self, hs, shape, ids, ts, last):
        """Return the loss of the last layer and the gradient of its input hs (N, T, D)."""
        affine, loss_layer = self.layers[-1], self.loss_layer
        W, b = affine.params
        fits = (
            type(hs) is np.ndarray
            and hs.dtype == W.dtype
            and hs.shape == (*shape, len(W))
            and hs.flags.carray
        )
        if not fits:
            loss = loss_of(loss_layer, affine.forward(hs), ts, True)
            return loss, affine.backward(loss_layer.backward())
        self._memory = None
        if self._blocks is None:
            self._blocks = Scratch()
        rows = hs.reshape(-1, len(W))
        loss, dx = output_pass(rows, affine.params, affine.grads, ids, self._blocks)
        affine.x = hs
        if last or loss != loss:
            loss_layer.forward_later(hs, W.copy(), b.reshape(-1).copy(), ts)
        else:
            loss_layer.forward_later()
        return loss, dx.reshape(hs.shape)

    def _fitting_memory(self, shape):
        """Return the memory of the previous step's scores if the next ones fit into it."""
        memory, weights = self._memory, [W for layer in self.layers for W in layer.params]
        if memory is None or memory.shape != shape:
            self._memory = None
            return None
        fits = all(getattr(W, "dtype", None) == memory.dtype for W in weights)
        return memory if fits else None

    def backward(self, dout: ArrayLike = 1) -> None:
        """Write the gradients of all weights into `grads`."""
        if type(dout) is int and dout == 1 and self._owns_scores():
            dout = self.loss_layer.backward_in_place()
        else:
            dout = self.loss_layer.backward(dout)
        for layer in reversed(self.layers):
            dout = layer.backward(dout)
        return dout

    def _owns_scores(self):
        """Return whether the loss layer alone holds the scores, so that it may overwrite them."""
        return (
            self._memory is not None
            and self._ends_are_ours()
            and not is_patched(self.loss_layer)
            and self.loss_layer.holds(self._memory)
        )

    def __getstate__(self):
        state = super().__getstate__()
        state.pop("_memory", None)  # the loss layer keeps the scores for backward
        state.pop("_blocks", None)
        return state

    def row_tables(self) -> list[NDArray[Any]]:
        """Return the embedding if its updates may be deferred: a step reads only rows of it."""
        ours = is_defined_in(type(self), MODELS) and all(
            is_defined_in(type(thing), "fastw2v") and not is_patched(thing)
            for thing in (self, *self.layers, self.loss_layer)
        )
        if not (ours and self._ends_are_ours()):
            return []
        embed, *others = self.layers
        if embed.W is not embed.params[0]:
            return []
        dense = [W for layer in others for W in layer.params]
        return [] if any(np.may_share_memory(embed.W, W) for W in dense) else [embed.W]

    def _ends_are_ours(self):
        """Return whether our own layers read the ids, make the scores, and take their loss."""
        return (
            method_is_from(self, "predict", MODELS)
            and is_unmodified(self.layers[0], TimeEmbedding)
            and is_unmodified(self.layers[-1], TimeAffine)
            and is_unmodified(self.loss_layer, TimeSoftmaxWithLoss)
        )


def loss_of(loss_layer: Any, score: NDArray[Any], ts: ArrayLike, owned: bool) -> np.floating[Any]:
    """Return loss_layer.forward(score, ts), without a copy of the scores if they are `owned`."""
    if owned and is_unmodified(loss_layer, TimeSoftmaxWithLoss):
        return loss_layer.forward(score, ts, copy=False)
    return loss_layer.forward(score, ts)


@contextlib.contextmanager
def states_kept(layers: Iterable[Any]) -> Iterator[None]:
    """Restore the states `h` and `c` of the layers if the block raises."""
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
