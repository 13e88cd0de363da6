"""The six update rules and gradient clipping, one pass over memory each.

A parameter is R rows of C. Where `mark[r]` is 0 the gradient of row r is zero, and its memory is
not read: the rule runs with g = 0, which gives the bits that it would give on a row of zeros.

    sgd       w -= lr g
    momentum  v = mu v - lr g;                   w += v
    nesterov  v = mu v - lr g;                   w += mu^2 v - (1 + mu) lr g
    adagrad   h += g^2;                          w -= lr g / (sqrt(h) + eps)
    rmsprop   h = rho h + (1 - rho) g^2;         w -= lr g / (sqrt(h) + eps)
    adam      m += c1 (g - m), v += c2 (g^2 - v); w -= lr m / (sqrt(v) + eps)

optimizer_rules.pxd has the rules, optimizer_pass.pxd the steps with a gradient, optimizer_idle.pxd
those of rows that had none, many at once, optimizer_clipping.pxd the sums of squares.
fastw2v.optimizer has checked shapes and rows.
"""
from cpython.buffer cimport PyBUF_FORMAT, PyBUF_STRIDES, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytes cimport PyBytes_FromStringAndSize
from cython.parallel cimport prange
from libc.stdint cimport int64_t, uint8_t
from libc.string cimport memcpy, strlen

from common_arrays cimport (FLOAT, Array, is_small, overlap, read_floats, same_shape, use_arrays)
from common_checks cimport check_fit, has_shape2, plain_rows
from common_parallel cimport part_begin, use_pool
from common_types cimport index_t, real_t
from optimizer_clipping cimport LANES, add_squares, block_squares, scale_range, sum_of_lanes
from optimizer_idle cimport (TERMS, WIDTH, add_step, list_stale, skip_rows_range,
                             step_rows_range)
from optimizer_pass cimport sweep, update_rows_range
from optimizer_rules cimport ADAGRAD, ADAM, MOMENTUM, NESTEROV, RMSPROP, Rule, SGD

cpdef enum:
    BLOCK = 8192    # elements of one partial sum of squares; fixed, so that no split shows

cdef enum:
    FORMAT = 16     # most letters of a type that are compared
    LAYOUT = 19 * 8 + 2 * 8 * 64    # bytes of a layout at most: numpy has up to 64 dimensions
    MOST_PARAMETERS = 32    # of a small call

N_TERMS = TERMS
N_SUMS = WIDTH

RULES = {"sgd": SGD, "momentum": MOMENTUM, "nesterov": NESTEROV, "adagrad": ADAGRAD,
         "rmsprop": RMSPROP, "adam": ADAM}


cdef int update(Rule rule, real_t[:, :] w, real_t[:, ::1] a, real_t[:, ::1] b,
                const real_t[:, :] g, const uint8_t[::1] mark,
                double s0, double s1, double s2, double s3, Py_ssize_t n_parts) except -1:
    """Step a parameter once; the scalars are rounded to its type here."""
    cdef Py_ssize_t R = w.shape[0], C = w.shape[1], ld, ld_g, p
    cdef const uint8_t* touched = NULL
    cdef real_t* first = NULL
    cdef real_t* second = NULL
    cdef real_t[4] s
    check_fit("update", has_shape2(g.shape, R, C) and (a is None or has_shape2(a.shape, R, C)) and
              (b is None or has_shape2(b.shape, R, C)) and (mark is None or mark.shape[0] == R) and
              plain_rows(w.shape, w.strides, sizeof(real_t)) and
              plain_rows(g.shape, g.strides, sizeof(real_t)))
    if R == 0 or C == 0:
        return 0
    s[0], s[1], s[2], s[3] = <real_t> s0, <real_t> s1, <real_t> s2, <real_t> s3
    if mark is not None:
        touched = &mark[0]
    if a is not None:
        first = &a[0, 0]
    if b is not None:
        second = &b[0, 0]
    ld = w.strides[0] // <Py_ssize_t> sizeof(real_t)
    ld_g = g.strides[0] // <Py_ssize_t> sizeof(real_t)
    with nogil:
        for p in prange(n_parts, num_threads=n_parts, schedule="static"):
            sweep(rule, &w[0, 0], ld, first, second, &g[0, 0], ld_g, touched, C, s,
                  part_begin(p, n_parts, R * C), part_begin(p + 1, n_parts, R * C))
    return 0


