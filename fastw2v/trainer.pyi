"""Types of `fastw2v.trainer`, written by tools/stubs.py."""

import os as os
import pickle as pickle
from collections.abc import Mapping as Mapping
from typing import Any, NamedTuple as NamedTuple

import numpy as np
from numpy.typing import ArrayLike as ArrayLike, DTypeLike as DTypeLike, NDArray as NDArray

__all__ = ["RnnlmTrainer", "Trainer", "remove_duplicate"]

def remove_duplicate(params: list[NDArray[Any]], grads: list[NDArray[Any]]) -> Any: ...

class _Saved:
    def save(self, path: str | os.PathLike[str]) -> None: ...
    @classmethod
    def resume(cls, path: str | os.PathLike[str], model: Any) -> Any: ...

class Trainer(_Saved):
    model: Any
    optimizer: Any
    loss_list: Any
    eval_interval: Any
    current_epoch: Any
    def __init__(self, model: Any, optimizer: Any) -> None: ...
    def fit(
        self,
        x: ArrayLike,
        t: ArrayLike,
        max_epoch: int = 10,
        batch_size: int = 32,
        max_grad: Any = None,
        eval_interval: int = 20,
        *,
        progress: bool = False,
        checkpoint: Any = None,
        every: Any = None,
    ) -> None: ...
    def fit_batches(
        self,
        batches: Any,
        steps: Any,
        max_grad: Any = None,
        eval_interval: int = 20,
        *,
        progress: bool = False,
    ) -> Any: ...
    def plot(self, ylim: Any = None) -> Any: ...

class RnnlmTrainer(_Saved):
    model: Any
    optimizer: Any
    time_idx: Any
    ppl_list: Any
    eval_interval: Any
    current_epoch: Any
    def __init__(self, model: Any, optimizer: Any) -> None: ...
    def get_batch(self, x: ArrayLike, t: ArrayLike, batch_size: int, time_size: int) -> Any: ...
    def fit(
        self,
        xs: ArrayLike,
        ts: ArrayLike,
        max_epoch: int = 10,
        batch_size: int = 20,
        time_size: int = 35,
        max_grad: Any = None,
        eval_interval: int = 20,
        *,
        progress: bool = False,
        checkpoint: Any = None,
        every: Any = None,
    ) -> None: ...
    def plot(self, ylim: Any = None) -> Any: ...
