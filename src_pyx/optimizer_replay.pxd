"""Replay of deferred steps: rows that had no gradient for a number of steps are brought up to date.

The replay gives the bits of the pass over a gradient of zeros, step after step. Once a weight is
known to be final, only its states are replayed. lr[k] is the learning rate of step k.
"""
from libc.float cimport DBL_MIN, FLT_MIN
from libc.stdint cimport int64_t
from libc.string cimport memcmp, memcpy

from common_memory cimport prefetch_row
from common_types cimport real_t
from optimizer_rules cimport (
    ADAM, FW_ADAM_SIMD, RMSPROP, Rule, magnitude, mean_square, moments, root, run, velocity,
)

cdef extern from "optimizer_simd.h" nogil:
    void fw_adam_replay(float* w, float* m, float* v, Py_ssize_t n, const float* lr,
                        Py_ssize_t begin, Py_ssize_t end, float lr_low, float lr_high,
                        float c1, float c2, float eps, int may_stop, int slower, float tiny)

cdef enum:
    CHUNK = 64      # elements whose steps are replayed together, from the nearest cache
    LOOK = 16       # replayed steps between two checks whether the weights are final


cdef inline bint fades(Rule rule, const real_t* s, real_t lr_low) noexcept nogil:
    """Tell whether states shrink at every step without gradient, with no negative learning rate."""
    if not lr_low >= 0:
        return False
    if rule == ADAM:
        return 0 <= s[1] <= 1 and 0 <= s[2] <= 1 and s[3] > 0
    if rule == RMSPROP:
        return 0 <= s[1] <= 1 and s[2] >= 0
    return 0 <= s[1] <= 1


cdef inline bint slows_down(const real_t* s) noexcept nogil:
    """Tell whether steps of Adam without gradient never grow at a constant learning rate.

    They do not where m shrinks faster than the square root of v, by more than rounding errors.
    """
    return 1 - s[1] <= <real_t> 0.999999 * root(1 - s[2])


cdef inline bint settled(Rule rule, const real_t* w, const real_t* a, const real_t* b, Py_ssize_t n,
                         const real_t* s, real_t lr_high, bint slower, real_t tiny) noexcept nogil:
    """Tell whether no number of further steps without gradient can move one of n weights.

    The states fade, which bounds all steps to come. The bound is doubled to cover its own rounding
    and, at powers of two, the finer spacing below; if its sum with w rounds to w, then w is final.
    tiny bounds the steps of moments that have stopped shrinking, as the smallest numbers do.
    """
    cdef Py_ssize_t i, moving = 0
    cdef real_t bound
    if rule == RMSPROP:
        # w -= 0 / (sqrt(h) + eps) moves nothing unless the root is NaN or infinite.
        for i in range(n):
            moving += not (a[i] >= 0 and a[i] - a[i] == 0)
        return moving == 0
    for i in range(n):
        if rule == ADAM:
            bound = root(b[i]) + s[3] if slower else s[3] + 0 * b[i]
            bound = 2 * lr_high * magnitude(a[i]) / bound + tiny
        else:
            bound = 2 * magnitude(a[i])
        moving += not (w[i] + bound == w[i] and w[i] - bound == w[i])
    return moving == 0


cdef inline void fade(Rule rule, real_t* a, real_t* b, Py_ssize_t n, const real_t* s,
                      Py_ssize_t steps) noexcept nogil:
    """Run a number of steps without gradient on the states alone."""
    cdef Py_ssize_t i
    cdef real_t zero = 0, s1 = s[1], s2 = s[2]
    for _ in range(steps):
        if rule == ADAM:
            for i in range(n):
                moments(&a[i], &b[i], zero, s1, s2)
        elif rule == RMSPROP:
            for i in range(n):
                mean_square(&a[i], zero, s1, s2)
        else:
            for i in range(n):
                velocity(&a[i], zero, zero, s1)


