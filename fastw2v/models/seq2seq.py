"""Seq2seq: a sequence of ids from another one, by two LSTMs (chapter 7).

N batch, T time, V vocabulary, D dimension of word vectors, H hidden units.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastw2v import config
from fastw2v._checks.arrays import check_forward_ran, check_shape, check_table
from fastw2v._checks.ids import (
    as_ids,
    as_ids_over_time,
    as_native_ids,
    as_targets_over_time,
)
from fastw2v._checks.numbers import as_int, check_generator
from fastw2v._core.fast_path import is_patched, is_unmodified, method_is_from
from fastw2v._kernels import _embedding, specialise
from fastw2v._recurrent import embedded
from fastw2v._rows.row_grad import RowGradHolder
from fastw2v.base_model import BaseModel
from fastw2v.models import _weights
from fastw2v.models._language_model import MODELS, loss_of
from fastw2v.time_layers import (
    TimeAffine,
    TimeEmbedding,
    TimeGRU,
    TimeLSTM,
    TimeRNN,
    TimeSoftmaxWithLoss,
)

__all__ = ["Decoder", "Encoder", "Seq2seq"]

_CELLS = TimeRNN, TimeGRU, TimeLSTM
_FIND_BAD_ID = specialise(_embedding.find_bad_id)


class Encoder(RowGradHolder):
    """Encoder of a question into one state: embedding and `TimeLSTM`, whose last h is the result.

    `embed` and `lstm` are the layers. `hs` (N, T, H) holds all states of the last forward, and `c`
    (N, H) the last cell state. rng: None draws the weights from numpy's global stream, as the book
    does.

    >>> import numpy as np
    >>> from fastw2v.models import Encoder
    >>> encoder = Encoder(vocab_size=13, wordvec_size=4, hidden_size=5)
    >>> encoder.forward(np.array([[1, 2, 3], [4, 5, 6]])).shape
    (2, 5)
    >>> encoder.backward(np.ones((2, 5), np.float32))
    """

    _in_fit = False  # whether embedding and LSTM may run as one, see `Seq2seq._fit_step`

    def __init__(
        self,
        vocab_size: int,
        wordvec_size: int,
        hidden_size: int,
        *,
        rng: np.random.Generator | None = None,
    ) -> None:
        V, D, H, rng = _sizes(vocab_size, wordvec_size, hidden_size, rng)
        self.embed = TimeEmbedding(_weights.table(V, D, rng))
        self.lstm = TimeLSTM(*_weights.recurrent(D, H, 4, rng), stateful=False)
        self.params: list[NDArray[Any]] = self.embed.params + self.lstm.params
        self.grads: list[NDArray[Any]] = self.embed.grads + self.lstm.grads
        self.hs: NDArray[np.floating[Any]] | None = None

    def forward(self, xs: ArrayLike, *, train: bool = True) -> NDArray[np.floating[Any]]:
        """Return the last h (N, H) for ids xs (N, T); train=False keeps nothing for backward."""
        self.hs = states_over(self, xs, train)
        return self.hs[:, -1]

    def backward(self, dh: ArrayLike, *, dc: ArrayLike | None = None) -> None:
        """Write gradients into `grads` for dh (N, H), and dc (N, H) if the decoder had c."""
        check_forward_ran(self, self.hs)
        if self._in_fit and embedded.backward(self.embed, self.lstm, None, dh=dh, dc=dc):
            return
        dhs = np.zeros_like(self.hs)
        dhs[:, -1] = dh
        self._backward(dhs, dc)

    def _backward(self, dhs, dc):
        into_c = {} if dc is None else {"dc": dc}  # a user's LSTM may not take this argument
        backward_over(self, dhs, **into_c)

    @property
    def c(self) -> NDArray[np.floating[Any]] | None:
        """Last cell state (N, H)."""
        return self.lstm.c


class Decoder(RowGradHolder):
    """Decoder of an answer from the encoder's h: embedding, `TimeLSTM` that starts at h, affine.

    `embed`, `lstm` and `affine` are the layers. embed_W: a table (V, D) to use instead of a new
    one. rng: as in `Encoder`.

    >>> import numpy as np
    >>> from fastw2v.models import Decoder
    >>> decoder = Decoder(vocab_size=13, wordvec_size=4, hidden_size=5)
    >>> h = np.zeros((2, 5), np.float32)
    >>> score = decoder.forward(np.array([[6, 9], [6, 1]]), h)
    >>> score.shape
    (2, 2, 13)
    >>> decoder.backward(score).shape
    (2, 5)
    >>> len(decoder.generate(h[:1], start_id=6, sample_size=4))
    4
    """

    _in_fit = False
    _reads = 1  # vectors of H numbers in the input of the affine layer at each step

    def __init__(
        self,
        vocab_size: int,
        wordvec_size: int,
        hidden_size: int,
        *,
        embed_W: NDArray[Any] | None = None,
        rng: np.random.Generator | None = None,
    ) -> None:
        V, D, H, rng = _sizes(vocab_size, wordvec_size, hidden_size, rng)
        if embed_W is None:
            embed_W = _weights.table(V, D, rng)
        else:
            check_table("embed_W", embed_W)
            check_shape("embed_W", embed_W, (V, D), "vocab_size and wordvec_size")
        self.embed = TimeEmbedding(embed_W)
        self.lstm = TimeLSTM(*_weights.recurrent(self._width(D, H), H, 4, rng), stateful=True)
        self.affine = TimeAffine(*_weights.dense(self._reads * H, V, rng))
        self.params: list[NDArray[Any]] = []
        self.grads: list[NDArray[Any]] = []
        for layer in (self.embed, self.lstm, self.affine):
            self.params += layer.params
            self.grads += layer.grads

    def _width(self, D, H):
        """Return the dimension of the LSTM's input."""
        return D

    def forward(
        self, xs: ArrayLike, h: ArrayLike, *, c: ArrayLike | None = None
    ) -> NDArray[np.floating[Any]]:
        """Return scores (N, T, V) for ids xs (N, T) and the encoder's h (N, H).

        c: the encoder's cell state (N, H); None is zero.
        """
        self._begin(h, c)
        return self._scores(xs, train=True)

    def backward(self, dscore: ArrayLike) -> NDArray[np.floating[Any]]:
        """Return dh (N, H) for dscore (N, T, V); `lstm.dc` keeps the gradient of c."""
        backward_over(self, self.affine.backward(dscore))
        return self.lstm.dh

    def generate(
        self, h: ArrayLike, start_id: ArrayLike, sample_size: int, *, c: ArrayLike | None = None
    ) -> list[int]:
        """Return sample_size ids after start_id, the likeliest one at each step. h is (1, H)."""
        _check_one_row("h", h, "generate_batch")
        return self.generate_batch(h, start_id, sample_size, c=c)[0].tolist()

    def generate_batch(
        self, h: NDArray[Any], start_id: ArrayLike, sample_size: int, *, c: ArrayLike | None = None
    ) -> NDArray[np.int64]:
        """Generate for N rows at once ids (N, sample_size). start_id: one for all, or (N,)."""
        ids = np.empty((len(h), as_int("sample_size", sample_size)), np.int64)
        xs = _as_id_per_row("start_id", start_id, len(h))
        if isinstance(self.embed, TimeEmbedding):
            as_ids("start_id", xs, len(self.embed.W))
        self._begin(h, c)
        for t in range(ids.shape[1]):
            xs = self._scores(xs, train=False).argmax(axis=2)
            ids[:, t] = xs[:, 0]
        return ids

    def _begin(self, h, c):
        """Start from the states of the encoder."""
        self.lstm.set_state(*([h] if c is None else [h, c]))

    def _scores(self, xs, train):
        """Return the scores (N, T, V) of the next T steps, whose inputs are the ids xs (N, T)."""
        return self.affine.forward(states_over(self, xs, train))