def sgd(real_t[:, :] w,                 # OUT (R, C) rows contiguous
        const real_t[:, :] g,           # IN  (R, C) rows contiguous
        const uint8_t[::1] mark,        # IN  (R,) or None
        double lr, Py_ssize_t n_parts):
    """Step a parameter with SGD."""
    update[real_t](SGD, w, None, None, g, mark, lr, 0, 0, 0, n_parts)


def momentum(real_t[:, :] w,            # OUT (R, C) rows contiguous
             real_t[:, ::1] v,          # OUT (R, C)
             const real_t[:, :] g,      # IN  (R, C) rows contiguous
             const uint8_t[::1] mark,   # IN  (R,) or None
             double lr, double mu, Py_ssize_t n_parts):
    """Step a parameter with momentum."""
    update[real_t](MOMENTUM, w, v, None, g, mark, lr, mu, 0, 0, n_parts)


def nesterov(real_t[:, :] w,            # OUT (R, C) rows contiguous
             real_t[:, ::1] v,          # OUT (R, C)
             const real_t[:, :] g,      # IN  (R, C) rows contiguous
             const uint8_t[::1] mark,   # IN  (R,) or None
             double lr, double mu, Py_ssize_t n_parts):
    """Step a parameter with Nesterov's momentum."""
    update[real_t](NESTEROV, w, v, None, g, mark, lr, mu, mu * mu, (1 + mu) * lr, n_parts)


def adagrad(real_t[:, :] w,             # OUT (R, C) rows contiguous
            real_t[:, ::1] h,           # OUT (R, C)
            const real_t[:, :] g,       # IN  (R, C) rows contiguous
            const uint8_t[::1] mark,    # IN  (R,) or None
            double lr, double eps, Py_ssize_t n_parts):
    """Step a parameter with AdaGrad."""
    update[real_t](ADAGRAD, w, h, None, g, mark, lr, eps, 0, 0, n_parts)


def rmsprop(real_t[:, :] w,             # OUT (R, C) rows contiguous
            real_t[:, ::1] h,           # OUT (R, C)
            const real_t[:, :] g,       # IN  (R, C) rows contiguous
            const uint8_t[::1] mark,    # IN  (R,) or None
            double lr, double rho, double eps, Py_ssize_t n_parts):
    """Step a parameter with RMSprop."""
    update[real_t](RMSPROP, w, h, None, g, mark, lr, rho, 1 - rho, eps, n_parts)


def adam(real_t[:, :] w,                # OUT (R, C) rows contiguous
         real_t[:, ::1] m,              # OUT (R, C)
         real_t[:, ::1] v,              # OUT (R, C)
         const real_t[:, :] g,          # IN  (R, C) rows contiguous
         const uint8_t[::1] mark,       # IN  (R,) or None
         double lr, double c1, double c2, double eps, Py_ssize_t n_parts):
    """Step a parameter with Adam; c1 = 1 - beta1, c2 = 1 - beta2, lr with bias correction."""
    update[real_t](ADAM, w, m, v, g, mark, lr, c1, c2, eps, n_parts)


# ---- deferred rows: steps without gradient are applied before the row is read

def add_idle_step(double[:, ::1] sums,          # OUT (steps, N_SUMS) of the steps from each one on
                  const double[:, ::1] terms,   # IN  (n, N_SUMS) of the last steps, oldest first
                  double lr, Py_ssize_t step):
    """Add the term of a step to the sums from each of the last steps on, this one included."""
    cdef Py_ssize_t n = min(terms.shape[0], step + 1)
    check_fit("add_idle_step", 0 < n and step < sums.shape[0] and sums.shape[1] == WIDTH and
              terms.shape[1] == WIDTH)
    with nogil:
        add_step(&sums[step + 1 - n, 0], &terms[terms.shape[0] - n, 0], n, lr)


