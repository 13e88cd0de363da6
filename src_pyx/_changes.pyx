"""Changes of rows: found, taken, merged, applied.

V rows of a table, D their width, n rows that changed, S trainings from the same weights. Ids of
rows ascend. A number of a change is a float, or a bfloat16: the upper half of a float, rounded to
nearest, ties to even.
    mark_changed    flags[v] = 1 where now[v] has other bits than before[v], else 0
    take_changes    numbers[i] = now[ids[i]] - before[ids[i]]; now[ids[i]] = before[ids[i]]
    add_changes     before[ids[i]] += numbers[i]; now[ids[i]] = before[ids[i]]
    merge_rows      merged[i] = share * s,   s = sum over k of d_k,   q = sum over k of |d_k|^2
                    share = max(min(1, q / |s|^2), (1 - exp(-x)) / (m (1 - exp(-x / m))))
with d_k the change that training k made to the row, m the number of trainings that changed it, and
x = steepness * the updates of these. Without counts of updates the second share is 0, and with
m = 1 the change is copied. Sums are of doubles, in the order of k.
"""
from cython.parallel cimport prange
from libc.math cimport expm1
from libc.stdint cimport int32_t, uint16_t, uint32_t, uint8_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcmp, memcpy, memset

from common_checks cimport check_fit, has_shape2, plain_rows
from common_math cimport bits_of, dot, float_of
from common_parallel cimport part_begin, use_pool

ctypedef fused wire_t:
    float
    uint16_t

cdef struct Change:             # the changed rows of one training
    const int32_t* ids
    const void* numbers
    const uint32_t* updates     # NULL: not counted
    Py_ssize_t n


cdef inline float read(wire_t number) noexcept nogil:
    if wire_t is float:
        return number
    else:
        return float_of(<uint32_t> number << 16)


cdef inline wire_t written(float x, wire_t kind) noexcept nogil:
    cdef uint32_t bits
    if wire_t is float:
        return x
    else:
        bits = bits_of(x)
        if (bits & 0x7fffffffU) > 0x7f800000U:     # NaN, which rounding could turn into zero
            return <uint16_t> (bits >> 16 | 0x40)
        return <uint16_t> ((bits + (((bits >> 16) & 1) + 0x7fffU)) >> 16)


cdef void mark_range(uint8_t* flags, const float* now, Py_ssize_t ld_now, const float* before,
                     Py_ssize_t ld_before, Py_ssize_t D,
                     Py_ssize_t lo, Py_ssize_t hi) noexcept nogil:
    cdef Py_ssize_t v
    for v in range(lo, hi):
        flags[v] = memcmp(now + v * ld_now, before + v * ld_before, D * sizeof(float)) != 0


def mark_changed(uint8_t[::1] flags,            # OUT (V,)
                 const float[:, :] now,         # IN  (V, D) rows contiguous
                 const float[:, :] before,      # IN  (V, D) rows contiguous
                 Py_ssize_t n_parts):
    """Mark the rows that differ between two tables."""
    cdef Py_ssize_t V = now.shape[0], D = now.shape[1], ld_now, ld_before, p
    check_fit("mark_changed", flags.shape[0] == V and has_shape2(before.shape, V, D) and
              plain_rows(now.shape, now.strides, sizeof(float)) and
              plain_rows(before.shape, before.strides, sizeof(float)))
    if V == 0:
        return
    if D == 0:
        flags[:] = 0
        return
    ld_now = now.strides[0] // <Py_ssize_t> sizeof(float)
    ld_before = before.strides[0] // <Py_ssize_t> sizeof(float)
    with nogil:
        for p in prange(n_parts, num_threads=n_parts, schedule="static"):
            mark_range(&flags[0], &now[0, 0], ld_now, &before[0, 0], ld_before, D,
                       part_begin(p, n_parts, V), part_begin(p + 1, n_parts, V))


cdef void take_range(wire_t* numbers, float* now, Py_ssize_t ld_now, const float* before,
                     Py_ssize_t ld_before, const int32_t* ids, Py_ssize_t D,
                     Py_ssize_t lo, Py_ssize_t hi) noexcept nogil:
    cdef Py_ssize_t i, d
    cdef float* new
    cdef const float* old
    for i in range(lo, hi):
        new, old = now + ids[i] * ld_now, before + ids[i] * ld_before
        for d in range(D):
            numbers[i * D + d] = written(new[d] - old[d], numbers[0])
        memcpy(new, old, D * sizeof(float))


