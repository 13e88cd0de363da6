"""Random ids in proportion to given weights: with replacement, or distinct and without a target.

V words, p their weights (any scale), N rows, K ids a row.
    build_alias     table of V pairs (threshold, alias), see common_alias.pxd
    draw            out[k]    ~ p
    draw_distinct   out[n, k] ~ p over all words but target[n], out[n, 0], ..., out[n, k-1]
The second law is that of numpy's choice(replace=False) with p[target] = 0, order included. It is
reached by drawing from p and rejecting excluded words: an accepted draw has just that law.

Draw k of `draw` depends on (key, k) alone, row n of `draw_distinct` on (key, n) alone.
Callers have checked that p is finite and >= 0 with a positive sum, that V < 2^31, and that each
row can be filled: K words beside its target have p > 0. Only lack of memory raises here.
"""
from cython.parallel cimport prange
from libc.stdint cimport int32_t, int64_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy, memset

from common_checks cimport check_fit, has_shape2
from common_alias cimport cell_of, id_of
from common_memory cimport prefetch
from common_parallel cimport part_begin, use_pool
from common_rng cimport draw as bits_of, row_stream
from common_types cimport index_t

cdef enum:
    BLOCK = 64          # draws whose cells are known before the first of them is looked up
    NEAR = 1 << 16      # words of a table that stays in a core's own cache, without prefetch
    LINEAR = 16         # picks of a row up to which they are compared; more are hashed
    ROWS = 16           # rows whose first LINEAR cells are known before the first is looked up
    MISSES = 64         # rejections in a row before a pick is made by a pass over p
    FREE = -1           # empty slot of the hash table
    SPAN = 64           # words that the pass over p sums at once
    LANES = 16          # partial sums of a span


# ---- the alias table

cdef inline uint64_t one() noexcept nogil:
    """Return the mass of one bucket; standard C has no enum constant of 2^32."""
    return <uint64_t> 1 << 32


cdef void scale_weights(uint64_t* w, const double* p, Py_ssize_t V) noexcept nogil:
    """Round w[v] = p[v] / sum(p) * V * 2^32 so that the sum is exactly V * 2^32.

    The rest of one word is carried to the next. So every w is less than 1 off, and zeros are exact.
    """
    cdef double total = 0, lost = 0, carry = 0.5, share, before
    cdef double size = <double> V * <double> one()
    cdef uint64_t given = 0
    cdef Py_ssize_t v, top = 0
    # The sum is compensated (Neumaier 1974), as its error would be multiplied by V * 2^32.
    for v in range(V):
        before = total
        total = before + p[v]
        lost += (before - total) + p[v] if before >= p[v] else (p[v] - total) + before
    total += lost
    for v in range(V):
        share = p[v] / total * size
        w[v] = <uint64_t> share
        carry += share - <double> w[v]
        if carry >= 1:
            carry -= 1
            w[v] += 1
        given += w[v]
        if w[v] > w[top]:
            top = v
    # Up to V of about 2^20 nothing is left; beyond, less than the rounding of the largest share.
    w[top] += <uint64_t> V * one() - given


cdef inline Py_ssize_t next_light(const uint64_t* w, Py_ssize_t v, Py_ssize_t V) noexcept nogil:
    while v < V and w[v] >= one():
        v += 1
    return v


cdef inline Py_ssize_t next_heavy(const uint64_t* w, Py_ssize_t v, Py_ssize_t V) noexcept nogil:
    while v < V and w[v] < one():
        v += 1
    return v