def skip_steps(int rule,                        # one of RULES
               real_t[:, :] w,                  # OUT (R, C) rows contiguous
               real_t[:, ::1] a,                # OUT (R, C) the rule's first state
               real_t[:, ::1] b,                # OUT (R, C) its second, or None
               int64_t[::1] at,                 # OUT (R,) the step that each row has reached
               int64_t[::1] rows,               # scratch (n,)
               int64_t[::1] since,              # scratch (n,)
               const index_t[::1] ids,          # IN  (n,) rows that are about to be read
               const double[:, ::1] sums,       # IN  as add_idle_step leaves them; for adam
               const double[:, ::1] fades,      # IN  (now + 1, 3) what k steps do, see IdleSteps
               const double[::1] lead,          # IN  (2,) eps / R and the digits it lacks; for adam
               Py_ssize_t now, Py_ssize_t n_parts):
    """Bring the rows `ids` to step `now` without gradient, by one sum each."""
    cdef Py_ssize_t C = w.shape[1], ld, p, n
    cdef real_t* second = NULL
    check_fit("skip_steps", has_shape2(a.shape, w.shape[0], C) and
              (b is None or has_shape2(b.shape, w.shape[0], C)) and at.shape[0] == w.shape[0] and
              ids.shape[0] <= rows.shape[0] and ids.shape[0] <= since.shape[0] and
              sums.shape[1] == WIDTH and (rule != ADAM or now <= sums.shape[0]) and
              now < fades.shape[0] and fades.shape[1] == 3 and lead.shape[0] == 2 and
              plain_rows(w.shape, w.strides, sizeof(real_t)))
    if ids.shape[0] == 0 or C == 0:
        return
    if b is not None:
        second = &b[0, 0]
    ld = w.strides[0] // <Py_ssize_t> sizeof(real_t)
    with nogil:
        n = list_stale(&rows[0], &since[0], &at[0], &ids[0], ids.shape[0], now)
        if n > 0:
            for p in prange(n_parts, num_threads=n_parts, schedule="static"):
                skip_rows_range(<Rule> rule, &w[0, 0], ld, &a[0, 0], second, &rows[0], &since[0],
                                C, &sums[0, 0], &fades[0, 0], &lead[0], now,
                                part_begin(p, n_parts, n), part_begin(p + 1, n_parts, n))


def take_steps(int rule,                        # one of RULES
               real_t[:, :] w,                  # OUT (R, C) rows contiguous
               real_t[:, ::1] a,                # OUT (R, C) the rule's first state
               real_t[:, ::1] b,                # OUT (R, C) its second, or None
               int64_t[::1] at,                 # OUT (R,) the step that each row has reached
               int64_t[::1] rows,               # scratch (n,)
               int64_t[::1] since,              # scratch (n,)
               const index_t[::1] ids,          # IN  (n,) rows that are about to be read
               const double[::1] lr,            # IN  lr[k] is the rate of step k
               double s1, double s2, double s3,     # the rule's other scalars
               Py_ssize_t now, Py_ssize_t n_parts):
    """Bring the rows `ids` to step `now` without gradient, step by step.

    The result has the bits of the rule's pass over a gradient of zeros, step after step.
    """
    cdef Py_ssize_t C = w.shape[1], ld, p, n
    cdef real_t* second = NULL
    cdef real_t[4] s
    check_fit("take_steps", has_shape2(a.shape, w.shape[0], C) and
              (b is None or has_shape2(b.shape, w.shape[0], C)) and at.shape[0] == w.shape[0] and
              ids.shape[0] <= rows.shape[0] and ids.shape[0] <= since.shape[0] and
              now <= lr.shape[0] and plain_rows(w.shape, w.strides, sizeof(real_t)))
    if ids.shape[0] == 0 or C == 0:
        return
    if b is not None:
        second = &b[0, 0]
    s[0], s[1], s[2], s[3] = 0, <real_t> s1, <real_t> s2, <real_t> s3
    ld = w.strides[0] // <Py_ssize_t> sizeof(real_t)
    with nogil:
        n = list_stale(&rows[0], &since[0], &at[0], &ids[0], ids.shape[0], now)
        if n > 0:
            for p in prange(n_parts, num_threads=n_parts, schedule="static"):
                step_rows_range(<Rule> rule, &w[0, 0], ld, &a[0, 0], second, &rows[0], &since[0],
                                C, &lr[0], now, s,
                                part_begin(p, n_parts, n), part_begin(p + 1, n_parts, n))


