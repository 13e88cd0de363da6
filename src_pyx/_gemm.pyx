"""Matrix products, and the sums that come with them.

    product     C (M, N) = [C +] A (M, K) B (K, N) [+ bias (N,)]
    products    C (batch, M, N) = [C +] A (batch, M, K) B (batch, K, N), each with its own
    column_sums out (N,) = sum over rows of A (M, N), added in double in the order of the rows
A and B may have any strides, so A B^T and A^T B are products with exchanged strides.

K is cut into pieces that depend on K alone. Each piece is one chain of multiply-adds, the pieces
are added to C in order, and the bias comes last. Nothing else decides the bits of an element (see
common_gemm.pxd). A part owns a rectangle of C, and all of K for it.

Panels of B are packed, some at a time, so that they stay in the second level cache while all rows
of A meet them. For few rows packing does not pay: B is read in place then, panel after panel, and
for one row line after line. A is read in place if its rows are contiguous, else it is packed, too.
"""
from cpython.pycapsule cimport PyCapsule_New
from cython.parallel cimport prange
from libc.math cimport HUGE_VAL
from libc.stdint cimport int32_t, int64_t

from common_arrays cimport (DOUBLE, FLOAT, INT32, UINT8, Array, has_rows, is_small, new_array,
                            overlap, read, read_floats, same_shape, use_arrays)
from common_checks cimport check_fit, has_shape2, has_shape3, plain_rows
from common_gemm cimport (FLOAT_COLUMNS, TILE_FMA, TILE_ROWS, aligned_alloc, aligned_free,
                          n_panels)
from common_parallel cimport part_begin, use_pool
from common_types cimport index_t, real_t
from gemm_rectangle cimport Plan, make_plan, n_pieces, rectangle

cdef extern from "gemm_tile_code.h" nogil:
    const void* fw_tiles_here "&fw_tiles_here"
    void fw_use_tiles(const void* tiles)
    # At least n multiply-adds of vectors, rounded up to a multiple of the tile's.
    float fw_registers_float(Py_ssize_t n, float start) noexcept

cdef enum:
    SUMS = 1024             # columns added up at a time: 8 KB of sums
    FEW = 8                 # rows read at once
    CUT = 32                # columns per part are a multiple of this
    ROOM = 4096             # doubles of scratch that a small product finds on the stack

cpdef enum:
    # Products of every type below this M * N * (K + 15), which counts writes of C too, run on these
    # kernels; larger ones of double, or without wide vectors, do so in a BLAS.
    OWN_BELOW = 1 << 17


cdef inline double work_of(Py_ssize_t M, Py_ssize_t N, Py_ssize_t K) noexcept:
    return <double> M * <double> N * (<double> K + 15)


def product(real_t[:, :] C,             # OUT (M, N) rows contiguous
            const real_t[:, :] A,       # IN  (M, K)
            const real_t[:, :] B,       # IN  (K, N)
            const real_t[:] bias,       # IN  (N,) contiguous, or None
            bint accumulate,
            Py_ssize_t n_parts):
    """Compute C = [C +] A B [+ bias]."""
    cdef const real_t* added = NULL
    cdef const real_t* a
    cdef const real_t* b
    cdef Py_ssize_t size = sizeof(real_t)
    cdef Plan plan
    check_fit("product", A.shape[0] == C.shape[0] and
              has_shape2(B.shape, A.shape[1], C.shape[1]) and
              (bias is None or (bias.shape[0] == C.shape[1] and bias.strides[0] == size)) and
              (C.shape[1] < 2 or C.strides[1] == size))
    plan.M, plan.N, plan.K, plan.ldc = C.shape[0], C.shape[1], A.shape[1], C.strides[0] // size
    plan.a_rs, plan.a_cs = A.strides[0] // size, A.strides[1] // size
    plan.b_rs, plan.b_cs = B.strides[0] // size, B.strides[1] // size
    if plan.M == 0 or plan.N == 0:
        return
    a = b = &C[0, 0]            # not read if K is 0
    if plan.K:
        a, b = &A[0, 0], &B[0, 0]
    if bias is not None:
        added = &bias[0]
    multiply_in_parts(&C[0, 0], a, b, added, accumulate, &plan, n_parts)


