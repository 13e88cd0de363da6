"""The two halves of `CharTranslator`: ids in, states over; states in, scores out.

    encoder   hs (N, T, H), h, c (N, H) = LSTM over the characters of the source
    decoder   hs' = LSTM over those of the target, begun at h, c;  scores = [context | hs'] W + b

Bidirectional: two LSTMs read the source, one of them from its end, and their states are
concatenated, so H is twice as wide from there on. Attention: context is the weighted sum of the
encoder's hs, with softmax(hs' . hs) as weights; without attention scores = hs' W + b. Each row has
a length; steps beyond it have no effect on any result.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from fastw2v import init
from fastw2v._recurrent.one_hot import OneHotLSTM
from fastw2v._recurrent.row_order import turn_round
from fastw2v.attention_layer import TimeAttention
from fastw2v.time_layers import TimeAffine, TimeEmbedding, TimeLSTM

__all__ = ["CharDecoder", "CharEncoder", "initial_weights", "weight_shapes", "with_mask"]

_NO_ATTENTION = -1e9  # a score whose softmax is 0


def weight_shapes(
    n_source: int,
    n_target: int,
    hidden_size: int,
    embed_size: int | None,
    bidirectional: bool,
    attention: bool,
) -> list[tuple[str, tuple[int, ...]]]:
    """Return [(kind, shape)] of all weights, the encoder's first, in the order of the layers."""
    H, directions = hidden_size, 2 if bidirectional else 1
    wide = H * directions

    def half(n_characters, H, n_layers):
        width = n_characters if embed_size is None else embed_size
        if embed_size is not None:
            yield "embedding", (n_characters, width)
        for _ in range(n_layers):
            yield "kernel", (width, 4 * H)
            yield "recurrent", (H, 4 * H)
            yield "gates", (4 * H,)

    return [
        *half(n_source, H, directions),
        *half(n_target, wide, 1),
        ("kernel", (2 * wide if attention else wide, n_target)),
        ("bias", (n_target,)),
    ]


def initial_weights(
    shapes: list[tuple[str, tuple[int, ...]]], dtype: DTypeLike, rng: init.RandomSource
) -> list[NDArray[np.floating[Any]]]:
    """Draw weights as Keras does: Glorot uniform, orthogonal, embeddings uniform within 0.05.

    Biases are 0, except 1 for the forget gates.
    """
    draw = {"rng": rng, "dtype": dtype}
    kinds = {
        "embedding": lambda shape: init.uniform(shape, -0.05, 0.05, **draw),
        "kernel": lambda shape: init.glorot_uniform(shape, **draw),
        "recurrent": lambda shape: init.orthogonal(shape, **draw),
        "gates": lambda shape: init.unit_forget_bias(shape, dtype=dtype),
        "bias": lambda shape: init.zeros(shape, dtype=dtype),
    }
    return [kinds[kind](shape) for kind, shape in shapes]


def with_mask(hs: NDArray[Any], lengths: NDArray[np.integer[Any]]) -> NDArray[Any]:
    """Append one number to each state of hs (N, T, H): 0, or far below 0 beyond a row's length.

    Decoder states get a 1 in the same place, so the number is added to every attention score, and
    softmax gives no weight to steps beyond the end of a shorter source.
    """
    N, T, H = hs.shape
    memory = np.zeros((N, T, H + 1), hs.dtype)
    memory[:, :, :H] = hs
    memory[:, :, H] = np.where(np.arange(T) < lengths[:, None], 0, _NO_ATTENTION)
    return memory


class _Half:
    """Base of encoder and decoder: characters as vectors or one-hot rows, lists of parameters."""

    def _set_up(self, weights, embedded, dtype):
        self.embed = TimeEmbedding(next(weights), dtype=dtype) if embedded else None
        self._lstm = TimeLSTM if embedded else OneHotLSTM
        self._dtype = dtype

    def _make_lstm(self, weights, **options):
        arrays = [next(weights) for _ in range(3)]
        return self._lstm(*arrays, dtype=self._dtype, **options)

    def _read(self, ids):
        return ids if self.embed is None else self.embed.forward(ids)

    def _list_parameters(self, *layers):
        layers = [layer for layer in (self.embed, *layers) if layer is not None]
        self.params = [param for layer in layers for param in layer.params]
        self.grads = [grad for layer in layers for grad in layer.grads]


