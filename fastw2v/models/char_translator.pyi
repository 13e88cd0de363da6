"""Types of `fastw2v.models.char_translator`, written by tools/stubs.py."""

import os as os
import pickle as pickle
from collections.abc import Mapping as Mapping
from typing import Any, NamedTuple as NamedTuple

import numpy as np
from numpy.typing import ArrayLike as ArrayLike, DTypeLike as DTypeLike, NDArray as NDArray

from fastw2v.base_model import BaseModel as BaseModel

__all__ = ["CharTranslator", "Translation"]

class Translation(NamedTuple):
    text: str
    score: float

class CharTranslator(BaseModel):
    source_characters: Any
    target_characters: Any
    hidden_size: Any
    max_source_length: Any
    max_target_length: Any
    embed_size: Any
    bidirectional: Any
    reverse: Any
    encoder: Any
    decoder: Any
    loss_layer: Any
    params: list[NDArray[Any]]
    grads: list[NDArray[Any]]
    history: Any
    def __init__(
        self,
        source_characters: Any,
        target_characters: Any,
        hidden_size: int = 256,
        *,
        max_source_length: int = 100,
        max_target_length: int = 100,
        embed_size: Any = None,
        bidirectional: bool = False,
        reverse: bool = False,
        attention: bool = False,
        dtype: DTypeLike = ...,
        rng: np.random.Generator | None = None,
    ) -> None: ...
    @classmethod
    def from_pairs(cls, pairs: Any, hidden_size: int = 256, **options: Any) -> Any: ...
    @property
    def attention(self) -> Any: ...
    def pair_ids(self, pairs: Any) -> Any: ...
    def forward(self, sources: ArrayLike, targets: ArrayLike) -> Any: ...
    def backward(self, dout: ArrayLike = 1) -> Any: ...
    def fit(
        self,
        pairs: Any,
        epochs: int = 50,
        batch_size: int = 64,
        validation_split: float = 0.2,
        *,
        optimizer: Any = None,
        max_grad: Any = None,
        keep_best: bool = False,
        progress: bool = False,
    ) -> None: ...
    def evaluate(self, pairs: Any) -> Any: ...
    def plot(self, file_name: str | os.PathLike[str] | None = None) -> Any: ...
    def translate(self, text: Any, beam_width: int = 1) -> Any: ...
    def decode(self, text: Any, beam_width: int = 1) -> Any: ...
    def score(self, source: Any, target: ArrayLike) -> Any: ...
    def exact(self, pairs: Any, beam_width: int = 1) -> Any: ...
    def encode(self, text: Any) -> Any: ...
    def step(self, id: Any, h: ArrayLike, c: ArrayLike) -> Any: ...
    def save(self, file_name: str | os.PathLike[str]) -> None: ...
    @classmethod
    def load(cls, file_name: str | os.PathLike[str]) -> Any: ...
