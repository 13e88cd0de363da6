"""The two halves of `CharTranslator`: ids in, states over; states in, scores out.

    encoder   hs (N, T, H), h, c (N, H) = LSTM over the characters of the source
    decoder   hs' = LSTM over those of the target, begun at h, c;  scores = [context | hs'] W + b

Bidirectional: two LSTMs read the source, one of them from its end, and their states stand side by
side, so H is twice as wide from there on. Attention: context is the sum of the encoder's hs, by
weights that are the softmax of hs' . hs; without it scores = hs' W + b. Rows have lengths of their
own, and what lies beyond them counts nowhere.
"""

import numpy as np

from fastw2v import init
from fastw2v._recurrent.one_hot import OneHotLSTM
from fastw2v._recurrent.row_order import turn_round
from fastw2v.attention_layer import TimeAttention
from fastw2v.time_layers import TimeAffine, TimeEmbedding, TimeLSTM

__all__ = ["CharDecoder", "CharEncoder", "initial_weights", "weight_shapes", "with_mask"]

_NO_ATTENTION = -1e9  # a score of which softmax leaves nothing


def weight_shapes(n_source, n_target, hidden_size, embed_size, bidirectional, attention):
    """[(kind, shape)] of all weights, the encoder's first, in the order of the layers."""
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


def initial_weights(shapes, dtype, rng):
    """Keras's: Glorot uniform, orthogonal, 1 for the forget gates, embeddings within 0.05."""
    draw = {"rng": rng, "dtype": dtype}
    kinds = {
        "embedding": lambda shape: init.uniform(shape, -0.05, 0.05, **draw),
        "kernel": lambda shape: init.glorot_uniform(shape, **draw),
        "recurrent": lambda shape: init.orthogonal(shape, **draw),
        "gates": lambda shape: init.unit_forget_bias(shape, dtype=dtype),
        "bias": lambda shape: init.zeros(shape, dtype=dtype),
    }
    return [kinds[kind](shape) for kind, shape in shapes]


def with_mask(hs, lengths):
    """hs (N, T, H) with one number more in each row: 0, and far below 0 beyond a row's length.

    Beside decoder states with a 1 there, that number is a term of every score, so that nothing is
    left of the steps which a shorter source does not have.
    """
    N, T, H = hs.shape
    memory = np.zeros((N, T, H + 1), hs.dtype)
    memory[:, :, :H] = hs
    memory[:, :, H] = np.where(np.arange(T) < lengths[:, None], 0, _NO_ATTENTION)
    return memory


class _Half:
    """Lists of the parameters of its layers; characters as vectors or as one-hot rows."""

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
    """Reads ids (N, T), each row as far as it is long. `backward_lstm` is there if bidirectional.

    reverse: `lstm` reads from the end, and `backward_lstm` from the start.
    """

    def __init__(self, weights, embedded, bidirectional, reverse, dtype):
        self._set_up(weights, embedded, dtype)
        self.lstm = self._make_lstm(weights, go_backwards=reverse)
        self.backward_lstm = (
            self._make_lstm(weights, go_backwards=not reverse) if bidirectional else None
        )
        self._list_parameters(self.lstm, self.backward_lstm)
        self._shape = self._lengths = None

    def forward(self, ids, lengths, train):
        """hs (N, T, H) in the order in which `lstm` reads, and the last h, c (N, H)."""
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

    def backward(self, dhs, dh, dc):
        """Gradients into `grads`; dhs (N, T, H), or None if nothing was made of hs."""
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
    """Scores of the next character at each of the ids (N, T), from a state and a memory."""

    def __init__(self, weights, embedded, attention, dtype):
        self._set_up(weights, embedded, dtype)
        self.lstm = self._make_lstm(weights, stateful=True)
        self.attention = TimeAttention() if attention else None
        self.affine = TimeAffine(next(weights), next(weights))
        self._list_parameters(self.lstm, self.affine)
        self._counts = None

    def forward(self, ids, lengths, h, c, memory, train):
        """Scores (1, M, V) of the M steps that the N rows have together, row by row.

        memory: of `with_mask`, or None without attention. `lstm.h` and `.c` are the last states.
        """
        self.lstm.set_state(h, c)
        hs = self.lstm.forward(self._read(ids), lengths=lengths, train=train)
        if memory is not None:
            ones = np.ones_like(hs[:, :, :1])
            context = self.attention.forward(memory, np.concatenate([hs, ones], axis=2))
            hs = np.concatenate([context[:, :, :-1], hs], axis=2)
        self._counts = np.arange(ids.shape[1]) < lengths[:, None]
        return self.affine.forward(hs[self._counts][None])

    def backward(self, dscores):
        """(gradient of the encoder's hs or None, dh, dc); those of the weights go into `grads`."""
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
