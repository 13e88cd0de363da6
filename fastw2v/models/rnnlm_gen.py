"""RnnlmGen and BetterRnnlmGen: language models that generate text (chapter 7)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastw2v._checks.ids import as_ids, as_native_ids
from fastw2v._checks.numbers import as_above_zero, as_int, check_generator
from fastw2v._checks.sequences import check_iterable
from fastw2v.functions import softmax
from fastw2v.models.better_rnnlm import BetterRnnlm
from fastw2v.models.rnnlm import Rnnlm
from fastw2v.time_layers import TimeAffine, TimeEmbedding

__all__ = ["BetterRnnlmGen", "RnnlmGen"]


State: TypeAlias = tuple[NDArray[np.floating[Any]] | None, NDArray[np.floating[Any]] | None]


class _Writer:
    """Mixin with `generate`, for a model with `predict`."""

    def generate(
        self,
        start_id: ArrayLike,
        skip_ids: Iterable[int] | None = None,
        sample_size: int = 100,
        *,
        temperature: float = 1.0,
        rng: np.random.Generator | None = None,
    ) -> list[int]:
        """Return sample_size ids, start_id first, each drawn given the ids before it.

        skip_ids: ids that are dropped when drawn. The model then reads the previous word once more,
        although its state has already advanced. The state is not reset before or after.

        temperature: scores are divided by it; values below 1 make likely words more likely. rng:
        None draws with np.random.choice from numpy's global stream, as the book does.

        IndexError is raised for a start_id outside the vocabulary, ValueError if skip_ids contain
        all ids.
        """
        sample_size = as_int("sample_size", sample_size)
        temperature = as_above_zero("temperature", temperature)
        check_generator("rng", rng)
        choice = (rng or np.random).choice
        word = _as_one_id("start_id", start_id)
        skipped = set() if skip_ids is None else set(_as_id_list("skip_ids", skip_ids))
        first, last = self.layers[0], self.layers[-1]
        if isinstance(first, TimeEmbedding) and isinstance(last, TimeAffine):
            as_ids("start_id", word, len(first.W))
            _check_some_left("skip_ids", skipped, last.params[0].shape[1])
        ids = [word]
        while len(ids) < sample_size:
            scores = np.asarray(self.predict(np.array([[word]]))).reshape(-1)
            p = softmax(scores if temperature == 1 else scores / temperature)
            drawn = int(choice(len(p), p=p))
            if drawn not in skipped:
                word = drawn
                ids.append(word)
        return ids


class RnnlmGen(_Writer, Rnnlm):
    """Variant of `Rnnlm` with `generate`, whose state can be read and set.

    It loads parameters that `Rnnlm` saved.

    >>> import numpy as np
    >>> from fastw2v.models import RnnlmGen
    >>> model = RnnlmGen(vocab_size=10, wordvec_size=4, hidden_size=5)
    >>> ids = model.generate(start_id=3, skip_ids=[0], sample_size=6)
    >>> ids[0], len(ids), 0 in ids
    (3, 6, False)
    >>> h, c = model.get_state()
    >>> model.set_state((h, c))
    """

    def get_state(self) -> State:
        """Return (h, c), each (N, H), or None before the first forward."""
        return self.lstm_layer.h, self.lstm_layer.c

    def set_state(self, state: State) -> None:
        """Continue from a state that `get_state` returned."""
        h, c = _as_state_pair("state", state)
        self.lstm_layer.set_state(h, c)


class BetterRnnlmGen(_Writer, BetterRnnlm):
    """Variant of `BetterRnnlm` with `generate`, whose states can be read and set.

    It loads parameters that `BetterRnnlm` saved.

    >>> from fastw2v.models import BetterRnnlmGen
    >>> model = BetterRnnlmGen(vocab_size=10, wordvec_size=4, hidden_size=4)
    >>> len(model.generate(start_id=3, sample_size=6))
    6
    >>> states = model.get_state()
    >>> model.set_state(states)
    """

    def get_state(self) -> list[State]:
        """Return [(h, c), (h, c)] of the two LSTMs."""
        return [(layer.h, layer.c) for layer in self.lstm_layers]

    def set_state(self, states: Sequence[State]) -> None:
        """Continue from states that `get_state` returned."""
        pairs = _as_state_pairs("states", states, len(self.lstm_layers))
        for layer, (h, c) in zip(self.lstm_layers, pairs, strict=True):
            layer.set_state(h, c)


def _as_one_id(name, value):
    """Return a single id, an int or an array of one, as an int."""
    ids = as_native_ids(name, value)
    if ids.size != 1:
        raise ValueError(f"{name}: expected one id, got shape {ids.shape}; pass an int")
    return int(ids.reshape(-1)[0])


def _as_id_list(name, ids):
    """Return any number of ids as a list of ints."""
    check_iterable(name, ids, "ids")
    return (
        as_native_ids(name, ids if isinstance(ids, np.ndarray) else list(ids)).reshape(-1).tolist()
    )


def _check_some_left(name, skipped, V):
    """Check that an id is left to draw, as the draws would never end otherwise."""
    if len(skipped) >= V and skipped.issuperset(range(V)):
        raise ValueError(
            f"{name}: expected to leave one of the {V} ids, got all of them; leave some out"
        )


def _as_state_pair(name, state):
    """Return the pair (h, c) of an LSTM."""
    try:
        h, c = state
    except (TypeError, ValueError):
        raise ValueError(
            f"{name}: expected (h, c), as get_state returns it, got {type(state).__name__}; pass "
            "a pair of arrays (N, H)"
        ) from None
    return h, c


def _as_state_pairs(name, states, n):
    """Return the pairs [(h, c), ...] of n LSTMs."""
    if not isinstance(states, (list, tuple)) or len(states) != n:
        raise ValueError(
            f"{name}: expected {n} pairs (h, c), as get_state returns them, got "
            f"{len(states) if isinstance(states, (list, tuple)) else type(states).__name__}; "
            "pass one for each LSTM"
        )
    return [_as_state_pair(f"{name}[{k}]", state) for k, state in enumerate(states)]