class CharEncoder(_Half):
    """Encoder of ids (N, T), each row up to its length.

    `backward_lstm` is None unless bidirectional. reverse: `lstm` reads from the end, and
    `backward_lstm` from the start.
    """

    def __init__(
        self,
        weights: Iterator[NDArray[Any]],
        embedded: bool,
        bidirectional: bool,
        reverse: bool,
        dtype: DTypeLike,
    ) -> None:
        self._set_up(weights, embedded, dtype)
        self.lstm = self._make_lstm(weights, go_backwards=reverse)
        self.backward_lstm = (
            self._make_lstm(weights, go_backwards=not reverse) if bidirectional else None
        )
        self._list_parameters(self.lstm, self.backward_lstm)
        self._shape = self._lengths = None

    def forward(
        self, ids: NDArray[Any], lengths: NDArray[Any], train: bool
    ) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
        """Return hs (N, T, H), in the order in which `lstm` reads, and the last h, c (N, H)."""
        xs = self._read(ids)
        hs = self.lstm.forward(xs, lengths=lengths, train=train)
        self._shape, self._lengths = ids.shape, lengths
        if self.backward_lstm is None:
            return hs, self.lstm.h, self.lstm.c
        other = self.backward_lstm.forward(xs, lengths=lengths, train=train)
        turn_round(other, lengths)
        first, second = self.lstm, self.backward_lstm
        return (
            np.concatenate([hs, other], axis=2),
            np.concatenate([first.h, second.h], axis=1),
            np.concatenate([first.c, second.c], axis=1),
        )

    def backward(self, dhs: NDArray[Any] | None, dh: NDArray[Any], dc: NDArray[Any]) -> None:
        """Write gradients into `grads`; dhs is (N, T, H), or None if hs was not used."""
        if dhs is None:
            dhs = np.zeros((*self._shape, dh.shape[1]), dh.dtype)
        H = len(self.lstm.params[1])
        dxs = self.lstm.backward(dhs[:, :, :H], dh=dh[:, :H], dc=dc[:, :H])
        if self.backward_lstm is not None:
            other = dhs[:, :, H:].copy()
            turn_round(other, self._lengths)
            more = self.backward_lstm.backward(other, dh=dh[:, H:], dc=dc[:, H:])
            dxs = None if dxs is None else dxs + more
        if self.embed is not None:
            self.embed.backward(dxs)


class CharDecoder(_Half):
    """Decoder: scores of the character after each of the ids (N, T)."""

    def __init__(
        self, weights: Iterator[NDArray[Any]], embedded: bool, attention: bool, dtype: DTypeLike
    ) -> None:
        self._set_up(weights, embedded, dtype)
        self.lstm = self._make_lstm(weights, stateful=True)
        self.attention = TimeAttention() if attention else None
        self.affine = TimeAffine(next(weights), next(weights))
        self._list_parameters(self.lstm, self.affine)
        self._counts = None

    def forward(
        self,
        ids: NDArray[Any],
        lengths: NDArray[Any],
        h: ArrayLike,
        c: ArrayLike,
        memory: NDArray[Any] | None,
        train: bool,
    ) -> NDArray[np.floating[Any]]:
        """Return scores (1, M, V) of the M steps within the lengths of all N rows, row by row.

        memory: the result of `with_mask`, or None without attention. `lstm.h` and `lstm.c` keep the
        last states.
        """
        self.lstm.set_state(h, c)
        hs = self.lstm.forward(self._read(ids), lengths=lengths, train=train)
        if memory is not None:
            ones = np.ones_like(hs[:, :, :1])
            context = self.attention.forward(memory, np.concatenate([hs, ones], axis=2))
            hs = np.concatenate([context[:, :, :-1], hs], axis=2)
        self._counts = np.arange(ids.shape[1]) < lengths[:, None]
        return self.affine.forward(hs[self._counts][None])

    def backward(
        self, dscores: NDArray[Any]
    ) -> tuple[NDArray[Any] | None, NDArray[Any], NDArray[Any]]:
        """Return gradients of the encoder's hs (or None), h and c; fill `grads` for the weights."""
        rows = self.affine.backward(dscores)[0]
        dhs = np.zeros((*self._counts.shape, rows.shape[1]), rows.dtype)
        dhs[self._counts] = rows
        dmemory = None
        if self.attention is not None:
            # forward: hs = [context | hs], context = attention(memory, [hs | 1])
            H = dhs.shape[2] // 2
            dcontext = np.concatenate([dhs[:, :, :H], np.zeros_like(dhs[:, :, :1])], axis=2)
            dmemory, more = self.attention.backward(dcontext)
            dmemory = dmemory[:, :, :-1]
            dhs = dhs[:, :, H:] + more[:, :, :-1]
        dxs = self.lstm.backward(dhs)
        if self.embed is not None:
            self.embed.backward(dxs)
        return dmemory, self.lstm.dh, self.lstm.dc