cdef int multiply_in_parts(real_t* C, const real_t* A, const real_t* B, const real_t* bias,
                           bint accumulate, Plan* plan, Py_ssize_t n_parts) except -1:
    """Compute C = [C +] A B [+ bias], sizes and strides in the plan; M and N are not 0."""
    cdef double room[ROOM]
    cdef real_t* scratch = <real_t*> &room[0]
    cdef Py_ssize_t tiles = n_pieces(plan.M, TILE_ROWS), panels = n_panels(C, plan.N)
    cdef Py_ssize_t part_size = make_plan(plan, C, n_parts), p
    cdef size_t n_bytes = n_parts * part_size * sizeof(real_t)
    if n_bytes > sizeof(room):
        scratch = <real_t*> aligned_alloc(n_bytes)
        if scratch == NULL:
            raise MemoryError
    if n_parts == 1 and work_of(plan.M, plan.N, plan.K) < OWN_BELOW:    # the GIL stays
        rectangle(C, A, B, bias, accumulate, plan, scratch, 0, plan.M, 0, panels)
    else:
        with nogil:
            for p in prange(n_parts, num_threads=n_parts, schedule="static"):
                rectangle(C, A, B, bias, accumulate, plan, scratch + p * part_size,
                          min(plan.M, TILE_ROWS * part_begin(p // plan.parts_n, plan.parts_m,
                                                             tiles)),
                          min(plan.M, TILE_ROWS * part_begin(p // plan.parts_n + 1, plan.parts_m,
                                                             tiles)),
                          part_begin(p % plan.parts_n, plan.parts_n, panels),
                          part_begin(p % plan.parts_n + 1, plan.parts_n, panels))
    if n_bytes > sizeof(room):
        aligned_free(scratch)
    return 0


cdef void products_range(real_t* C, const real_t* A, const real_t* B, bint accumulate,
                         const Plan* plan, real_t* scratch, Py_ssize_t c_step, Py_ssize_t a_step,
                         Py_ssize_t b_step, Py_ssize_t lo, Py_ssize_t hi) noexcept nogil:
    """Compute products [lo, hi) of a batch, one after the other."""
    cdef Py_ssize_t n, panels = n_panels(A, plan.N)
    for n in range(lo, hi):
        rectangle(C + n * c_step, A + n * a_step, B + n * b_step, <const real_t*> NULL,
                  accumulate, plan, scratch, 0, plan.M, 0, panels)


def products(real_t[:, :, :] C,         # OUT (batch, M, N) rows contiguous
             const real_t[:, :, :] A,   # IN  (batch, M, K)
             const real_t[:, :, :] B,   # IN  (batch, K, N)
             bint accumulate,
             Py_ssize_t n_parts):
    """Compute C[i] = [C[i] +] A[i] B[i] for each i."""
    cdef const real_t* a
    cdef const real_t* b
    cdef Py_ssize_t size = sizeof(real_t), batch = C.shape[0], p, part_size
    cdef Py_ssize_t c_step = C.strides[0] // size, a_step = A.strides[0] // size
    cdef Py_ssize_t b_step = B.strides[0] // size
    cdef real_t* scratch
    cdef Plan plan
    check_fit("products", has_shape2(A.shape, batch, C.shape[1]) and
              has_shape3(B.shape, batch, A.shape[2], C.shape[2]) and
              (C.shape[2] < 2 or C.strides[2] == size))
    plan.M, plan.N, plan.K, plan.ldc = C.shape[1], C.shape[2], A.shape[2], C.strides[1] // size
    plan.a_rs, plan.a_cs = A.strides[1] // size, A.strides[2] // size
    plan.b_rs, plan.b_cs = B.strides[1] // size, B.strides[2] // size
    if batch == 0 or plan.M == 0 or plan.N == 0:
        return
    a = b = &C[0, 0, 0]         # not read if K is 0
    if plan.K:
        a, b = &A[0, 0, 0], &B[0, 0, 0]
    part_size = make_plan(&plan, a, 1)
    scratch = <real_t*> aligned_alloc(n_parts * part_size * size)
    if scratch == NULL:
        raise MemoryError
    with nogil:
        for p in prange(n_parts, num_threads=n_parts, schedule="static"):
            products_range(&C[0, 0, 0], a, b, accumulate, &plan, scratch + p * part_size, c_step,
                           a_step, b_step, part_begin(p, n_parts, batch),
                           part_begin(p + 1, n_parts, batch))
    aligned_free(scratch)