class Seq2seq(BaseModel):
    """Sequence to sequence model: the mean loss of answers, and answers to questions.

    `encoder` turns the question into one state, from which the LSTM of `decoder` starts; `softmax`
    is the loss layer (Sutskever et al., arXiv 1409.3215). An answer begins with a start mark: the
    decoder reads ts[:, :-1] and predicts ts[:, 1:]. A subclass may set these three attributes, and
    params and grads, to its own.

    Keyword arguments beyond the book's:

    reverse: reverse questions in time, here and in `generate`.
    shared_embedding: encoder and decoder share one table of words, which both list.
    hand_over_c: the decoder also starts from the encoder's cell state, as in Keras's examples.
    rng: None draws the weights from numpy's global stream, as the book does.

    >>> import numpy as np
    >>> from fastw2v.models import Seq2seq
    >>> model = Seq2seq(vocab_size=13, wordvec_size=4, hidden_size=5, reverse=True)
    >>> questions, answers = np.array([[1, 2, 3], [4, 5, 6]]), np.array([[0, 7, 8], [0, 9, 9]])
    >>> bool(abs(model.forward(questions, answers) - np.log(13)) < 0.1)    # nothing learned yet
    True
    >>> model.backward()
    >>> len(model.generate(questions[:1], start_id=0, sample_size=2))
    2
    >>> model.generate_batch(questions, start_id=0, sample_size=2).shape
    (2, 2)
    """

    reverse: bool = False  # on the class, for subclasses with a constructor of their own
    hand_over_c: bool = False
    _encoder_class = Encoder
    _decoder_class = Decoder
    _unit = "pair"  # the unit of a progress bar

    def __init__(
        self,
        vocab_size: int,
        wordvec_size: int,
        hidden_size: int,
        *,
        reverse: bool = False,
        shared_embedding: bool = False,
        hand_over_c: bool = False,
        rng: np.random.Generator | None = None,
    ) -> None:
        sizes = vocab_size, wordvec_size, hidden_size
        self.reverse = bool(reverse)
        self.hand_over_c = bool(hand_over_c)
        self.encoder = self._encoder_class(*sizes, rng=rng)
        embed_W = self.encoder.embed.W if shared_embedding else None
        self.decoder = self._decoder_class(*sizes, embed_W=embed_W, rng=rng)
        self.softmax = TimeSoftmaxWithLoss()
        self.params = self.encoder.params + self.decoder.params
        self.grads = self.encoder.grads + self.decoder.grads

    def _fit_step(self, xs, ts, *, last):
        """Run forward and backward for a trainer that runs no other code between two steps.

        Then embedding and LSTM run as one, which leaves no gradients of single steps behind. None,
        and nothing has changed, at the `last` step of a fit or if the parts are not all ours.
        """
        parts = self.encoder, self.decoder
        if last or not (self._ends_are_ours() and self._parts_are_ours()):
            return None
        try:
            for part in parts:
                part._in_fit = True
            loss = self.forward(xs, ts)
            if loss == loss:
                self.backward()
        finally:
            for part in parts:
                del part._in_fit
        return loss

    def forward(self, xs: NDArray[Any], ts: NDArray[Any]) -> np.floating[Any]:
        """Return the mean loss of questions xs (N, T) and answers ts (N, T') with start marks."""
        ours = self._ends_are_ours()
        if ours:
            xs, ts = self._checked(xs, ts)
        decoder_xs, decoder_ts = ts[:, :-1], ts[:, 1:]
        state, c = self._encode(xs, train=True)
        score = self.decoder.forward(decoder_xs, state, **c)
        return loss_of(self.softmax, score, decoder_ts, ours)

    def backward(self, dout: ArrayLike = 1) -> None:
        """Write the gradients of all weights into `grads`."""
        dstate = self.decoder.backward(self.softmax.backward(dout))
        into_c = {"dc": self.decoder.lstm.dc} if self.hand_over_c else {}
        return self.encoder.backward(dstate, **into_c)

    def generate(self, xs: ArrayLike, start_id: ArrayLike, sample_size: int) -> list[int]:
        """Return the answer to one question (1, T): sample_size ids, without start_id."""
        _check_one_row("xs", xs, "generate_batch")
        state, c = self._encode(xs, train=False)
        return self.decoder.generate(state, start_id, sample_size, **c)

    def generate_batch(
        self, xs: ArrayLike, start_id: ArrayLike, sample_size: int, *, batch_size: int = 512
    ) -> NDArray[np.int64]:
        """Return the answers of `generate` to questions (N, T): ids (N, sample_size).

        batch_size: number of questions answered together, which bounds the memory. start_id: one
        for all, or (N,).
        """
        as_int("batch_size", batch_size)
        sample_size = as_int("sample_size", sample_size)
        xs = _as_rows_of_ids("xs", xs)
        starts = _as_id_per_row("start_id", start_id, len(xs))[:, 0]
        if not self._answers_together():
            rows = (self.generate(xs[n : n + 1], starts[n], sample_size) for n in range(len(xs)))
            return np.array(list(rows), np.int64).reshape(len(xs), sample_size)
        ids = np.empty((len(xs), sample_size), np.int64)
        for n in range(0, len(xs), batch_size):
            rows = slice(n, n + batch_size)
            state, c = self._encode(xs[rows], train=False)
            ids[rows] = self.decoder.generate_batch(state, starts[rows], sample_size, **c)
        return ids

    def accuracy(self, xs: ArrayLike, ts: ArrayLike, *, batch_size: int = 512) -> float:
        """Return the share of questions xs (N, T) that are answered with ts (N, T').

        Answers ts begin with the start mark. An answer counts only if every id is correct.

        >>> import numpy as np
        >>> from fastw2v.models import Seq2seq
        >>> model = Seq2seq(vocab_size=13, wordvec_size=4, hidden_size=5)
        >>> questions = np.array([[1, 2, 3], [4, 5, 6]])
        >>> answers = np.column_stack([[0, 0], model.generate_batch(questions, 0, 2)])
        >>> model.accuracy(questions, answers)
        1.0
        """
        _check_some_steps("xs", _as_rows_of_ids("xs", xs))
        xs = _as_rows_of_ids("xs", xs)
        ts = _as_answers("ts", ts, len(xs))
        guess = self.generate_batch(xs, ts[:, 0], ts.shape[1] - 1, batch_size=batch_size)
        return float((guess == ts[:, 1:]).all(axis=1).mean())

    def _encode(self, xs, train):
        """Run the encoder; return the decoder's positional and keyword arguments."""
        xs = np.asarray(xs)
        ours = method_is_from(self.encoder, "forward", MODELS)  # a user's takes no `train`
        options = {"train": False} if ours and not train else {}
        state = self.encoder.forward(xs[:, ::-1] if self.reverse else xs, **options)
        return state, {"c": self.encoder.c} if self.hand_over_c else {}

    def _checked(self, xs, ts):
        """Return both as ids, checked before a layer runs and changes its state."""
        xs = as_ids_over_time("xs", xs, len(self.encoder.embed.W))
        ts = _as_answers("ts", ts, len(xs))
        n_words, V = len(self.decoder.embed.W), self.decoder.affine.params[0].shape[1]
        if not _all_within(ts, min(n_words, V)):
            as_ids_over_time("ts", ts[:, :-1], n_words)
            shape = len(xs), ts.shape[1] - 1, V
            as_targets_over_time("ts", ts[:, 1:], shape, self.softmax.ignore_label)
        _check_some_steps("xs", xs)
        return xs, ts

    def _ends_are_ours(self):
        """Return whether our own layers read the ids, make the scores, and take their loss."""
        encoder, decoder = self.encoder, self.decoder
        return (
            method_is_from(encoder, "forward", MODELS)
            and method_is_from(decoder, "forward", MODELS)
            and is_unmodified(encoder.embed, TimeEmbedding)
            and is_unmodified(decoder.embed, TimeEmbedding)
            and is_unmodified(decoder.affine, TimeAffine)
            and is_unmodified(self.softmax, TimeSoftmaxWithLoss)
        )

    def _parts_are_ours(self):
        """Return whether forward and backward of the model and its parts are ours."""
        return all(
            method_is_from(part, name, MODELS)
            for part in (self, self.encoder, self.decoder)
            for name in ("forward", "backward")
        )

    def _answers_together(self):
        """Return whether `generate` of model and decoder are ours, so that a batch may be used."""
        decoder = self.decoder
        return (
            method_is_from(self, "generate", MODELS)
            and isinstance(decoder, Decoder)
            and method_is_from(decoder, "generate", MODELS)
        )


