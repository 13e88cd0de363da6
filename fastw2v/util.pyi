"""Types of `fastw2v.util`, written by tools/stubs.py."""

import os as os
import pickle as pickle
from collections.abc import Mapping as Mapping
from typing import Any, NamedTuple as NamedTuple

import numpy as np
from numpy.typing import ArrayLike as ArrayLike, DTypeLike as DTypeLike, NDArray as NDArray

__all__ = [
    "analogy",
    "clip_grads",
    "convert_one_hot",
    "cos_similarity",
    "create_co_matrix",
    "create_contexts_target",
    "eval_perplexity",
    "eval_seq2seq",
    "most_similar",
    "nearest",
    "normalize",
    "ppmi",
    "preprocess",
    "to_cpu",
    "to_gpu",
]

def preprocess(text: Any) -> tuple[NDArray[Any], dict[str, int], dict[int, str]]: ...
def create_contexts_target(
    corpus: Any, window_size: int = 1
) -> tuple[NDArray[Any], NDArray[Any]]: ...
def convert_one_hot(corpus: Any, vocab_size: int) -> Any: ...
def create_co_matrix(corpus: Any, vocab_size: int, window_size: int = 1) -> Any: ...
def ppmi(C: ArrayLike, verbose: bool = False, eps: float = 1e-08) -> Any: ...
def cos_similarity(x: ArrayLike, y: ArrayLike, eps: float = 1e-08) -> Any: ...
def most_similar(
    query: Any,
    word_to_id: Mapping[str, int],
    id_to_word: Mapping[int, str],
    word_matrix: ArrayLike,
    top: int = 5,
) -> Any: ...
def analogy(
    a: ArrayLike,
    b: NDArray[Any],
    c: ArrayLike,
    word_to_id: Mapping[str, int],
    id_to_word: Mapping[int, str],
    word_matrix: ArrayLike,
    top: int = 5,
    answer: Any = None,
) -> Any: ...
def nearest(matrix: ArrayLike, queries: ArrayLike, k: int = 10, exclude: Any = None) -> Any: ...
def normalize(x: ArrayLike) -> Any: ...
def clip_grads(grads: list[NDArray[Any]], max_norm: float) -> Any: ...
def eval_perplexity(model: Any, corpus: Any, batch_size: int = 10, time_size: int = 35) -> Any: ...
def mean_loss(
    model: Any, corpus: Any, batch_size: int, time_size: int, show: Any = None
) -> Any: ...
def eval_seq2seq(
    model: Any,
    question: ArrayLike,
    correct: ArrayLike,
    id_to_char: Any,
    verbose: bool = False,
    is_reverse: bool = False,
) -> Any: ...
def to_cpu(x: ArrayLike) -> Any: ...
def to_gpu(x: ArrayLike) -> Any: ...
