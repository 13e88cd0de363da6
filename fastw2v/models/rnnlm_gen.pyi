"""Types of `fastw2v.models.rnnlm_gen`, written by tools/stubs.py."""

import os as os
import pickle as pickle
from collections.abc import Mapping as Mapping
from typing import Any, NamedTuple as NamedTuple

import numpy as np
from numpy.typing import ArrayLike as ArrayLike, DTypeLike as DTypeLike, NDArray as NDArray

from fastw2v.models.better_rnnlm import BetterRnnlm as BetterRnnlm
from fastw2v.models.rnnlm import Rnnlm as Rnnlm

__all__ = ["BetterRnnlmGen", "RnnlmGen"]

class _Writer:
    def generate(
        self,
        start_id: Any,
        skip_ids: Any = None,
        sample_size: int = 100,
        *,
        temperature: float = 1.0,
        rng: np.random.Generator | None = None,
    ) -> Any: ...

class RnnlmGen(_Writer, Rnnlm):
    def get_state(self) -> Any: ...
    def set_state(self, state: Any) -> None: ...

class BetterRnnlmGen(_Writer, BetterRnnlm):
    def get_state(self) -> Any: ...
    def set_state(self, states: Any) -> None: ...