cdef void column_sums_range(real_t* out, const real_t* A, Py_ssize_t ld, Py_ssize_t M,
                            Py_ssize_t lo, Py_ssize_t hi) noexcept nogil:
    """Sum columns [lo, hi) in strips of SUMS, from top to bottom, FEW rows at a time.

    A strip is wide enough for each row of it to be read as a stream; FEW rows share one load and
    one store of the sums.
    """
    cdef double sums[SUMS]
    cdef double s
    cdef Py_ssize_t i, j = lo, d, k, n
    cdef const real_t* row
    while j < hi:
        n = min(<Py_ssize_t> SUMS, hi - j)
        for d in range(n):
            sums[d] = 0
        i = 0
        while i + FEW <= M:
            row = A + i * ld + j
            for d in range(n):
                s = sums[d]
                for k in range(FEW):
                    s += <double> row[k * ld + d]
                sums[d] = s
            i += FEW
        while i < M:
            row = A + i * ld + j
            for d in range(n):
                sums[d] += <double> row[d]
            i += 1
        for d in range(n):
            out[j + d] = <real_t> sums[d]
        j += n


def column_sums(real_t[::1] out,            # OUT (N,)
                const real_t[:, :] A,       # IN  (M, N) rows contiguous
                Py_ssize_t n_parts):
    """Sum A over its rows."""
    cdef Py_ssize_t M = A.shape[0], N = A.shape[1], p, columns
    check_fit("column_sums", out.shape[0] == N and plain_rows(A.shape, A.strides, sizeof(real_t)))
    if M == 0 or N == 0:
        for p in range(N):
            out[p] = 0
        return
    columns = n_pieces(N, CUT)
    with nogil:
        for p in prange(n_parts, num_threads=n_parts, schedule="static"):
            column_sums_range(&out[0], &A[0, 0],
                              A.strides[0] // <Py_ssize_t> sizeof(real_t), M,
                              min(N, CUT * part_begin(p, n_parts, columns)),
                              min(N, CUT * part_begin(p + 1, n_parts, columns)))


# ---- dense layers, small calls: see common_arrays.pxd

cdef int multiply_at_once(real_t* C, Py_ssize_t ldc, const real_t* A, Py_ssize_t a_rs,
                          Py_ssize_t a_cs, const real_t* B, Py_ssize_t b_rs, Py_ssize_t b_cs,
                          const real_t* bias, Py_ssize_t M, Py_ssize_t N, Py_ssize_t K) except -1:
    """Compute C = A B [+ bias] in one part; none of M, N and K is 0."""
    cdef Plan plan
    plan.M, plan.N, plan.K, plan.ldc = M, N, K, ldc
    plan.a_rs, plan.a_cs, plan.b_rs, plan.b_cs = a_rs, a_cs, b_rs, b_cs
    return multiply_in_parts(C, A, B, bias, False, &plan, 1)


def try_product(a, b, out, bias, bint accumulate, Py_ssize_t n_parts):
    """Return a b [+ bias], written into or added to `out` unless that is None, or None."""
    cdef Array A, B, C, c
    c.data, c.strides[0] = NULL, 1
    if (not read_floats(a, &A) or not read_floats(b, &B) or A.type != B.type or A.ndim != 2
            or B.ndim != 2 or A.n == 0 or B.n == 0 or A.shape[1] != B.shape[0]
            or product_ns(A.type, A.shape[0], B.shape[1], A.shape[1]) == HUGE_VAL
            or bias is not None and not (read(bias, &c) and c.type == A.type and c.packed
                                         and c.ndim == 1 and c.n == B.shape[1])):
        return None
    cdef Py_ssize_t[2] shape = [A.shape[0], B.shape[1]]
    if out is None:
        out = new_array(A.type, 2, shape, &C)
    elif not (read(out, &C) and C.type == A.type and C.writable and C.ndim == 2
              and C.shape[0] == shape[0] and C.shape[1] == shape[1]
              and not overlap(&C, &A) and not overlap(&C, &B)
              and (c.data == NULL or not overlap(&C, &c))):
        return None
    elif not has_rows(&C):
        turn(&A)
        turn(&B)
        turn(&C)
        A, B = B, A
        if c.data != NULL or not has_rows(&C):
            return None
    if C.type == FLOAT:
        multiply[float](&C, &A, &B, <const float*> c.data, accumulate, n_parts)
    else:
        multiply[double](&C, &A, &B, <const double*> c.data, accumulate, n_parts)
    return out


