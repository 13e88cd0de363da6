"""Rows of a table: gather, scatter-add, clearing of touched rows. Every table access starts here.

V table rows, D row width, N rows of input, C ids for each of them (C = 1: one id a row).
    gather          out[n]        = W[idx[n]]
    gather_mean     out[n]        = (W[idx[n, 0]] + ... + W[idx[n, C-1]]) / C
    scatter_add     dW[idx[n, c]] += coef[n, c] * x[n]        repeated ids add up, in order of n, c
    overwrite_rows  dW            = 0, then the same sum, touching only rows that are not zero
    pack_rows       the rows of that sum, one after the other
A coef of None means ones. Tables may have a row stride wider than D.

overwrite_rows needs to know which rows are not zero. `mark[v]` is 0 for rows that are zero and a
stamp, 1 or 2, for the others, which `rows[:n_rows]` lists; `fresh` receives the new list. Callers
have checked shapes and mapped ids, of which no other code may hold the memory, into [0, V).
"""
from cython.parallel cimport prange
from libc.stdint cimport int32_t, int64_t, uint8_t

from common_arrays cimport (FLOAT, INT32, INT64, UINT8, Array, has_rows, ids_below, in_range,
                            is_small, new_array, overlap, read_any, read_floats, read_ids,
                            read_list, use_arrays)
from common_checks cimport check_fit, plain_rows
from common_parallel cimport part_begin, use_pool
from common_types cimport index_t, real_t
from embedding_rows cimport (add_scaled, clear_columns, gather_mean_range, gather_range, number_ids,
                             overwrite_in_one, scatter_columns)

cdef extern from *:
    """
    #if defined(__linux__)
    #include <sys/mman.h>
    #endif
    #if defined(__linux__) && defined(MADV_NOHUGEPAGE)
    static void fw_small_pages(char *start, size_t n) {
        size_t skip = (4096 - ((size_t)start & 4095)) & 4095;
        if (n > skip) (void)madvise(start + skip, (n - skip) & ~(size_t)4095, MADV_NOHUGEPAGE);
    }
    #else
    static void fw_small_pages(char *start, size_t n) { (void)start; (void)n; }
    #endif
    """
    void fw_small_pages(char* start, size_t n) nogil

cpdef enum:
    ELSEWHERE = -2  # the answer of `try_overwrite_rows` that leaves the call to the general path

cdef enum:
    MOST_KEPT = 16  # different parameters of a small call
    COLUMNS = 16    # columns of one cut: 64 bytes of float, so that parts share few cache lines


