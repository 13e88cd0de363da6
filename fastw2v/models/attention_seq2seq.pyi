"""Types of `fastw2v.models.attention_seq2seq`, written by tools/stubs.py."""

import os as os
import pickle as pickle
from collections.abc import Mapping as Mapping
from typing import Any, NamedTuple as NamedTuple

import numpy as np
from numpy.typing import ArrayLike as ArrayLike, DTypeLike as DTypeLike, NDArray as NDArray

from fastw2v.models.seq2seq import Decoder as Decoder
from fastw2v.models.seq2seq import Encoder as Encoder
from fastw2v.models.seq2seq import Seq2seq as Seq2seq

__all__ = ["AttentionDecoder", "AttentionEncoder", "AttentionSeq2seq"]

class AttentionEncoder(Encoder):
    def forward(self, xs: ArrayLike, *, train: bool = True) -> Any: ...
    def backward(self, dhs: ArrayLike, *, dc: ArrayLike | None = None) -> Any: ...

class AttentionDecoder(Decoder):
    attention: Any
    def __init__(
        self,
        vocab_size: int,
        wordvec_size: int,
        hidden_size: int,
        *,
        embed_W: NDArray[Any] | None = None,
        rng: np.random.Generator | None = None,
    ) -> None: ...
    def forward(self, xs: ArrayLike, enc_hs: ArrayLike, *, c: ArrayLike | None = None) -> Any: ...
    def backward(self, dscore: ArrayLike) -> Any: ...
    def generate(
        self, enc_hs: ArrayLike, start_id: Any, sample_size: int, *, c: ArrayLike | None = None
    ) -> Any: ...
    def generate_batch(
        self, enc_hs: ArrayLike, start_id: Any, sample_size: int, *, c: ArrayLike | None = None
    ) -> Any: ...

class AttentionSeq2seq(Seq2seq): ...
