"""Types of `fastw2v.models.seq2seq`, written by tools/stubs.py."""

import os as os
import pickle as pickle
from collections.abc import Mapping as Mapping
from typing import Any, NamedTuple as NamedTuple

import numpy as np
from numpy.typing import ArrayLike as ArrayLike, DTypeLike as DTypeLike, NDArray as NDArray

from fastw2v._row_grad import RowGradHolder as RowGradHolder
from fastw2v.base_model import BaseModel as BaseModel

__all__ = ["Decoder", "Encoder", "Seq2seq"]

class Encoder(RowGradHolder):
    embed: Any
    lstm: Any
    params: list[NDArray[Any]]
    grads: list[NDArray[Any]]
    hs: Any
    def __init__(
        self,
        vocab_size: int,
        wordvec_size: int,
        hidden_size: int,
        *,
        rng: np.random.Generator | None = None,
    ) -> None: ...
    def forward(self, xs: ArrayLike, *, train: bool = True) -> Any: ...
    def backward(self, dh: ArrayLike, *, dc: ArrayLike | None = None) -> Any: ...
    @property
    def c(self) -> Any: ...

class Decoder(RowGradHolder):
    embed: Any
    lstm: Any
    affine: Any
    params: list[NDArray[Any]]
    grads: list[NDArray[Any]]
    def __init__(
        self,
        vocab_size: int,
        wordvec_size: int,
        hidden_size: int,
        *,
        embed_W: NDArray[Any] | None = None,
        rng: np.random.Generator | None = None,
    ) -> None: ...
    def forward(self, xs: ArrayLike, h: ArrayLike, *, c: ArrayLike | None = None) -> Any: ...
    def backward(self, dscore: ArrayLike) -> Any: ...
    def generate(
        self, h: ArrayLike, start_id: Any, sample_size: int, *, c: ArrayLike | None = None
    ) -> Any: ...
    def generate_batch(
        self, h: ArrayLike, start_id: Any, sample_size: int, *, c: ArrayLike | None = None
    ) -> Any: ...

class Seq2seq(BaseModel):
    encoder: Any
    decoder: Any
    softmax: Any
    params: list[NDArray[Any]]
    grads: list[NDArray[Any]]
    reverse: Any
    hand_over_c: Any
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
    ) -> None: ...
    def forward(self, xs: ArrayLike, ts: ArrayLike) -> Any: ...
    def backward(self, dout: ArrayLike = 1) -> Any: ...
    def generate(self, xs: ArrayLike, start_id: Any, sample_size: int) -> Any: ...
    def generate_batch(
        self, xs: ArrayLike, start_id: Any, sample_size: int, *, batch_size: int = 512
    ) -> Any: ...
    def accuracy(self, xs: ArrayLike, ts: ArrayLike, *, batch_size: int = 512) -> Any: ...

def states_of(lstm: Any, xs: ArrayLike, train: bool) -> Any: ...
