"""An LSTM that reads ids: equal to a TimeLSTM over their one-hot rows, without those rows.

    x Wx = Wx[id],  dWx[id] += da

A product with one-hot rows (N * T, V) reads V rows of Wx for each step, and multiplies nearly all
of them by 0; for an alphabet of a thousand characters that is most of the work of a model.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastw2v._checks.arrays import has_plain_rows
from fastw2v._checks.ids import as_ids_over_time
from fastw2v._recurrent.cells import LSTM
from fastw2v._recurrent.kinds import InputKind
from fastw2v._recurrent.over_time import TimeLSTM
from fastw2v._recurrent.table_rows import gather_rows
from fastw2v.functions import scatter_add

__all__ = ["OneHotLSTM"]


def _check_ids(name: str, xs: ArrayLike, Wx: NDArray[Any]) -> NDArray[Any]:
    """Return ids (N, T) as an array with every id in [0, V), V the rows of Wx."""
    return as_ids_over_time(name, xs, len(Wx))


def _one_hot_product(
    ids: NDArray[Any], Wx: NDArray[Any], out: NDArray[Any], *, bias: NDArray[Any]
) -> None:
    """Write the rows Wx[ids] + bias, which are those of one-hot rows times Wx."""
    if has_plain_rows(Wx):
        gather_rows(out, Wx, ids)
    else:
        out[...] = Wx[ids]
    out += bias


def _one_hot_gradients(
    dWx: NDArray[Any], da: NDArray[Any], ids: NDArray[Any], Wx: NDArray[Any]
) -> None:
    """Write dWx = 0, then dWx[ids] += da; ids have no gradient."""
    dWx[...] = 0
    scatter_add(dWx, ids, da)


class OneHotLSTM(TimeLSTM):
    """`TimeLSTM` for one-hot input: forward takes ids (N, T) in [0, V), Wx is (V, 4H).

    backward returns None, because ids have no gradient.

    >>> import numpy as np
    >>> from fastw2v._recurrent.one_hot import OneHotLSTM
    >>> from fastw2v.time_layers import TimeLSTM
    >>> rng = np.random.default_rng(0)
    >>> weights = [rng.standard_normal(shape) for shape in ((5, 8), (2, 8), (8,))]
    >>> ids = np.array([[0, 4, 2]])
    >>> hs = OneHotLSTM(*weights).forward(ids)
    >>> np.allclose(hs, TimeLSTM(*weights).forward(np.eye(5)[ids]))
    True
    """

    _input = InputKind(_check_ids, False, _one_hot_product, _one_hot_gradients)

    @property
    def layers(self) -> list[LSTM] | None:
        """The steps of the last forward as cells over one-hot rows; None before."""
        steps = super().layers
        for step in steps or ():
            ids, *rest = step.cache
            step.cache = (np.eye(len(self.params[0]))[ids], *rest)
        return steps