cdef void turn(Array* x) noexcept:
    x.shape[0], x.shape[1] = x.shape[1], x.shape[0]
    x.strides[0], x.strides[1] = x.strides[1], x.strides[0]


cdef int multiply(Array* C, const Array* A, const Array* B, const real_t* bias, bint accumulate,
                  Py_ssize_t n_parts) except -1:
    """Compute C = [C +] A B [+ bias] of arrays that fit."""
    cdef Plan plan
    plan.M, plan.N, plan.K, plan.ldc = C.shape[0], C.shape[1], A.shape[1], C.strides[0]
    plan.a_rs, plan.a_cs = A.strides[0], A.strides[1]
    plan.b_rs, plan.b_cs = B.strides[0], B.strides[1]
    return multiply_in_parts(<real_t*> C.data, <const real_t*> A.data, <const real_t*> B.data, bias,
                             accumulate, &plan, n_parts)


cdef bint as_matrix(Array* x) noexcept:
    """See x (..., D) as (N, D); False where that takes a copy, or for an array without elements."""
    cdef Py_ssize_t D
    if x.ndim == 0 or x.n == 0:
        return False
    if x.ndim != 2:
        if not x.packed:
            return False
        D = x.shape[x.ndim - 1]
        x.shape[0], x.shape[1], x.strides[0], x.strides[1] = x.n // D, D, D, 1
        x.ndim = 2
    return True


cdef bint fits_bias(const Array* b, const Array* W) noexcept:
    """Tell whether b is (H,) or (1, H), without gaps and of the type of W (D, H)."""
    return (b.type == W.type and b.packed and b.ndim > 0 and b.n == W.shape[1]
            and b.shape[b.ndim - 1] == b.n)


cdef double product_ns(int type, Py_ssize_t M, Py_ssize_t N, Py_ssize_t K) noexcept:
    """Return the nanoseconds of a product, infinite if a BLAS computes it."""
    cdef double work = work_of(M, N, K)
    if work >= OWN_BELOW and not (TILE_FMA and type == FLOAT):
        return HUGE_VAL
    return 0.02 * work


cdef void copy_wide(double* to, const Array* x, const index_t* ids, const real_t* numbers) noexcept:
    """Copy x (N, D), of ids or else of numbers, row after row."""
    cdef Py_ssize_t i, j, at
    for i in range(x.shape[0]):
        for j in range(x.shape[1]):
            at = i * x.strides[0] + j * x.strides[1]
            to[i * x.shape[1] + j] = <double> ids[at] if ids != NULL else <double> numbers[at]


cdef void widen(Array* x, double** room) noexcept:
    """Make x (N, D) one of double, its numbers copied into the room unless they are double."""
    cdef const int32_t* no_ids = NULL
    cdef const float* no_numbers = NULL
    if x.type == DOUBLE:
        return
    if x.type == FLOAT:
        copy_wide(room[0], x, no_ids, <const float*> x.data)
    elif x.type == INT32:
        copy_wide(room[0], x, <const int32_t*> x.data, no_numbers)
    else:
        copy_wide(room[0], x, <const int64_t*> x.data, no_numbers)
    x.data, x.type, x.strides[0], x.strides[1] = <char*> room[0], DOUBLE, x.shape[1], 1
    room[0] += x.n