cdef void fill_table(uint32_t* table, const uint64_t* w, Py_ssize_t V) noexcept nogil:
    """Build the table as Vose 1991, in integers, two sweeps over w in place of his work lists.

    A light word fills its bucket up from the current heavy word, which gives until one bucket or
    less is left of it; then it takes its own, filled up from the next heavy word.
    """
    cdef Py_ssize_t light = next_light(w, 0, V), heavy = next_heavy(w, 0, V), following
    cdef uint64_t left = w[heavy]
    while heavy < V:
        if left > one() and light < V:
            table[2 * light] = <uint32_t> w[light]
            table[2 * light + 1] = <uint32_t> heavy
            left -= one() - w[light]
            light = next_light(w, light + 1, V)
            continue
        following = next_heavy(w, heavy + 1, V)
        if left == one() or following == V:
            table[2 * heavy] = 0                    # 2^32 does not fit: both sides
            table[2 * heavy + 1] = <uint32_t> heavy     # of the coin are the same word
            left = w[following] if following < V else 0
        else:
            table[2 * heavy] = <uint32_t> left
            table[2 * heavy + 1] = <uint32_t> following
            left = w[following] - (one() - left)
        heavy = following


def build_alias(uint32_t[:, ::1] table,     # OUT (V, 2)
                const double[::1] p):       # IN  (V,)
    """Build the alias table of p, exact to 2^-32 of a bucket; p = 0 is never drawn."""
    cdef Py_ssize_t V = p.shape[0]
    cdef uint64_t* w
    check_fit("build_alias", V == 0 or has_shape2(table.shape, V, 2))
    if V == 0:
        return
    w = <uint64_t*> malloc(V * sizeof(uint64_t))
    if w == NULL:
        raise MemoryError(f"build_alias: no memory for {V} weights of 8 bytes")
    with nogil:
        scale_weights(w, &p[0], V)
        fill_table(&table[0, 0], w, V)
        free(w)


# ---- with replacement

cdef inline void fill_cells(uint64_t* cells, uint64_t V, uint64_t stream, uint64_t k,
                            Py_ssize_t n) noexcept nogil:
    """Compute the cells of draws k, ..., k + n - 1 in vector registers."""
    cdef Py_ssize_t i
    for i in range(n):
        cells[i] = cell_of(bits_of(stream, k + <uint64_t> i), V)


cdef void draw_range(int32_t* out, const uint32_t* table, Py_ssize_t V, uint64_t stream,
                     Py_ssize_t lo, Py_ssize_t hi) noexcept nogil:
    cdef uint64_t cells[BLOCK]
    cdef Py_ssize_t i, n, k = lo
    while k < hi:
        n = BLOCK if hi - k > BLOCK else hi - k
        fill_cells(cells, <uint64_t> V, stream, <uint64_t> k, n)
        if V > NEAR:
            for i in range(n):
                prefetch(table + 2 * (cells[i] >> 32))
        for i in range(n):
            out[k + i] = <int32_t> id_of(table, cells[i])
        k += n


def draw(int32_t[::1] out,                  # OUT (N,)
         const uint32_t[:, ::1] table,      # IN  (V, 2)
         uint64_t key,
         Py_ssize_t n_parts):
    """Draw independent ids, each by the weights of the table."""
    cdef Py_ssize_t N = out.shape[0], V = table.shape[0], p
    cdef uint64_t stream = row_stream(key, 0)
    check_fit("draw", table.shape[1] == 2 and (V > 0 or N == 0))
    if N == 0:
        return
    with nogil:
        for p in prange(n_parts, num_threads=n_parts, schedule="static"):
            draw_range(&out[0], &table[0, 0], V, stream,
                       part_begin(p, n_parts, N), part_begin(p + 1, n_parts, N))


# ---- distinct, without the target

cdef inline size_t slot_of(int32_t id, int shift) noexcept nogil:
    """Return the Fibonacci hash: the high bits of a product with 2^64 / golden ratio."""
    return <size_t> ((<uint64_t> <uint32_t> id * <uint64_t> 0x9E3779B97F4A7C15ULL) >> shift)


