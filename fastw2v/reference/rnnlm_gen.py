"""RnnlmGen and BetterRnnlmGen: language models that generate text, one word at a time."""

import numpy as np

from .better_rnnlm import BetterRnnlm
from .functions import softmax
from .rnnlm import Rnnlm

__all__ = ["BetterRnnlmGen", "RnnlmGen"]


def write(predict, start_id, skip_ids, sample_size):
    """Return sample_size ids, start_id first; a drawn id of skip_ids is dropped and drawn again."""
    ids = [int(start_id)]
    while len(ids) < sample_size:
        p = softmax(predict(np.array([[ids[-1]]])).flatten())
        drawn = int(np.random.choice(len(p), p=p))
        if skip_ids is None or drawn not in skip_ids:
            ids.append(drawn)
    return ids


class RnnlmGen(Rnnlm):
    """Rnnlm that generates text. The state is (h, c)."""

    def generate(self, start_id, skip_ids=None, sample_size=100):
        return write(self.predict, start_id, skip_ids, sample_size)

    def get_state(self):
        return self.lstm_layer.h, self.lstm_layer.c

    def set_state(self, state):
        self.lstm_layer.set_state(*state)


class BetterRnnlmGen(BetterRnnlm):
    """BetterRnnlm that generates text. The states are [(h, c), (h, c)]."""

    def generate(self, start_id, skip_ids=None, sample_size=100):
        return write(self.predict, start_id, skip_ids, sample_size)

    def get_state(self):
        return [(layer.h, layer.c) for layer in self.lstm_layers]

    def set_state(self, states):
        for layer, state in zip(self.lstm_layers, states, strict=True):
            layer.set_state(*state)