cdef inline Py_ssize_t column(Py_ssize_t p, Py_ssize_t n_parts, Py_ssize_t D) noexcept nogil:
    """Return the first column of part p; cuts fall on multiples of COLUMNS."""
    cdef Py_ssize_t cut = part_begin(p, n_parts, (D + COLUMNS - 1) // COLUMNS) * COLUMNS
    return cut if cut < D else D


def gather(real_t[:, ::1] out,              # OUT (N, D)
           const real_t[:, :] W,            # IN  (V, D) rows contiguous
           const index_t[::1] idx,          # IN  (N,)
           Py_ssize_t n_parts):
    """Set out[n] to W[idx[n]]."""
    cdef Py_ssize_t N = out.shape[0], D = out.shape[1], ld, p
    check_fit("gather", idx.shape[0] == N and W.shape[1] == D and
              plain_rows(W.shape, W.strides, sizeof(real_t)))
    if N == 0 or D == 0:
        return
    ld = W.strides[0] // <Py_ssize_t> sizeof(real_t)
    with nogil:
        for p in prange(n_parts, num_threads=n_parts, schedule="static"):
            gather_range(&out[0, 0], &W[0, 0], ld, &idx[0], N, D,
                         part_begin(p, n_parts, N), part_begin(p + 1, n_parts, N))


def gather_mean(real_t[:, ::1] out,         # OUT (N, D)
                const real_t[:, :] W,       # IN  (V, D) rows contiguous
                const index_t[:, ::1] idx,  # IN  (N, C), C > 0
                Py_ssize_t n_parts):
    """Set out[n] to the mean over c of W[idx[n, c]], summed in order of c."""
    cdef Py_ssize_t N = out.shape[0], D = out.shape[1], C = idx.shape[1], ld, p
    check_fit("gather_mean", idx.shape[0] == N and W.shape[1] == D and C > 0 and
              plain_rows(W.shape, W.strides, sizeof(real_t)))
    if N == 0 or D == 0:
        return
    ld = W.strides[0] // <Py_ssize_t> sizeof(real_t)
    with nogil:
        for p in prange(n_parts, num_threads=n_parts, schedule="static"):
            gather_mean_range(&out[0, 0], &W[0, 0], ld, &idx[0, 0], C, D,
                              part_begin(p, n_parts, N), part_begin(p + 1, n_parts, N))


def scatter_add(real_t[:, :] dW,            # OUT (V, D) rows contiguous, added to
                const index_t[::1] idx,     # IN  (N * C,)
                const real_t[:, ::1] x,     # IN  (N, D)
                const real_t[::1] coef,     # IN  (N * C,) or None
                Py_ssize_t n_parts):
    """Add coef[n, c] * x[n] to dW[idx[n, c]]."""
    cdef Py_ssize_t N = x.shape[0], D = x.shape[1], C, ld, p
    cdef const real_t* scale = NULL
    check_fit("scatter_add", dW.shape[1] == D and (N == 0 or idx.shape[0] % N == 0) and
              (coef is None or coef.shape[0] == idx.shape[0]) and
              plain_rows(dW.shape, dW.strides, sizeof(real_t)))
    if N == 0 or D == 0 or idx.shape[0] == 0:
        return
    C = idx.shape[0] // N
    ld = dW.strides[0] // <Py_ssize_t> sizeof(real_t)
    if coef is not None:
        scale = &coef[0]
    with nogil:
        for p in prange(n_parts, num_threads=n_parts, schedule="static"):
            scatter_columns(&dW[0, 0], ld, &idx[0], &x[0, 0], scale, <const uint8_t*> NULL,
                            N, C, D, column(p, n_parts, D), column(p + 1, n_parts, D))


def overwrite_rows(real_t[:, :] dW,         # OUT (V, D) rows contiguous
                   uint8_t[::1] mark,       # OUT (V,) 0: row is zero, `stamp`: row is listed
                   int64_t[::1] fresh,      # OUT (capacity,) the new list
                   uint8_t[::1] first,      # scratch (N * C,)
                   const int64_t[::1] rows,  # IN  (capacity,) the old list
                   Py_ssize_t n_rows,
                   uint8_t stamp,           # mark of the rows in the old list, 1 or 2
                   const index_t[::1] idx,  # IN  (N * C,)
                   const real_t[:, ::1] x,  # IN  (N, D)
                   const real_t[::1] coef,  # IN  (N * C,) or None
                   Py_ssize_t n_parts):
    """Clear dW, add coef[n, c] * x[n] to dW[idx[n, c]]; return the length of the new list.

    Rows of the new list are marked 3 - stamp, so that old and new ones are told apart without a
    pass over either list. The result is -1 if more rows were touched than `fresh` holds: dW is
    right then, but mark and lists are not.
    """
    cdef Py_ssize_t N = x.shape[0], D = x.shape[1], total = idx.shape[0], C, ld, p, i
    cdef Py_ssize_t capacity = fresh.shape[0], n_fresh = 0
    cdef uint8_t new = 3 - stamp
    cdef const real_t* scale = NULL
    cdef const index_t* ids = NULL
    cdef const real_t* source = NULL
    check_fit("overwrite_rows", x.shape[1] == dW.shape[1] and mark.shape[0] >= dW.shape[0] and
              0 <= n_rows <= rows.shape[0] and (N == 0 or total % N == 0) and
              (N > 0 or total == 0) and (n_parts == 1 or first.shape[0] >= total) and
              (coef is None or coef.shape[0] == total) and
              plain_rows(dW.shape, dW.strides, sizeof(real_t)))
    if D == 0 or dW.shape[0] == 0:
        return 0
    C = total // N if N else 1
    ld = dW.strides[0] // <Py_ssize_t> sizeof(real_t)
    if total:
        ids, source = &idx[0], &x[0, 0]
        if coef is not None:
            scale = &coef[0]
    if n_parts == 1:
        with nogil:
            n_fresh = overwrite_in_one(&dW[0, 0], ld, &mark[0], &fresh[0], capacity, &rows[0],
                                       n_rows, stamp, ids, source, scale, N, C, D)
        return n_fresh if n_fresh <= capacity else -1
    with nogil:
        for i in range(total):
            first[i] = mark[ids[i]] != new
            if first[i]:
                mark[ids[i]] = new
                if n_fresh < capacity:
                    fresh[n_fresh] = ids[i]
                n_fresh += 1
        for p in prange(n_parts, num_threads=n_parts, schedule="static"):
            clear_columns(&dW[0, 0], ld, &rows[0], n_rows, &mark[0], stamp,
                          column(p, n_parts, D), column(p + 1, n_parts, D))
            if total:
                scatter_columns(&dW[0, 0], ld, ids, source, scale, &first[0],
                                N, C, D, column(p, n_parts, D), column(p + 1, n_parts, D))
        for i in range(n_rows):
            if mark[rows[i]] == stamp:
                mark[rows[i]] = 0
    return n_fresh if n_fresh <= capacity else -1


def add_rows(real_t[:, :] dW,               # OUT (V, D) rows contiguous, added to
             const real_t[:, :] other,      # IN  (V, D) rows contiguous
             const int64_t[::1] rows,       # IN  (R,) distinct
             Py_ssize_t n_rows,
             Py_ssize_t n_parts):
    """Add other[r] to dW[r] for the listed rows."""
    cdef Py_ssize_t D = dW.shape[1], ld, ld_other, p
    check_fit("add_rows", other.shape[0] == dW.shape[0] and other.shape[1] == D and
              n_rows <= rows.shape[0] and plain_rows(dW.shape, dW.strides, sizeof(real_t)) and
              plain_rows(other.shape, other.strides, sizeof(real_t)))
    if n_rows == 0 or D == 0:
        return
    ld = dW.strides[0] // <Py_ssize_t> sizeof(real_t)
    ld_other = other.strides[0] // <Py_ssize_t> sizeof(real_t)
    with nogil:
        for p in prange(n_parts, num_threads=n_parts, schedule="static"):
            add_rows_range(&dW[0, 0], ld, &other[0, 0], ld_other, &rows[0], D,
                           part_begin(p, n_parts, n_rows), part_begin(p + 1, n_parts, n_rows))


cdef void add_rows_range(real_t* dW, Py_ssize_t ld, const real_t* other, Py_ssize_t ld_other,
                         const int64_t* rows, Py_ssize_t D,
                         Py_ssize_t lo, Py_ssize_t hi) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(lo, hi):
        add_scaled(dW + rows[i] * ld, other + rows[i] * ld_other, <const real_t*> NULL, 0, 0, D)


def merge_marks(uint8_t[::1] mark,          # OUT (V,)
                int64_t[::1] rows,          # OUT (capacity,) the list of `mark`, appended to
                Py_ssize_t n_rows,
                uint8_t stamp,              # mark of the rows in the list
                const int64_t[::1] others,  # IN  rows to be listed too
                Py_ssize_t n_others):
    """List more rows; return the new length, or -1 if they do not fit."""
    cdef Py_ssize_t i, capacity = rows.shape[0]
    check_fit("merge_marks", n_rows <= rows.shape[0] and n_others <= others.shape[0])
    with nogil:
        for i in range(n_others):
            if mark[others[i]] == 0:
                if n_rows == capacity:
                    n_rows = -1
                    break
                mark[others[i]] = stamp
                rows[n_rows] = others[i]
                n_rows += 1
    return n_rows


cdef bint untouched(object grad, object kind) except -1:
    """Tell whether a gradient is of this kind, which is RowGrad, whole, and lists no row."""
    cdef object tracker, packed
    if type(grad) is not kind or not grad._whole:
        return False
    tracker = grad._tracker
    if tracker.n_rows != 0 or tracker.dense:
        return False
    packed = tracker.packed
    return packed is None or packed.n_rows == 0


def are_untouched(grads, object kind):
    """Tell whether all gradients are of this kind and list no row."""
    cdef object grad
    for grad in grads:
        if not untouched(grad, kind):
            return False
    return True


def try_merge(params, grads, object kind):
    """Return the places of the different parameters if nothing has to be added up, else None.

    That is so if all gradients of a parameter but the first are of this kind and list no row, and
    no matrix can be the transpose of another one.
    """
    cdef Array[MOST_KEPT] kept
    cdef list places = [], mine, others
    cdef object param
    cdef Py_ssize_t i, j, k
    if type(params) is not list or type(grads) is not list:
        return None
    mine, others = params, grads
    if len(mine) != len(others):
        return None
    for i in range(len(mine)):
        param = mine[i]
        for k in range(len(places)):
            if mine[places[k]] is param:
                break
        else:
            k = len(places)
        if k < len(places):
            if not untouched(others[i], kind):
                return None
            continue
        if k == MOST_KEPT or not read_floats(param, &kept[k]):
            return None
        places.append(i)
        for j in range(k):
            if (kept[k].ndim == 2 and kept[j].ndim == 2 and kept[k].shape[0] == kept[j].shape[1]
                    and kept[k].shape[1] == kept[j].shape[0]):
                return None
    return places


def keep_pages_small(char[::1] memory):
    """Ask the system not to back one written row with a page of 2 MB; the bytes do not change."""
    if memory.shape[0]:
        fw_small_pages(&memory[0], memory.shape[0])


def pack_rows(int32_t[::1] slot,            # OUT (V,) the place of a listed row in the list
              int64_t[::1] rows,            # OUT (N * C,) the rows, in order of first occurrence
              real_t[:, ::1] values,        # OUT (N * C, D) the sum of each row of the list
              int32_t[::1] local,           # scratch (N * C,)
              uint8_t[::1] first,           # scratch (N * C,)
              const index_t[::1] idx,       # IN  (N * C,)
              const real_t[:, ::1] x,       # IN  (N, D)
              const real_t[::1] coef,       # IN  (N * C,) or None
              Py_ssize_t n_parts):
    """List the different ids and add coef[n, c] * x[n] for each; return how many there are.

    The sums have the bits of `overwrite_rows`. A slot counts only if the list has its row in that
    place, so it need not be cleared.
    """
    cdef Py_ssize_t N = x.shape[0], D = x.shape[1], total = idx.shape[0], n, p
    cdef const real_t* scale = NULL
    check_fit("pack_rows", rows.shape[0] >= total and values.shape[0] >= total and
              values.shape[1] == D and local.shape[0] >= total and first.shape[0] >= total and
              (N == 0 or total % N == 0) and (N > 0 or total == 0) and
              (coef is None or coef.shape[0] == total))
    if total == 0 or D == 0:
        return 0
    if coef is not None:
        scale = &coef[0]
    with nogil:
        n = number_ids(&slot[0], &rows[0], &local[0], &first[0], &idx[0], total)
        for p in prange(n_parts, num_threads=n_parts, schedule="static"):
            scatter_columns(&values[0, 0], D, &local[0], &x[0, 0], scale, &first[0],
                            N, total // N, D, column(p, n_parts, D), column(p + 1, n_parts, D))
    return n


def unlisted_rows_are_zero(const real_t[:, :] dW,       # IN (V, D) rows contiguous
                           const uint8_t[::1] mark,     # IN (V,)
                           Py_ssize_t n_parts):
    """Tell whether every row with mark 0 is all zeros; NaN counts as not zero."""
    cdef Py_ssize_t V = dW.shape[0], D = dW.shape[1], ld, p, found = 0
    check_fit("unlisted_rows_are_zero", mark.shape[0] == V and
              plain_rows(dW.shape, dW.strides, sizeof(real_t)))
    if V == 0 or D == 0:
        return True
    ld = dW.strides[0] // <Py_ssize_t> sizeof(real_t)
    with nogil:
        for p in prange(n_parts, num_threads=n_parts, schedule="static"):
            found += nonzero_rows(&dW[0, 0], ld, &mark[0], D,
                                  part_begin(p, n_parts, V), part_begin(p + 1, n_parts, V))
    return found == 0


cdef Py_ssize_t nonzero_rows(const real_t* dW, Py_ssize_t ld, const uint8_t* mark, Py_ssize_t D,
                             Py_ssize_t lo, Py_ssize_t hi) noexcept nogil:
    """Return 1 if an unlisted row of [lo, hi) is not all zeros, else 0."""
    cdef Py_ssize_t v, d
    cdef int other
    cdef const real_t* row
    for v in range(lo, hi):
        if mark[v]:
            continue
        row = dW + v * ld
        other = 0
        for d in range(D):
            other |= row[d] != 0        # an early exit inside a row would prevent vectors
        if other:
            return 1
    return 0


def find_bad_id(const index_t[::1] idx, Py_ssize_t V):
    """Return the position of the first id outside [-V, V), or -1, and whether any is negative."""
    cdef Py_ssize_t i, at = -1
    cdef index_t low, high
    if idx.shape[0] == 0:
        return -1, False
    with nogil:
        low = high = idx[0]
        for i in range(1, idx.shape[0]):
            low = idx[i] if idx[i] < low else low
            high = idx[i] if idx[i] > high else high
        if <int64_t> high >= V or <int64_t> low < -V:
            for i in range(idx.shape[0]):
                if <int64_t> idx[i] >= V or <int64_t> idx[i] < -V:
                    at = i
                    break
    return at, low < 0


def wrap_ids(index_t[::1] out, const index_t[::1] idx, Py_ssize_t V):
    """Set out[i] to idx[i], plus V where it is negative, as numpy does."""
    cdef Py_ssize_t i
    check_fit("wrap_ids", out.shape[0] == idx.shape[0])
    with nogil:
        for i in range(idx.shape[0]):
            out[i] = <index_t> (idx[i] + V) if idx[i] < 0 else idx[i]


# ---- small calls: see common_arrays.pxd

def try_gather(W, idx):
    """Return W[idx] for a table W (V, D) and ids of any shape in [0, V), or None."""
    cdef Array W_, ids, out
    cdef Py_ssize_t[4] shape
    cdef int d
    if (not read_ids(idx, &ids) or ids.n == 0 or ids.ndim > 3 or not read_floats(W, &W_)
            or not has_rows(&W_) or not is_small(0.05 * <double> ids.n * <double> W_.shape[1])
            or not ids_below(&ids, W_.shape[0])):
        return None
    for d in range(ids.ndim):
        shape[d] = ids.shape[d]
    shape[ids.ndim] = W_.shape[1]
    result = new_array(W_.type, ids.ndim + 1, shape, &out)
    if W_.type == FLOAT:
        gather_ids(<float*> out.data, <const float*> W_.data, &W_, &ids)
    else:
        gather_ids(<double*> out.data, <const double*> W_.data, &W_, &ids)
    return result


cdef void gather_ids(real_t* out, const real_t* W, const Array* table, const Array* ids) noexcept:
    cdef Py_ssize_t ld = table.strides[0], D = table.shape[1], n = ids.n
    if ids.type == INT32:
        gather_range(out, W, ld, <const int32_t*> ids.data, n, D, 0, n)
    else:
        gather_range(out, W, ld, <const int64_t*> ids.data, n, D, 0, n)


def try_overwrite_rows(dW, mark, fresh, rows, Py_ssize_t n_rows, Py_ssize_t stamp, idx, dout):
    """Return `overwrite_rows` of ids in [0, V) and dout (..., D), or ELSEWHERE.

    dW may be of a subclass of ndarray that computes nothing when its memory changes.
    """
    cdef Array dW_, marks, new_list, old_list, ids, x
    cdef int d
    if (not read_any(dW, &dW_) or not has_rows(&dW_) or not dW_.writable
            or not read_ids(idx, &ids) or ids.n == 0 or not read_floats(dout, &x)
            or x.type != dW_.type or not x.packed or x.ndim != ids.ndim + 1
            or x.shape[ids.ndim] != dW_.shape[1] or overlap(&x, &dW_)):
        return ELSEWHERE
    for d in range(ids.ndim):
        if x.shape[d] != ids.shape[d]:
            return ELSEWHERE
    if (not read_list(mark, UINT8, &marks) or marks.n != dW_.shape[0] or not marks.writable
            or not read_list(fresh, INT64, &new_list) or not new_list.writable
            or not read_list(rows, INT64, &old_list)
            or not 0 <= n_rows <= old_list.n or new_list.n == 0 or not 0 < stamp < 3
            or not is_small(0.2 * <double> (ids.n + n_rows) * <double> dW_.shape[1])
            or not ids_below(&ids, dW_.shape[0])
            or not in_range(<const int64_t*> old_list.data, n_rows, dW_.shape[0])):
        return ELSEWHERE
    if x.type == FLOAT:
        return overwrite_ids(<float*> dW_.data, <const float*> x.data, &dW_, &marks, &new_list,
                             &old_list, n_rows, stamp, &ids)
    return overwrite_ids(<double*> dW_.data, <const double*> x.data, &dW_, &marks, &new_list,
                         &old_list, n_rows, stamp, &ids)


cdef Py_ssize_t overwrite_ids(real_t* dW, const real_t* x, const Array* table, const Array* mark,
                              const Array* fresh, const Array* rows, Py_ssize_t n_rows,
                              Py_ssize_t stamp, const Array* ids) noexcept:
    cdef Py_ssize_t ld = table.strides[0], D = table.shape[1], n_fresh
    cdef const real_t* none = NULL
    if ids.type == INT32:
        n_fresh = overwrite_in_one(dW, ld, <uint8_t*> mark.data, <int64_t*> fresh.data, fresh.n,
                                   <const int64_t*> rows.data, n_rows, <uint8_t> stamp,
                                   <const int32_t*> ids.data, x, none, ids.n, 1, D)
    else:
        n_fresh = overwrite_in_one(dW, ld, <uint8_t*> mark.data, <int64_t*> fresh.data, fresh.n,
                                   <const int64_t*> rows.data, n_rows, <uint8_t> stamp,
                                   <const int64_t*> ids.data, x, none, ids.n, 1, D)
    return n_fresh if n_fresh <= fresh.n else -1


use_pool()
use_arrays()