cdef inline bint is_excluded(int32_t id, int64_t target, const int32_t* picks, Py_ssize_t k,
                             const int32_t* seen, int shift) noexcept nogil:
    """Tell whether id is the target or one of the k picks (in `seen` unless that is NULL)."""
    cdef Py_ssize_t i
    cdef size_t slot, mask
    if id == target:
        return True
    if seen == NULL:
        for i in range(k):
            if picks[i] == id:
                return True
        return False
    mask = (<size_t> 1 << (64 - shift)) - 1
    slot = slot_of(id, shift)
    while seen[slot] != FREE:
        if seen[slot] == id:
            return True
        slot = (slot + 1) & mask
    return False


cdef inline void remember(int32_t* seen, int shift, int32_t id) noexcept nogil:
    cdef size_t slot = slot_of(id, shift), mask = (<size_t> 1 << (64 - shift)) - 1
    while seen[slot] != FREE:
        slot = (slot + 1) & mask
    seen[slot] = id


cdef double open_span(double* span, const double* p, Py_ssize_t lo, Py_ssize_t V, int64_t target,
                      const int32_t* picks, Py_ssize_t k,
                      const int32_t* seen, int shift) noexcept nogil:
    """Copy p[lo : lo + SPAN] to span with the excluded words at zero; return the sum.

    LANES partial sums are added at once, as additions in a chain wait for each other.
    """
    cdef double lane[LANES]
    cdef double total = 0
    cdef Py_ssize_t i, j, n = SPAN if V - lo > SPAN else V - lo
    memcpy(span, p + lo, n * sizeof(double))
    for i in range(n, SPAN):
        span[i] = 0
    if seen == NULL:
        for i in range(k):
            if lo <= picks[i] < lo + n:
                span[picks[i] - lo] = 0
        if lo <= target < lo + n:
            span[target - lo] = 0
    else:
        for i in range(n):
            if is_excluded(<int32_t> (lo + i), target, picks, k, seen, shift):
                span[i] = 0
    for j in range(LANES):
        lane[j] = 0
    for i in range(SPAN // LANES):
        for j in range(LANES):
            lane[j] += span[i * LANES + j]
    for j in range(LANES):
        total += lane[j]
    return total


cdef int32_t pick_by_pass(const double* p, Py_ssize_t V, uint64_t bits, int64_t target,
                          const int32_t* picks, Py_ssize_t k,
                          const int32_t* seen, int shift) noexcept nogil:
    """Pick from p with the excluded words at zero: sum, then walk to a share of the sum."""
    cdef double span[SPAN]
    cdef double total = 0, reached = 0, here, goal
    cdef Py_ssize_t s = 0, i, n_spans = (V + SPAN - 1) // SPAN
    cdef int32_t id = 0
    for s in range(n_spans):
        total += open_span(span, p, s * SPAN, V, target, picks, k, seen, shift)
    goal = <double> (bits >> 11) * (1.0 / 9007199254740992.0) * total      # in [0, total)
    if goal >= total:                   # a subnormal total rounds up
        goal = 0
    for s in range(n_spans):
        here = open_span(span, p, s * SPAN, V, target, picks, k, seen, shift)
        if reached + here > goal:
            break
        reached += here
    # Rounding inside the span may put the goal out of reach; then its last open word is picked.
    for i in range(SPAN):
        if span[i] > 0:
            id = <int32_t> (s * SPAN + i)
            reached += span[i]
            if reached > goal:
                break
    return id


cdef void distinct_row(int32_t* picks, Py_ssize_t K, const uint32_t* table, const double* p,
                       Py_ssize_t V, int64_t target, uint64_t stream, const uint64_t* cells,
                       int32_t* seen, int shift) noexcept nogil:
    """Fill row n; cells[j * ROWS] are the cells of its first min(K, LINEAR) draws."""
    cdef Py_ssize_t k, used = 0, known = K if K < LINEAR else LINEAR
    cdef uint64_t cell
    cdef int _miss
    cdef int32_t id
    if seen != NULL:
        memset(seen, 0xFF, (<size_t> 1 << (64 - shift)) * sizeof(int32_t))      # all FREE
    for k in range(K):
        for _miss in range(MISSES):
            cell = (cells[used * ROWS] if used < known
                    else cell_of(bits_of(stream, <uint64_t> used), <uint64_t> V))
            used += 1
            id = <int32_t> id_of(table, cell)
            if not is_excluded(id, target, picks, k, seen, shift):
                break
        else:
            id = pick_by_pass(p, V, bits_of(stream, <uint64_t> used), target, picks, k,
                              seen, shift)
            used += 1
        picks[k] = id
        if seen != NULL:
            remember(seen, shift, id)


cdef void distinct_range(int32_t* out, Py_ssize_t K, const uint32_t* table, const double* p,
                         Py_ssize_t V, const index_t* target, uint64_t key,
                         int32_t* seen, int shift,
                         Py_ssize_t lo, Py_ssize_t hi) noexcept nogil:
    cdef uint64_t streams[ROWS]
    cdef uint64_t cells[LINEAR * ROWS]
    cdef Py_ssize_t n, r, j, known = K if K < LINEAR else LINEAR
    for n in range(lo, hi):
        r = (n - lo) % ROWS
        if r == 0:                      # rows after hi too, as a fixed count makes whole vectors
            for j in range(ROWS):
                streams[j] = row_stream(key, <uint64_t> (n + j))
            for j in range(known):
                fill_column(cells + j * ROWS, <uint64_t> V, streams, <uint64_t> j)
            if V > NEAR:
                for j in range(known * ROWS):
                    prefetch(table + 2 * (cells[j] >> 32))
        distinct_row(out + n * K, K, table, p, V, target[n], streams[r], cells + r, seen, shift)


cdef inline void fill_column(uint64_t* cells, uint64_t V, const uint64_t* streams,
                             uint64_t k) noexcept nogil:
    """Compute the cells of draw k in ROWS rows."""
    cdef Py_ssize_t r
    for r in range(ROWS):
        cells[r] = cell_of(bits_of(streams[r], k), V)


def draw_distinct(int32_t[:, ::1] out,              # OUT (N, K)
                  const uint32_t[:, ::1] table,     # IN  (V, 2) of p
                  const double[::1] p,              # IN  (V,)
                  const index_t[::1] target,        # IN  (N,)
                  uint64_t key,
                  Py_ssize_t n_parts):
    """Draw K distinct ids for each target, never the target itself."""
    cdef Py_ssize_t N = out.shape[0], K = out.shape[1], V = p.shape[0], part
    cdef size_t slots = 0
    cdef int shift = 64
    cdef int32_t* seen = NULL
    check_fit("draw_distinct", has_shape2(table.shape, V, 2) and target.shape[0] == N)
    if N == 0 or K == 0:
        return
    if K > LINEAR:
        while slots < 4 * <size_t> K:       # at most a quarter full, which needs few second probes
            shift -= 1
            slots = <size_t> 1 << (64 - shift)
        seen = <int32_t*> malloc(n_parts * slots * sizeof(int32_t))
        if seen == NULL:
            raise MemoryError(f"draw_distinct: no memory for {n_parts} tables of {slots} ids")
    with nogil:
        for part in prange(n_parts, num_threads=n_parts, schedule="static"):
            distinct_range(&out[0, 0], K, &table[0, 0], &p[0], V, &target[0], key,
                           seen + part * slots if seen != NULL else NULL, shift,
                           part_begin(part, n_parts, N), part_begin(part + 1, n_parts, N))
        free(seen)


# ---- the bits themselves, for tests

def random_bits(uint64_t[:, ::1] out,       # OUT (N, K)
                uint64_t key):
    """Set out[n, k] to the 64 bits of draw k in row n, as all kernels see them."""
    cdef Py_ssize_t n, k
    with nogil:
        for n in range(out.shape[0]):
            for k in range(out.shape[1]):
                out[n, k] = bits_of(row_stream(key, <uint64_t> n), <uint64_t> k)


use_pool()
