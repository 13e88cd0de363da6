"""Recurrent cells, and the layers that run them over time.

The names here are those under which older pickles look the layers up.
"""

from fastw2v._recurrent.over_time import TimeBiLSTM, TimeGRU, TimeLSTM, TimeRNN

__all__ = ["TimeBiLSTM", "TimeGRU", "TimeLSTM", "TimeRNN"]