def take_changes(wire_t[:, ::1] numbers,        # OUT (n, D)
                 float[:, :] now,               # IN/OUT (V, D) rows contiguous; equal to before
                 const float[:, :] before,      # IN  (V, D) rows contiguous
                 const int32_t[::1] ids,        # IN  (n,) below V, each once
                 Py_ssize_t n_parts):
    """Take the changes of rows out of a table, whose rows are then those before."""
    cdef Py_ssize_t n = ids.shape[0], V = now.shape[0], D = now.shape[1], ld_now, ld_before, p
    check_fit("take_changes", has_shape2(numbers.shape, n, D) and
              has_shape2(before.shape, V, D) and
              plain_rows(now.shape, now.strides, sizeof(float)) and
              plain_rows(before.shape, before.strides, sizeof(float)) and in_table(ids, V))
    if n == 0 or D == 0:
        return
    ld_now = now.strides[0] // <Py_ssize_t> sizeof(float)
    ld_before = before.strides[0] // <Py_ssize_t> sizeof(float)
    with nogil:
        for p in prange(n_parts, num_threads=n_parts, schedule="static"):
            take_range(&numbers[0, 0], &now[0, 0], ld_now, &before[0, 0], ld_before, &ids[0], D,
                       part_begin(p, n_parts, n), part_begin(p + 1, n_parts, n))


cdef void add_range(float* now, Py_ssize_t ld_now, float* before, Py_ssize_t ld_before,
                    const int32_t* ids, const wire_t* numbers, Py_ssize_t D,
                    Py_ssize_t lo, Py_ssize_t hi) noexcept nogil:
    cdef Py_ssize_t i, d
    cdef float* row
    for i in range(lo, hi):
        row = before + ids[i] * ld_before
        for d in range(D):
            row[d] += read(numbers[i * D + d])
        memcpy(now + ids[i] * ld_now, row, D * sizeof(float))


def add_changes(float[:, :] now,                # OUT (V, D) rows contiguous; those of ids
                float[:, :] before,             # IN/OUT (V, D) rows contiguous
                const int32_t[::1] ids,         # IN  (n,) below V, each once
                const wire_t[:, ::1] numbers,   # IN  (n, D)
                Py_ssize_t n_parts):
    """Add changes to the rows of a table, and copy these rows to its twin."""
    cdef Py_ssize_t n = ids.shape[0], V = now.shape[0], D = now.shape[1], ld_now, ld_before, p
    check_fit("add_changes", has_shape2(numbers.shape, n, D) and
              has_shape2(before.shape, V, D) and
              plain_rows(now.shape, now.strides, sizeof(float)) and
              plain_rows(before.shape, before.strides, sizeof(float)) and in_table(ids, V))
    if n == 0 or D == 0:
        return
    ld_now = now.strides[0] // <Py_ssize_t> sizeof(float)
    ld_before = before.strides[0] // <Py_ssize_t> sizeof(float)
    with nogil:
        for p in prange(n_parts, num_threads=n_parts, schedule="static"):
            add_range(&now[0, 0], ld_now, &before[0, 0], ld_before, &ids[0], &numbers[0, 0], D,
                      part_begin(p, n_parts, n), part_begin(p + 1, n_parts, n))


cdef bint in_table(const int32_t[::1] ids, Py_ssize_t V) noexcept:
    """Tell whether ids are rows of a table in ascending order, so that no row is there twice."""
    cdef Py_ssize_t i, n = ids.shape[0]
    if n and (ids[0] < 0 or ids[n - 1] >= V):
        return False
    for i in range(1, n):
        if ids[i] <= ids[i - 1]:
            return False
    return True


cdef Py_ssize_t first_from(const Change* change, int32_t wanted) noexcept nogil:
    """Return the place of the first id of a change that is not below the wanted one."""
    cdef Py_ssize_t lo = 0, hi = change.n, middle
    while lo < hi:
        middle = lo + (hi - lo) // 2
        if change.ids[middle] < wanted:
            lo = middle + 1
        else:
            hi = middle
    return lo


cdef double share_of(double squares, double length, double updates, double m,
                     double steepness) noexcept nogil:
    cdef double share = 1.0, by_updates, x
    if length > 0 and squares < length:
        share = squares / length
    if updates >= 0:
        x = min(max(steepness * updates, 1e-9), 1e9)
        by_updates = expm1(-x) / (m * expm1(-x / m))
        share = max(share, by_updates)
    return share


