"""An LSTM that reads ids: what a TimeLSTM computes of their one-hot rows, without the rows.

    x Wx = Wx[id],  dWx[id] += dA

A product with one-hot rows (N * T, V) reads V rows of Wx for each step, and nearly all of it is
multiplied by 0; for an alphabet of a thousand characters that is most of the work of a model.
"""

import numpy as np

from fastw2v._checks.arrays import has_plain_rows
from fastw2v._checks.ids import as_ids_over_time
from fastw2v._core import threads
from fastw2v._kernels import _embedding, specialise
from fastw2v.functions import scatter_add
from fastw2v.time_layers import TimeLSTM

__all__ = ["OneHotLSTM"]

_GATHER = specialise(_embedding.gather)
_NS = 0.05  # serial nanoseconds per element copied; see `threads.parts`


class OneHotLSTM(TimeLSTM):
    """`TimeLSTM` for one-hot input: forward takes ids (N, T) in [0, V), Wx is (V, 4H).

    backward returns None, for ids have no gradient.

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

    def _check_input(self, xs, Wx):
        return as_ids_over_time("xs", xs, len(Wx))

    def _input_dtype(self, xs, dtype):
        return xs.dtype

    def _write_inputs(self, rows, xs, Wx, b):
        ids = xs.reshape(-1)
        if has_plain_rows(Wx):
            n_parts = threads.parts(rows.size * _NS)
            _GATHER[rows.dtype, ids.dtype](rows, Wx, ids, n_parts)
        else:
            rows[...] = Wx[ids]
        rows += b

    def _retreat_to_inputs(self, dWx, rows, xs, Wx):
        dWx[...] = 0
        scatter_add(dWx, xs.reshape(-1), rows)

    @property
    def layers(self):
        steps = super().layers
        for step in steps or ():
            ids, *rest = step.cache
            step.cache = (np.eye(len(self.params[0]))[ids], *rest)
        return steps