cdef inline void replay_chunk(Rule rule, real_t* w, real_t* a, real_t* b, Py_ssize_t n,
                              const real_t* lr, Py_ssize_t begin, Py_ssize_t end, real_t lr_high,
                              bint may_stop, bint slower, real_t tiny, real_t* s) noexcept nogil:
    """Replay steps [begin, end) of n elements that had no gradient in them."""
    cdef Py_ssize_t k = begin, stop
    cdef bint same
    cdef real_t[CHUNK] a_before
    cdef real_t[CHUNK] b_before
    while k < end:
        stop = min(k + LOOK, end)
        while k < stop:
            s[0] = lr[k]
            run(rule, w, a, b, <const real_t*> NULL, n, s)
            k += 1
        if may_stop and k < end and settled(rule, w, a, b, n, s, lr_high, slower, tiny):
            break
    while k < end:
        stop = min(k + LOOK, end)
        memcpy(a_before, a, n * sizeof(real_t))
        if b != NULL:
            memcpy(b_before, b, n * sizeof(real_t))
        fade(rule, a, b, n, s, stop - k)
        k = stop
        # States shrink or are final: those that some steps do not change, no step will.
        same = memcmp(a_before, a, n * sizeof(real_t)) == 0
        if same and (b == NULL or memcmp(b_before, b, n * sizeof(real_t)) == 0):
            break


cdef inline void replay_row(Rule rule, real_t* w, real_t* a, real_t* b, Py_ssize_t C,
                            const real_t* lr, Py_ssize_t begin, Py_ssize_t end, real_t lr_low,
                            real_t lr_high, real_t* s) noexcept nogil:
    """Replay steps [begin, end) of a row without gradient; lr_low <= lr[k] <= lr_high."""
    cdef Py_ssize_t i = 0, n
    cdef bint may_stop = fades(rule, s, lr_low), slower = rule == ADAM and slows_down(s)
    # Moments below the normal range may stop shrinking; their steps are at most lr m / eps.
    cdef real_t smallest, tiny = 0
    if real_t is float:
        smallest = <real_t> FLT_MIN
    else:
        smallest = <real_t> DBL_MIN
    if rule == ADAM:
        tiny = 4 * lr_high * (smallest / s[3]) + smallest
        if real_t is float:
            if FW_ADAM_SIMD:
                fw_adam_replay(w, a, b, C, lr, begin, end, lr_low, lr_high, s[1], s[2], s[3],
                               may_stop, slower, tiny)
                return
    while i < C:
        n = min(C - i, <Py_ssize_t> CHUNK)
        replay_chunk(rule, w + i, a + i, b + i if b != NULL else b, n, lr, begin, end, lr_high,
                     may_stop, slower, tiny, s)
        i += n


cdef inline void replay_part(Rule rule, real_t* w, Py_ssize_t ld, real_t* a, real_t* b,
                             const int64_t* rows, const int64_t* since, Py_ssize_t n_rows,
                             Py_ssize_t C, const real_t* lr, real_t lr_low, real_t lr_high,
                             Py_ssize_t now, const real_t* scalars, Py_ssize_t first,
                             Py_ssize_t stride) noexcept nogil:
    """Replay every stride-th row of the list from `first` on.

    Neighbours in the list are often equally many steps behind, so the parts get equal work.
    """
    cdef Py_ssize_t i = first
    cdef real_t[4] s
    s[0], s[1], s[2], s[3] = scalars[0], scalars[1], scalars[2], scalars[3]
    while i < n_rows:
        if i + 2 * stride < n_rows:
            prefetch_row(w + rows[i + 2 * stride] * ld, C * <Py_ssize_t> sizeof(real_t))
            prefetch_row(a + rows[i + 2 * stride] * C, C * <Py_ssize_t> sizeof(real_t))
            if b != NULL:
                prefetch_row(b + rows[i + 2 * stride] * C, C * <Py_ssize_t> sizeof(real_t))
        replay_row(rule, w + rows[i] * ld, a + rows[i] * C, b + rows[i] * C if b != NULL else b, C,
                   lr, since[i], now, lr_low, lr_high, s)
        i += stride