def update_rows(int rule,                       # one of RULES
                real_t[:, :] w,                 # OUT (R, C) rows contiguous
                real_t[:, ::1] a,               # OUT (R, C) the rule's first state, or None
                real_t[:, ::1] b,               # OUT (R, C) its second, or None
                int64_t[::1] at,                # OUT (R,) the step that each row has reached, or
                                                #     None where no steps are deferred
                const real_t[:, :] g,           # IN  (R, C), or (n_rows, C) packed; rows contiguous
                bint packed,                    # whether g[i] is the gradient of rows[i]
                const int64_t[::1] rows,        # IN  distinct rows
                Py_ssize_t n_rows,
                double s0, double s1, double s2, double s3,     # the rule's, as in its pass
                Py_ssize_t now, Py_ssize_t n_parts):
    """Step the listed rows from `now` on once, with their gradient.

    Return False, and change nothing, if one of them has not yet reached step `now`.
    """
    cdef Py_ssize_t C = w.shape[1], ld, ld_g, p, i
    cdef real_t* first = NULL
    cdef real_t* second = NULL
    cdef int64_t late = 0
    cdef real_t[4] s
    check_fit("update_rows", g.shape[1] == C and (g.shape[0] == w.shape[0] or packed) and
              (g.shape[0] >= n_rows or not packed) and n_rows <= rows.shape[0] and
              (a is None or has_shape2(a.shape, w.shape[0], C)) and
              (b is None or has_shape2(b.shape, w.shape[0], C)) and
              (at is None or at.shape[0] == w.shape[0]) and
              plain_rows(w.shape, w.strides, sizeof(real_t)) and
              plain_rows(g.shape, g.strides, sizeof(real_t)))
    if n_rows == 0 or C == 0:
        return True
    if a is not None:
        first = &a[0, 0]
    if b is not None:
        second = &b[0, 0]
    s[0], s[1], s[2], s[3] = <real_t> s0, <real_t> s1, <real_t> s2, <real_t> s3
    ld = w.strides[0] // <Py_ssize_t> sizeof(real_t)
    ld_g = g.strides[0] // <Py_ssize_t> sizeof(real_t)
    with nogil:
        if at is not None:
            for i in range(n_rows):
                late += at[rows[i]] < now
            if late == 0:
                for i in range(n_rows):
                    at[rows[i]] = now + 1
        if late == 0:
            for p in prange(n_parts, num_threads=n_parts, schedule="static"):
                update_rows_range(<Rule> rule, &w[0, 0], ld, first, second, &g[0, 0], ld_g, packed,
                                  &rows[0], C, s,
                                  part_begin(p, n_parts, n_rows), part_begin(p + 1, n_parts, n_rows))
    return late == 0


# ---- arrays that stay the same from step to step

def layout(tuple arrays):
    """Return the places, shapes, strides and types of up to four arrays as bytes to compare.

    They change when an array is reshaped, resized, given another dtype or made read-only in place.
    """
    cdef char[4 * LAYOUT] text
    cdef Py_ssize_t at = 0
    cdef object array
    check_fit("layout", len(arrays) <= 4)
    for array in arrays:
        at += describe(text + at, array)
    return PyBytes_FromStringAndSize(text, at)


