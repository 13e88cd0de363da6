"""Types of `fastw2v.models.rnnlm`, written by tools/stubs.py."""

import os as os
import pickle as pickle
from collections.abc import Mapping as Mapping
from typing import Any, NamedTuple as NamedTuple

import numpy as np
from numpy.typing import ArrayLike as ArrayLike, DTypeLike as DTypeLike, NDArray as NDArray

from fastw2v.models._language_model import LanguageModel as LanguageModel

__all__ = ["Rnnlm"]

class Rnnlm(LanguageModel):
    lstm_layer: Any
    def __init__(
        self,
        vocab_size: int = 10000,
        wordvec_size: int = 100,
        hidden_size: int = 100,
        *,
        rng: np.random.Generator | None = None,
    ) -> None: ...
    def reset_state(self) -> None: ...
