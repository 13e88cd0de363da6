"""Types of `fastw2v.models.peeky_seq2seq`, written by tools/stubs.py."""

import os as os
import pickle as pickle
from collections.abc import Mapping as Mapping
from typing import Any, NamedTuple as NamedTuple

import numpy as np
from numpy.typing import ArrayLike as ArrayLike, DTypeLike as DTypeLike, NDArray as NDArray

from fastw2v.models.seq2seq import Decoder as Decoder
from fastw2v.models.seq2seq import Seq2seq as Seq2seq

__all__ = ["PeekyDecoder", "PeekySeq2seq"]

class PeekyDecoder(Decoder):
    def __init__(
        self,
        vocab_size: int,
        wordvec_size: int,
        hidden_size: int,
        *,
        embed_W: NDArray[Any] | None = None,
        rng: np.random.Generator | None = None,
    ) -> None: ...
    def backward(self, dscore: ArrayLike) -> Any: ...

class PeekySeq2seq(Seq2seq): ...