cdef Py_ssize_t describe(char* text, object array) except -1:
    """Write the layout of one array; return its length in bytes, at most LAYOUT."""
    cdef Py_buffer view
    cdef Py_ssize_t[3] head
    cdef Py_ssize_t n, at = sizeof(head)
    try:
        PyObject_GetBuffer(array, &view, PyBUF_STRIDES | PyBUF_FORMAT)
    except (BufferError, ValueError, TypeError):    # its dtype has no buffer, so no float has it
        text[0] = 0
        return 1
    head[0], head[1], head[2] = <Py_ssize_t> view.buf, view.ndim, view.readonly
    memcpy(text, head, sizeof(head))
    n = view.ndim * <Py_ssize_t> sizeof(Py_ssize_t)
    if n:
        memcpy(text + at, view.shape, n)
        memcpy(text + at + n, view.strides, n)
    at += 2 * n
    n = min(<Py_ssize_t> strlen(view.format), FORMAT)
    memcpy(text + at, view.format, n)
    PyBuffer_Release(&view)
    return at + n


# ---- gradient clipping

def n_blocks(Py_ssize_t size):
    """Return the length of the scratch that `sum_squares` needs for `size` elements."""
    return (size + BLOCK - 1) // BLOCK


def sum_squares(double[::1] partial,        # scratch (n_blocks(R * C),)
                const real_t[:, :] g,       # IN  (R, C) rows contiguous
                const uint8_t[::1] mark,    # IN  (R,) or None
                Py_ssize_t n_parts):
    """Return the sum of all squares: one double per block, blocks added in order."""
    cdef Py_ssize_t C = g.shape[1], size = g.shape[0] * g.shape[1], ld, k
    cdef Py_ssize_t blocks = (size + BLOCK - 1) // BLOCK
    cdef const uint8_t* touched = NULL
    cdef double total = 0
    check_fit("sum_squares", partial.shape[0] >= blocks and
              (mark is None or mark.shape[0] == g.shape[0]) and
              plain_rows(g.shape, g.strides, sizeof(real_t)))
    if size == 0:
        return 0.0
    if mark is not None:
        touched = &mark[0]
    ld = g.strides[0] // <Py_ssize_t> sizeof(real_t)
    with nogil:
        for k in prange(blocks, num_threads=n_parts, schedule="static"):
            partial[k] = block_squares(&g[0, 0], ld, touched, C, k * BLOCK,
                                       (k + 1) * BLOCK if k + 1 < blocks else size)
        for k in range(blocks):
            total = total + partial[k]
    return total


def sum_squares_of_rows(const real_t[:, ::1] g,         # IN  (n, C) rows of a gradient
                        const int64_t[::1] rows,        # IN  (n,) their numbers in it
                        const int64_t[::1] order):      # IN  (n,) places in `rows`, rows ascending
    """Return the bits of `sum_squares` for a gradient that is zero except for these rows."""
    cdef Py_ssize_t C = g.shape[1], i, lo, end, n, block = -1
    cdef double total = 0
    cdef double[LANES] lane
    check_fit("sum_squares_of_rows", order.shape[0] <= g.shape[0] and
              order.shape[0] <= rows.shape[0])
    if C == 0 or g.shape[0] == 0:
        return 0.0
    with nogil:
        for i in range(LANES):
            lane[i] = 0
        for i in range(order.shape[0]):
            lo = rows[order[i]] * C
            end = lo + C
            while lo < end:
                if lo // BLOCK != block:
                    total = total + sum_of_lanes(&lane[0])
                    block = lo // BLOCK
                n = min(end, (block + 1) * BLOCK) - lo
                add_squares(&lane[0], &g[0, 0] + order[i] * C + C - (end - lo), n)
                lo += n
        total = total + sum_of_lanes(&lane[0])
    return total