cdef void write_narrow(const Array* x, const double* numbers) noexcept:
    """Write numbers, row after row, into x (N, D) of float or double."""
    cdef Py_ssize_t i, j, at
    for i in range(x.shape[0]):
        for j in range(x.shape[1]):
            at = i * x.strides[0] + j * x.strides[1]
            if x.type == FLOAT:
                (<float*> x.data)[at] = <float> numbers[i * x.shape[1] + j]
            else:
                (<double*> x.data)[at] = numbers[i * x.shape[1] + j]


cdef inline bint read_numbers(x, Array* a) noexcept:
    """Describe an ndarray of floats or ids; False for any other object."""
    return read(x, a) and a.type != UINT8


def try_dense(x, params, Py_ssize_t n_params, int ndim=0):
    """Return x W, or x W + b, for params [W] or [W, b] and x (..., D), or None.

    n_params: the number of them; ndim: that of x's dimensions, or 0 for any. Where the types of x
    and W differ, both are converted to double, as numpy promotes these types.
    """
    cdef Array X, W, b, out
    cdef Py_ssize_t shape[4]
    cdef double wide[ROOM]
    cdef double* room = &wide[0]
    cdef int dims, d, kind
    if (type(params) is not list or len(<list> params) != n_params or not read_numbers(x, &X)
            or not read_floats((<list> params)[0], &W)):
        return None
    b.data, b.n, b.type = NULL, 0, DOUBLE
    kind = X.type if X.type == W.type else <int> DOUBLE
    if n_params == 2:
        if not read_floats((<list> params)[1], &b) or not fits_bias(&b, &W):
            return None
        b.shape[0], b.shape[1], b.strides[0], b.strides[1] = 1, b.n, b.n, 1
    dims = X.ndim
    for d in range(dims):
        shape[d] = X.shape[d]
    if (dims != ndim and ndim != 0 or W.ndim != 2 or W.n == 0
            or not as_matrix(&X) or X.shape[1] != W.shape[0]
            or not is_small(product_ns(kind, X.shape[0], W.shape[1], W.shape[0]))):
        return None
    if X.type != W.type:
        if X.n + W.n + b.n > ROOM:
            return None
        widen(&X, &room)
        widen(&W, &room)
        if n_params == 2:
            widen(&b, &room)
    shape[dims - 1] = W.shape[1]
    result = new_array(kind, dims, shape, &out)
    if kind == FLOAT:
        dense[float](<float*> out.data, <float*> b.data, &X, &W)
    else:
        dense[double](<double*> out.data, <double*> b.data, &X, &W)
    return result


cdef int dense(real_t* out, const real_t* bias, const Array* X, const Array* W) except -1:
    multiply_at_once(out, W.shape[1], <const real_t*> X.data, X.strides[0], X.strides[1],
                     <const real_t*> W.data, W.strides[0], W.strides[1], bias,
                     X.shape[0], W.shape[1], W.shape[0])
    return 0