def states_over(part: Any, ids: ArrayLike, train: bool) -> NDArray[np.floating[Any]]:
    """Return the states over time of an encoder or a decoder that reads its embedding of ids."""
    embed, lstm = part.embed, part.lstm
    if part._in_fit and train and embedded.pays(embed, TimeEmbedding, lstm, ids):
        return embedded.forward(embed, lstm, ids)
    return states_of(lstm, embed.forward(ids), train)


def backward_over(part: Any, dhs: NDArray[Any], **dstates: ArrayLike) -> None:
    """Write the gradients of both layers of `states_over`."""
    if not (part._in_fit and embedded.backward(part.embed, part.lstm, dhs, **dstates)):
        part.embed.backward(part.lstm.backward(dhs, **dstates))


def states_of(lstm: Any, xs: NDArray[Any], train: bool) -> NDArray[np.floating[Any]]:
    """Return lstm.forward(xs); with train=False, a layer of ours keeps nothing for backward.

    A subclass may have put another recurrent layer in the place of the LSTM.
    """
    if train or type(lstm) not in _CELLS or is_patched(lstm):
        return lstm.forward(xs)
    return lstm.forward(xs, train=False)


def _sizes(vocab_size, wordvec_size, hidden_size, rng):
    config.check()
    check_generator("rng", rng)
    return (
        as_int("vocab_size", vocab_size),
        as_int("wordvec_size", wordvec_size),
        as_int("hidden_size", hidden_size),
        rng,
    )


