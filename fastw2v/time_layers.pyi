"""Types of `fastw2v.time_layers`, written by tools/stubs.py."""

import os as os
import pickle as pickle
from collections.abc import Mapping as Mapping
from typing import Any, NamedTuple as NamedTuple

import numpy as np
from numpy.typing import ArrayLike as ArrayLike, DTypeLike as DTypeLike, NDArray as NDArray

from fastw2v._cells import GRU as GRU
from fastw2v._cells import LSTM as LSTM
from fastw2v._cells import RNN as RNN
from fastw2v._recurrent import TimeBiLSTM as TimeBiLSTM
from fastw2v._recurrent import TimeGRU as TimeGRU
from fastw2v._recurrent import TimeLSTM as TimeLSTM
from fastw2v._recurrent import TimeRNN as TimeRNN
from fastw2v._row_grad import RowGradHolder as RowGradHolder
from fastw2v.functions import GPU as GPU
from fastw2v.functions import cross_entropy_error as cross_entropy_error
from fastw2v.functions import sigmoid as sigmoid
from fastw2v.functions import softmax as softmax
from fastw2v.layers import Affine as Affine
from fastw2v.layers import Dropout as Dropout
from fastw2v.layers import Embedding as Embedding
from fastw2v.layers import MatMul as MatMul
from fastw2v.layers import Sigmoid as Sigmoid
from fastw2v.layers import SigmoidWithLoss as SigmoidWithLoss
from fastw2v.layers import Softmax as Softmax
from fastw2v.layers import SoftmaxWithLoss as SoftmaxWithLoss

__all__ = [
    "Affine",
    "Dropout",
    "Embedding",
    "GPU",
    "GRU",
    "LSTM",
    "MatMul",
    "RNN",
    "Sigmoid",
    "SigmoidWithLoss",
    "Simple_TimeAffine",
    "Simple_TimeSoftmaxWithLoss",
    "Softmax",
    "SoftmaxWithLoss",
    "TimeAffine",
    "TimeBiLSTM",
    "TimeDropout",
    "TimeEmbedding",
    "TimeGRU",
    "TimeLSTM",
    "TimeRNN",
    "TimeSigmoidWithLoss",
    "TimeSoftmaxWithLoss",
    "cross_entropy_error",
    "np",
    "sigmoid",
    "softmax",
]

class TimeEmbedding(RowGradHolder):
    dtype: Any
    params: list[NDArray[Any]]
    grads: list[NDArray[Any]]
    W: Any
    def __init__(self, W: NDArray[Any], *, dtype: DTypeLike | None = None) -> None: ...
    def forward(self, xs: ArrayLike) -> Any: ...
    def backward(self, dout: ArrayLike) -> Any: ...
    @property
    def layers(self) -> Any: ...

class TimeAffine(Affine):
    def forward(self, x: ArrayLike, *, out: Any = None) -> Any: ...

class Simple_TimeAffine:
    W: Any
    b: Any
    dW: Any
    db: Any
    def __init__(self, W: NDArray[Any], b: NDArray[Any]) -> None: ...
    def forward(self, xs: ArrayLike) -> Any: ...
    def backward(self, dout: ArrayLike) -> Any: ...
    @property
    def layers(self) -> Any: ...

class TimeDropout:
    params: list[NDArray[Any]]
    grads: list[NDArray[Any]]
    dropout_ratio: Any
    mask: Any
    train_flg: Any
    def __init__(
        self, dropout_ratio: float = 0.5, *, rng: np.random.Generator | None = None
    ) -> None: ...
    def forward(self, xs: ArrayLike) -> Any: ...
    def backward(self, dout: ArrayLike) -> Any: ...

class TimeSoftmaxWithLoss:
    params: list[NDArray[Any]]
    grads: list[NDArray[Any]]
    ignore_label: Any
    def __init__(self) -> None: ...
    def forward(self, xs: ArrayLike, ts: ArrayLike, *, copy: bool = True) -> Any: ...
    def backward(self, dout: ArrayLike = 1) -> Any: ...
    def backward_in_place(self) -> Any: ...
    def holds(self, scores: ArrayLike) -> Any: ...
    @property
    def cache(self) -> Any: ...
    @cache.setter
    def cache(self, value: Any) -> None: ...

class TimeSigmoidWithLoss:
    params: list[NDArray[Any]]
    grads: list[NDArray[Any]]
    dtype: Any
    xs_shape: Any
    def __init__(self, *, dtype: DTypeLike | None = None) -> None: ...
    def forward(self, xs: ArrayLike, ts: ArrayLike) -> Any: ...
    def backward(self, dout: ArrayLike = 1) -> Any: ...
    @property
    def layers(self) -> Any: ...

class Simple_TimeSoftmaxWithLoss:
    params: list[NDArray[Any]]
    grads: list[NDArray[Any]]
    dtype: Any
    def __init__(self, *, dtype: DTypeLike | None = None) -> None: ...
    def forward(self, xs: ArrayLike, ts: ArrayLike) -> Any: ...
    def backward(self, dout: ArrayLike = 1) -> Any: ...
    @property
    def layers(self) -> Any: ...
    @property
    def cache(self) -> Any: ...