def scale(real_t[:, :] g,               # OUT (R, C) rows contiguous, multiplied in place
          const uint8_t[::1] mark,      # IN  (R,) or None
          double rate, Py_ssize_t n_parts):
    """Multiply the marked rows of a gradient by rate."""
    cdef Py_ssize_t R = g.shape[0], C = g.shape[1], ld, p
    cdef const uint8_t* touched = NULL
    check_fit("scale", (mark is None or mark.shape[0] == R) and
              plain_rows(g.shape, g.strides, sizeof(real_t)))
    if R == 0 or C == 0:
        return
    if mark is not None:
        touched = &mark[0]
    ld = g.strides[0] // <Py_ssize_t> sizeof(real_t)
    with nogil:
        for p in prange(n_parts, num_threads=n_parts, schedule="static"):
            scale_range(&g[0, 0], ld, touched, C, <real_t> rate,
                        part_begin(p, n_parts, R), part_begin(p + 1, n_parts, R))


# ---- small calls: see common_arrays.pxd

cdef struct Step:
    Array w, g
    Array[2] states


cdef bint read_scalars(int rule, tuple given, double* s) except -1:
    """Write the four scalars of a rule from those of its pass."""
    cdef Py_ssize_t k, n = len(given)
    if n > 4:
        return False
    for k in range(4):
        s[k] = given[k] if k < n else 0
    if rule == NESTEROV:
        s[2], s[3] = s[1] * s[1], (1 + s[1]) * s[0]
    elif rule == RMSPROP:
        s[2], s[3] = 1 - s[1], s[2]
    return True


cdef double element_ns(int rule, int type) noexcept:
    """Return about how long one thread takes for an element; measured in the second cache."""
    cdef double ns = 0.2 if rule == ADAM else 0.1 if rule in (SGD, MOMENTUM, NESTEROV) else 0.15
    return ns if type == FLOAT else 2 * ns


cdef bint read_step(Step* step, int rule, Py_ssize_t i, list params, list grads,
                    list states) except -1:
    """Describe the arrays of one parameter if they are plain and fit each other."""
    cdef Py_ssize_t k
    if (not read_floats(params[i], &step.w) or not step.w.packed or not step.w.writable
            or step.w.n == 0
            or not is_small(element_ns(rule, step.w.type) * <double> step.w.n)
            or not read_floats(grads[i], &step.g) or not step.g.packed
            or step.g.type != step.w.type or not same_shape(&step.w, &step.g)
            or overlap(&step.w, &step.g)):
        return False
    for k in range(len(states)):
        mine = states[k]
        if (type(mine) is not list or len(<list> mine) != len(params)
                or not read_floats((<list> mine)[i], &step.states[k])
                or not step.states[k].packed or not step.states[k].writable
                or step.states[k].type != step.w.type
                or not same_shape(&step.w, &step.states[k])):
            return False
    return True


cdef void take_step(Rule rule, real_t* w, const Step* step, Py_ssize_t n_states,
                    const double* s) noexcept nogil:
    cdef real_t* first = NULL
    cdef real_t* second = NULL
    cdef real_t[4] rounded
    cdef Py_ssize_t k
    for k in range(4):
        rounded[k] = <real_t> s[k]
    if n_states > 0:
        first = <real_t*> step.states[0].data
    if n_states > 1:
        second = <real_t*> step.states[1].data
    sweep(rule, w, step.w.n, first, second, <const real_t*> step.g.data, step.w.n,
          <const uint8_t*> NULL, step.w.n, rounded, 0, step.w.n)


def try_steps(int rule, params, grads, list states, tuple scalars):
    """Step every parameter once and return True, or return False.

    states: a list of arrays for each state of the rule; scalars: those of the rule's pass.
    """
    cdef Step[MOST_PARAMETERS] steps
    cdef double[4] s
    cdef Py_ssize_t n, i
    if type(params) is not list or type(grads) is not list or len(states) > 2:
        return False
    n = len(<list> params)
    if n > MOST_PARAMETERS or len(<list> grads) != n or not read_scalars(rule, scalars, s):
        return False
    for i in range(n):
        if not read_step(&steps[i], rule, i, <list> params, <list> grads, states):
            return False
    for i in range(n):
        if steps[i].w.type == FLOAT:
            take_step(<Rule> rule, <float*> steps[i].w.data, &steps[i], len(states), s)
        else:
            take_step(<Rule> rule, <double*> steps[i].w.data, &steps[i], len(states), s)
    return True


use_pool()
use_arrays()