def try_dense_backward(x, dout, params, grads, Py_ssize_t n_params):
    """Return dx for dout (..., H) of `try_dense`, dW and db written in place, or None.

    If the types of the arrays differ, dout has to be double, which then is that of all sums.
    """
    cdef Array X, G, W, dW, db, dx, product
    cdef Py_ssize_t shape[4]
    cdef double wide[ROOM]
    cdef double* room = &wide[0]
    cdef int dims, d
    cdef bint mixed
    if (type(params) is not list or type(grads) is not list or len(<list> params) != n_params
            or len(<list> grads) != n_params or not read_numbers(x, &X)
            or not read_floats(dout, &G) or not read_floats((<list> params)[0], &W)
            or not read_floats((<list> grads)[0], &dW)):
        return None
    mixed = X.type != G.type or W.type != G.type or dW.type != G.type
    if mixed and G.type != DOUBLE or X.ndim != G.ndim:
        return None
    dims = X.ndim
    for d in range(dims):
        shape[d] = X.shape[d]
        if d < dims - 1 and X.shape[d] != G.shape[d]:
            return None
    if (W.ndim != 2 or W.n == 0 or not same_shape(&W, &dW) or not dW.writable
            or not as_matrix(&X) or not as_matrix(&G)
            or X.shape[1] != W.shape[0] or G.shape[1] != W.shape[1] or X.shape[0] != G.shape[0]
            or not is_small(product_ns(G.type, X.shape[0], W.shape[0], W.shape[1])
                            + product_ns(G.type, W.shape[0], W.shape[1], X.shape[0]))
            or overlap(&dW, &X) or overlap(&dW, &G) or overlap(&dW, &W)):
        return None
    # Rows of dW, or else its columns, follow each other.
    if not (dW.strides[1] == 1 and dW.strides[0] >= dW.shape[1]
            or dW.strides[0] == 1 and dW.strides[1] >= dW.shape[0]):
        return None
    db.data = NULL
    if n_params == 2:
        if (not read_floats((<list> grads)[1], &db) or not fits_bias(&db, &dW) or not db.writable
                or G.strides[1] != 1
                or overlap(&db, &X) or overlap(&db, &G) or overlap(&db, &W)):
            return None
    product = dW
    if mixed:
        if X.n + W.n + dW.n + G.shape[1] > ROOM:
            return None
        widen(&X, &room)
        widen(&W, &room)
        if dW.type != DOUBLE:
            product.type, product.data = DOUBLE, <char*> room
            product.strides[0], product.strides[1] = dW.shape[1], 1
            room += dW.n
    result = new_array(G.type, dims, shape, &dx)
    if G.type == FLOAT:
        dense_backward[float](<float*> dx.data, <float*> db.data, &X, &G, &W, &product)
        return result
    dense_backward[double](<double*> dx.data, NULL if dW.type != DOUBLE else <double*> db.data,
                           &X, &G, &W, &product)
    if dW.type != DOUBLE:
        write_narrow(&dW, <const double*> product.data)
        if n_params == 2:
            column_sums_range(room, <const double*> G.data, G.strides[0], G.shape[0], 0,
                              G.shape[1])
            db.shape[0], db.shape[1], db.strides[0], db.strides[1] = 1, db.n, db.n, 1
            write_narrow(&db, room)
    return result


cdef int dense_backward(real_t* dx, real_t* db, const Array* X, const Array* G, const Array* W,
                        const Array* dW) except -1:
    cdef Py_ssize_t N = X.shape[0], D = W.shape[0], H = W.shape[1]
    cdef const real_t* x = <const real_t*> X.data
    cdef const real_t* g = <const real_t*> G.data
    cdef const real_t* w = <const real_t*> W.data
    cdef real_t* dw = <real_t*> dW.data
    cdef const real_t* none = NULL
    # forward: out = x W + b
    multiply_at_once(dx, D, g, G.strides[0], G.strides[1], w, W.strides[1], W.strides[0], none,
                     N, D, H)
    if dW.strides[1] == 1 and dW.strides[0] >= H:
        multiply_at_once(dw, dW.strides[0], x, X.strides[1], X.strides[0], g, G.strides[0],
                         G.strides[1], none, D, H, N)
    else:
        multiply_at_once(dw, dW.strides[1], g, G.strides[1], G.strides[0], x, X.strides[0],
                         X.strides[1], none, H, D, N)
    if db != NULL:
        column_sums_range(db, g, G.strides[0], N, 0, H)
    return 0


def only_registers(float[::1] out,      # OUT (n_parts,) meaningless results
                   Py_ssize_t n,
                   Py_ssize_t n_parts):
    """Run n multiply-adds of float32 in registers, a lower bound of the time of any product."""
    cdef Py_ssize_t p, lanes = FLOAT_COLUMNS // 2
    with nogil:
        for p in prange(n_parts, num_threads=n_parts, schedule="static"):
            out[p] = fw_registers_float(n // (n_parts * lanes), out[p])


def fused():
    """Tell whether the tile is made of fused multiply-adds of wide vectors."""
    return bool(TILE_FMA)


use_pool()
use_arrays()

# The argument of `use_tiles` in common_gemm.pxd.
_tiles = PyCapsule_New(<void*> fw_tiles_here, "fastw2v._kernels._gemm._tiles", NULL)
fw_use_tiles(fw_tiles_here)
