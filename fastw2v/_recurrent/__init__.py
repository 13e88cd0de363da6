"""Recurrent cells, and the layers that run them over time.

Older pickles look up the layers over time here; newer ones name fastw2v.time_layers.
"""

from fastw2v._recurrent.bidirectional import TimeBiLSTM
from fastw2v._recurrent.over_time import TimeGRU, TimeLSTM, TimeRNN

__all__ = ["TimeBiLSTM", "TimeGRU", "TimeLSTM", "TimeRNN"]
