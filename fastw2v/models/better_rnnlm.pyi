"""Types of `fastw2v.models.better_rnnlm`, written by tools/stubs.py."""

import os as os
import pickle as pickle
from collections.abc import Mapping as Mapping
from typing import Any, NamedTuple as NamedTuple

import numpy as np
from numpy.typing import ArrayLike as ArrayLike, DTypeLike as DTypeLike, NDArray as NDArray

from fastw2v.models._language_model import LanguageModel as LanguageModel

__all__ = ["BetterRnnlm"]

class BetterRnnlm(LanguageModel):
    lstm_layers: Any
    drop_layers: Any
    def __init__(
        self,
        vocab_size: int = 10000,
        wordvec_size: int = 650,
        hidden_size: int = 650,
        dropout_ratio: float = 0.5,
        *,
        rng: np.random.Generator | None = None,
    ) -> None: ...
    def predict(self, xs: ArrayLike, train_flg: bool = False) -> Any: ...
    def forward(self, xs: ArrayLike, ts: ArrayLike, train_flg: bool = True) -> Any: ...
    def reset_state(self) -> None: ...