cdef Py_ssize_t merge_range(wire_t* merged, const int32_t* ids, const Change* changes,
                            Py_ssize_t S, Py_ssize_t D, double steepness, double* part,
                            Py_ssize_t* at, Py_ssize_t lo, Py_ssize_t hi) noexcept nogil:
    """Merge the rows [lo, hi); return how many are not finite. at (S,) and part (2 D,): scratch."""
    cdef double* total = part + D
    cdef const wire_t* row
    cdef double squares, length, updates, m, share
    cdef Py_ssize_t i, k, d, n_spoilt = 0
    cdef uint32_t spoilt
    if lo < hi:
        for k in range(S):
            at[k] = first_from(&changes[k], ids[lo])
    for i in range(lo, hi):
        memset(total, 0, D * sizeof(double))
        squares, updates, m = 0, 0, 0
        for k in range(S):
            if at[k] == changes[k].n or changes[k].ids[at[k]] != ids[i]:
                continue
            row = <const wire_t*> changes[k].numbers + at[k] * D
            for d in range(D):
                part[d] = read(row[d])
            length = dot(part, part, D)
            if length != 0:
                for d in range(D):
                    total[d] += part[d]
                squares += length
                m += 1
                if changes[k].updates == NULL:
                    updates = -1
                elif updates >= 0:
                    updates += changes[k].updates[at[k]]
            at[k] += 1
        share = 1.0
        if m > 1:
            share = share_of(squares, dot(total, total, D), updates, m, steepness)
        spoilt = 0
        for d in range(D):
            merged[i * D + d] = written(<float> (share * total[d]), merged[0])
            spoilt |= (bits_of(read(merged[i * D + d])) & 0x7f800000U) == 0x7f800000U
        n_spoilt += spoilt
    return n_spoilt


def merge_rows(wire_t[:, ::1] merged,           # OUT (n, D)
               const int32_t[::1] ids,          # IN  (n,) ascending
               list changed,                    # IN  S arrays (n_k,) int32, ascending
               list numbers,                    # IN  S arrays (n_k, D)
               list updates,                    # IN  S arrays (n_k,) uint32, or none at all
               double steepness,
               Py_ssize_t n_parts):
    """Merge the changes of several trainings; return the number of rows that are not finite."""
    cdef Py_ssize_t n = ids.shape[0], D = merged.shape[1], S = len(changed), k, p, n_spoilt = 0
    cdef const int32_t[::1] its_ids
    cdef const wire_t[:, ::1] its_numbers
    cdef const uint32_t[::1] its_updates
    cdef Change* changes = <Change*> malloc((S + 1) * sizeof(Change))
    cdef Py_ssize_t* at = <Py_ssize_t*> malloc((n_parts * S + 1) * sizeof(Py_ssize_t))
    cdef double* part = <double*> malloc((n_parts * 2 * D + 1) * sizeof(double))
    held = []       # the views keep other threads from resizing the arrays
    try:
        if changes == NULL or at == NULL or part == NULL:
            raise MemoryError("merge_rows: no memory")
        check_fit("merge_rows", merged.shape[0] == n and len(numbers) == S and
                  (not updates or len(updates) == S))
        for k in range(S):
            its_ids, its_numbers = changed[k], numbers[k]
            check_fit("merge_rows", has_shape2(its_numbers.shape, its_ids.shape[0], D))
            held += [its_ids, its_numbers]
            changes[k].n = its_ids.shape[0] if D else 0
            changes[k].ids = &its_ids[0] if changes[k].n else NULL
            changes[k].numbers = &its_numbers[0, 0] if changes[k].n else NULL
            changes[k].updates = NULL
            if updates:
                its_updates = updates[k]
                check_fit("merge_rows", its_updates.shape[0] == its_ids.shape[0])
                held.append(its_updates)
                # Counts of no rows are counts, too.
                changes[k].updates = &its_updates[0] if changes[k].n else NULL
        if n and D:
            with nogil:
                for p in prange(n_parts, num_threads=n_parts, schedule="static"):
                    n_spoilt += merge_range(&merged[0, 0], &ids[0], changes, S, D, steepness,
                                            part + p * 2 * D, at + p * S,
                                            part_begin(p, n_parts, n),
                                            part_begin(p + 1, n_parts, n))
    finally:
        free(part)
        free(at)
        free(changes)
    return n_spoilt


use_pool()
