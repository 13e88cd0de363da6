"""Recurrent cells, and the layers that run them over time.

Older pickles look up the layers over time here; newer ones name fastw2v.time_layers.
"""

from fastw2v._recurrent.bidirectional import TimeBidirectional, TimeBiLSTM
from fastw2v._recurrent.over_time import TimeGRU, TimeLSTM, TimeRNN
from fastw2v._recurrent.stack import TimeStack

__all__ = ["TimeBiLSTM", "TimeBidirectional", "TimeGRU", "TimeLSTM", "TimeRNN", "TimeStack"]
