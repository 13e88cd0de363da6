"""The order of the gates in the columns of weights, here, in Keras and in torch.

    here, the book   LSTM  f g i o        GRU  z r h~       h = (1 - z) * h_prev + z * h~
    Keras            LSTM  i f c o        GRU  z r h        h = z * h_prev + (1 - z) * h~
    torch, cuDNN     LSTM  i f g o        GRU  r z n        h = z * h_prev + (1 - z) * n

g of the book is Keras's c, the candidate of the cell's new content; h~ of the book is Keras's h and
torch's n. The update gate z counts the new state in the book and the old one in the others. The
sign of its weights turns one into the other, as sigmoid(-a) = 1 - sigmoid(a), which holds for the
hard sigmoids too.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["N_GATES", "reordered"]

N_GATES = {"RNN": 1, "LSTM": 4, "GRU": 3}

# The letters of the book, for all three libraries.
_ORDERS = {
    "here": {"RNN": "h", "LSTM": "fgio", "GRU": "zrh"},
    "keras": {"RNN": "h", "LSTM": "ifgo", "GRU": "zrh"},
    "torch": {"RNN": "h", "LSTM": "ifgo", "GRU": "rzh"},
}


def reordered(array: NDArray[Any], cell: str, source: str, target: str) -> NDArray[Any]:
    """Return a new array (..., n * H) with the gates in the order of another library.

    cell: "RNN", "LSTM" or "GRU". source, target: "here", "keras" or "torch".

    >>> import numpy as np
    >>> from fastw2v._exchange.gate_orders import reordered
    >>> reordered(np.array([1, 2, 3, 4]), "LSTM", "keras", "here")
    array([2, 3, 1, 4])
    >>> reordered(np.array([1.0, 2.0, 3.0]), "GRU", "torch", "here")
    array([-2.,  1.,  3.])
    """
    before, after = _ORDERS[source][cell], _ORDERS[target][cell]
    blocks = dict(zip(before, np.split(array, len(before), axis=-1), strict=True))
    if cell == "GRU" and "here" in (source, target) and source != target:
        blocks["z"] = -blocks["z"]
    return np.concatenate([blocks[gate] for gate in after], axis=-1)
