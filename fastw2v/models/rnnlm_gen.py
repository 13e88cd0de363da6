"""RnnlmGen and BetterRnnlmGen: the language models of chapter 6 that write text (chapter 7)."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastw2v._checks import validation
from fastw2v.functions import softmax
from fastw2v.models.better_rnnlm import BetterRnnlm
from fastw2v.models.rnnlm import Rnnlm
from fastw2v.time_layers import TimeAffine, TimeEmbedding

__all__ = ["BetterRnnlmGen", "RnnlmGen"]


class _Writer:
    """`generate`, for a model with `predict`."""

    def generate(
        self,
        start_id: Any,
        skip_ids: Any = None,
        sample_size: int = 100,
        *,
        temperature: float = 1.0,
        rng: np.random.Generator | None = None,
    ) -> Any:
        """A list of sample_size ids, start_id first, each drawn after the ones before it.

        skip_ids: ids that are not kept when they are drawn; the word before is then fed once more,
        while the state of the model has moved on. The state is not reset, before or after.

        temperature: scores are divided by it; below 1 likely words become likelier. rng: None
        draws with np.random.choice from numpy's global stream, as the book does.

        IndexError for a start_id outside the vocabulary; ValueError if skip_ids leave nothing.
        """
        sample_size = validation.positive_int("sample_size", sample_size)
        temperature = validation.above_zero("temperature", temperature)
        choice = (validation.generator("rng", rng) or np.random).choice
        word = validation.one_id("start_id", start_id)
        skipped = set() if skip_ids is None else set(validation.id_list("skip_ids", skip_ids))
        first, last = self.layers[0], self.layers[-1]
        if isinstance(first, TimeEmbedding) and isinstance(last, TimeAffine):
            validation.as_ids("start_id", word, len(first.W))
            validation.some_left("skip_ids", skipped, last.params[0].shape[1])
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
    """`Rnnlm` with `generate`, and its state as one thing that can be kept and put back.

    It loads what `Rnnlm` saved.

    >>> import numpy as np
    >>> from fastw2v.models import RnnlmGen
    >>> model = RnnlmGen(vocab_size=10, wordvec_size=4, hidden_size=5)
    >>> ids = model.generate(start_id=3, skip_ids=[0], sample_size=6)
    >>> ids[0], len(ids), 0 in ids
    (3, 6, False)
    >>> h, c = model.get_state()
    >>> model.set_state((h, c))
    """

    def get_state(self) -> Any:
        """(h, c), each (N, H), or None before the first forward."""
        return self.lstm_layer.h, self.lstm_layer.c

    def set_state(self, state: Any) -> None:
        """Go on from a state as `get_state` gave it."""
        h, c = validation.state_pair("state", state)
        self.lstm_layer.set_state(h, c)


class BetterRnnlmGen(_Writer, BetterRnnlm):
    """`BetterRnnlm` with `generate`, and its states as one thing that can be kept and put back.

    It loads what `BetterRnnlm` saved.

    >>> from fastw2v.models import BetterRnnlmGen
    >>> model = BetterRnnlmGen(vocab_size=10, wordvec_size=4, hidden_size=4)
    >>> len(model.generate(start_id=3, sample_size=6))
    6
    >>> states = model.get_state()
    >>> model.set_state(states)
    """

    def get_state(self) -> Any:
        """[(h, c), (h, c)] of the two LSTMs."""
        return [(layer.h, layer.c) for layer in self.lstm_layers]

    def set_state(self, states: Any) -> None:
        """Go on from states as `get_state` gave them."""
        pairs = validation.state_pairs("states", states, len(self.lstm_layers))
        for layer, (h, c) in zip(self.lstm_layers, pairs, strict=True):
            layer.set_state(h, c)
