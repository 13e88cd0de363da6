"""The types of every kernel; nothing else names a type."""
from libc.stdint cimport int32_t, int64_t

ctypedef fused real_t:
    float
    double

ctypedef fused index_t:
    int32_t
    int64_t

ctypedef fused count_t:     # counts, plain or weighted
    int32_t
    int64_t
    float
    double