def _check_one_row(name, x, instead):
    """Check that x has one row; `instead` names the method that takes more."""
    if np.ndim(x) < 2 or len(x) != 1:
        raise ValueError(
            f"{name}: expected one row, shape (1, ...), got {np.shape(x)}; use {instead} for more"
        )


def _as_id_per_row(name, ids, N):
    """Return one id for all, or ids (N,), as (N, 1)."""
    found = as_native_ids(name, ids)
    if found.shape not in ((), (1,), (N,)):
        raise ValueError(
            f"{name}: expected one id, or shape (N,) = ({N},), got {found.shape}; pass one for "
            "each row"
        )
    return np.broadcast_to(found.reshape(-1, 1), (N, 1))


def _as_answers(name, ts, N):
    """Return answers (N, T) to N questions as ids, at least a start mark and one id each."""
    ts = as_native_ids(name, ts)
    if ts.ndim != 2 or len(ts) != N or ts.shape[1] < 2:
        raise ValueError(
            f"{name}: expected answers of shape (N, T) with N = {N}, one for each question, and T "
            f"of at least 2, the start mark and an id after it, got {ts.shape}; reshape it"
        )
    return ts


def _check_some_steps(name, xs):
    """Check that xs (N, T) has a row and a step."""
    if xs.size == 0:
        raise ValueError(
            f"{name}: expected shape (N, T), neither of them 0, got {xs.shape}; leave empty "
            "batches out"
        )


def _as_rows_of_ids(name, xs):
    """Return xs as ids (N, T) of any value."""
    ids = as_native_ids(name, xs)
    if ids.ndim != 2:
        raise ValueError(
            f"{name}: expected ids of shape (N, T), got {ids.shape}; for one sequence pass it as "
            f"{name}[None, :]"
        )
    return ids


def _all_within(ids, V):
    """Return whether all native ids are in [0, V), in which case further checks are skipped."""
    at, negative = _FIND_BAD_ID[ids.dtype](ids.reshape(-1), V)
    return at < 0 and not negative
