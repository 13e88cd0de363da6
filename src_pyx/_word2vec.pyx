"""Word2vec over a corpus of encoded ids, one block of the corpus after the other.

V words, rows of ld floats (a multiple of LINE, zeros behind the D that count), N ids of the corpus,
END = -1 between sentences.

A block is a fixed number of positions of the corpus. Its words are subsampled (`keep`). Each word
that is left is a centre t with M context words c (1 <= |distance| <= b, b drawn from 1 .. window)
and J outputs o with labels: t itself (1) and K words drawn (0), or the inner nodes on the path to t
in a Huffman tree (labels 1 - code), or both. With x = W_in[c], y = W_out[o] (W_nodes[o]):

    skip-gram   z[m, j] = x[m] . y[j]              g[m, j] = alpha (label[j] - sigmoid(z[m, j]))
                x[m] += sum_j g[m, j] y[j],        y[j] += sum_m g[m, j] x[m]
    CBOW        h = sum_m x[m] [/ M], z[j] = h . y[j], g[j] likewise
                x[m] += share sum_j g[j] y[j],     y[j] += g[j] h
    loss        of a pair: -log sigmoid(z) for label 1, -log(1 - sigmoid(z)) for label 0

from the old rows of one centre. `share` is 1 / M for the exact gradient of the mean, 1 for the one
of word2vec.c. Drawn words that are the target are left out. A word drawn twice counts twice, as
does a repeated context of skip-gram. Skip-gram draws K words for all pairs of a centre, or for each
pair (FRESH_NEGATIVES). CBOW draws K words for each centre, or for TOGETHER centres, which lie far
apart in a span or a batch (SHARED_NEGATIVES): the h of all of them are computed first and, if
K <= FEW and at most two rows are the same, so are the z. Context words before and after the block
are those that their own block would see, so every word is a centre once, with its whole window.

The means of CBOW come from running sums over a span of up to SPAN centres, in which the rows of
contexts stand still: h_i = (S[right] - S[left] - x[t]) / M with S[p] = x[0] + ... + x[p - 1]. The
changes of contexts come from running sums too, at the end of the span: each one begins at the first
word of its window and ends behind the last one. So the work does not depend on the window. A span
is shorter, down to TOGETHER centres or one, where a word repeats so often that its steps could
overshoot (`few_repeats`), and sums instead of means are learned centre by centre.

    train           learns centre by centre (word2vec_blocks.pxd): repeatable with one part only
      batch > 0     scores `batch` centres before it learns the first of them, in stripes of columns
                    (word2vec_batches.pxd, word2vec_team.pxd): the same bits for any number of parts

    Subwords        each input is the mean of the rows of a word and its n-grams; CBOW then takes
                    the mean (or sum) over all rows of all contexts, M of them
                    (word2vec_subwords.pxd)

word2vec_job.pxd holds the settings, word2vec_centres.pxd lists the centres, word2vec_windows.pxd
collects many of them, word2vec_scratch.pxd allocates, word2vec_rows.pxd finds rows, and
word2vec_steps.pxd has the arithmetic. `Plan` checks shapes and numbers. An id out of range counts
as END, and `train` raises IndexError at its end, because another thread may have changed ids that
the caller had checked.
"""
from cython.parallel cimport prange
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memset

from common_gemm cimport aligned_alloc, aligned_free
from common_parallel cimport use_pool
from word2vec_batches cimport (
    STRIPES, count_stripes, make_stripes, most_collected, stripe_begin, stripe_step,
)
from word2vec_blocks cimport train_part
from word2vec_centres cimport copy_ids
from word2vec_job cimport (
    END, EXACT_GRADIENT as _EXACT_GRADIENT, FRESH_NEGATIVES as _FRESH_NEGATIVES, LINE as _LINE,
    MEAN as _MEAN, N_STATS as _N_STATS, SHARED_NEGATIVES as _SHARED_NEGATIVES, SHRINK as _SHRINK,
    SKIP_GRAM as _SKIP_GRAM, SPAN, TOGETHER, WIDE, draws_for_pairs, job_t,
)
from word2vec_scratch cimport free_scratch, make_scratch, scratch_t
from word2vec_subwords cimport compose_round, list_words, spread_round, subwords_t
from word2vec_team cimport pauses_t, seat_t, team_part, team_t

cdef enum:
    _NEAR = 256         # words whose rows parts have copies of, divided among the parts
    EXCHANGE = 2048     # centres of all parts between two exchanges of these rows

# Bits of a plan's `mode`, and the other numbers that callers share.
SKIP_GRAM, MEAN, EXACT_GRADIENT, SHRINK = _SKIP_GRAM, _MEAN, _EXACT_GRADIENT, _SHRINK
FRESH_NEGATIVES, SHARED_NEGATIVES = _FRESH_NEGATIVES, _SHARED_NEGATIVES
LINE, N_STATS, NEAR = _LINE, _N_STATS, _NEAR

cdef pauses_t pauses    # of the last call


cdef int64_t longest_sentence(const int32_t* ids, int64_t N) noexcept nogil:
    """Return the number of words in the longest sentence."""
    cdef int64_t n, length = 0, longest = 0
    for n in range(N):
        length = length + 1 if ids[n] != END else 0
        if length > longest:
            longest = length
    return longest


cdef int64_t longest_path(const int64_t* ways, int64_t V) noexcept nogil:
    """Return the number of nodes on the longest path."""
    cdef int64_t v, longest = 0
    for v in range(V):
        if ways[v + 1] - ways[v] > longest:
            longest = ways[v + 1] - ways[v]
    return longest


cdef int check_length(str name, Py_ssize_t found, Py_ssize_t expected) except -1:
    """Raise ValueError unless an array has the length that the other arguments call for."""
    if found != expected:
        raise ValueError(
            f"{name}: expected length {expected}, got {found}; make all arrays of a plan for the "
            "same vocabulary and settings"
        )
    return 0


cdef int check_range(str name, int64_t found, int64_t least, int64_t most) except -1:
    """Raise ValueError unless a number lies from `least` to `most`."""
    if not least <= found <= most:
        raise ValueError(f"{name}: expected a number from {least} to {most}, got {found}; pass one")
    return 0


cdef class Subwords:
    """The rows of words and of n-grams that the inputs of a plan are composed of.

    They are trained instead of the inputs. It keeps its arrays alive. Raises ValueError if their
    lengths do not fit together, or a place is out of range.
    """
    cdef subwords_t it
    cdef Py_ssize_t n_words, room, width
    cdef float[:, ::1] own, table
    cdef const int64_t[::1] begins
    cdef const int32_t[::1] places, order
    cdef int32_t* ranks

    def __cinit__(self,
                  float[:, ::1] own not None,           # OUT (V, D)
                  float[:, ::1] table not None,         # OUT (R, D) rows of n-grams, or empty
                  const int64_t[::1] begins not None,   # IN  (V + 1,) begins of places of each word
                  const int32_t[::1] places not None,   # IN  (T,) rows of table, word after word
                  const int32_t[::1] order not None,    # IN  (V,) all words; best if those with
                                                        #     common n-grams are side by side
                  *,
                  int64_t round):                       # positions between two exchanges of changes
        cdef Py_ssize_t V = own.shape[0], t
        cdef int64_t least = 0, most = -1
        cdef bint rise = True
        check_range("round", round, 1, 1 << 31)
        check_range("words", V, 1, 1 << 31)
        check_length("begins", begins.shape[0], V + 1)
        if table.shape[0]:
            check_length("table[0]", table.shape[1], own.shape[1])
        for t in range(V):
            rise = rise and begins[t] <= begins[t + 1]
        check_range("begins[0]", begins[0], 0, 0)
        check_range("begins", rise, 1, 1)
        check_length("places", places.shape[0], begins[V])
        for t in range(places.shape[0]):
            least, most = min(least, <int64_t> places[t]), max(most, <int64_t> places[t])
        check_range("places", least, 0, 0)
        check_range("places", most, -1, table.shape[0] - 1)
        check_length("order", order.shape[0], V)
        self.own, self.table, self.begins, self.places = own, table, begins, places
        self.order = order
        self.n_words = V
        self.it.D, self.it.round = own.shape[1], round
        self.it.own, self.it.begins = &own[0, 0], &begins[0]
        if table.shape[0]:
            self.it.table = &table[0, 0]
        if places.shape[0]:
            self.it.places = &places[0]
        self.it.n_rows = <float*> malloc(V * sizeof(float))
        self.it.listed = <uint64_t*> calloc((V + 63) // 64, sizeof(uint64_t))
        self.it.words = <int32_t*> malloc(V * sizeof(int32_t))
        self.ranks = <int32_t*> malloc(V * sizeof(int32_t))
        if (self.it.n_rows == NULL or self.it.listed == NULL or self.it.words == NULL
                or self.ranks == NULL):
            raise MemoryError(f"Subwords: no memory for {V} words")
        for t in range(V):
            self.ranks[t] = -1
        for t in range(V):
            check_range("order", order[t], 0, V - 1)
            check_range("order", self.ranks[order[t]], -1, -1)
            self.ranks[order[t]] = <int32_t> t
        self.it.order, self.it.ranks = &order[0], self.ranks
        for t in range(V):
            self.it.n_rows[t] = <float> (1 + begins[t + 1] - begins[t])

    def __dealloc__(self):
        free(self.it.n_rows)
        free(self.it.listed)
        free(self.it.words)
        free(self.ranks)
        aligned_free(self.it.before)

    def __reduce__(self):
        """Refuse a copy, which would share neither the arrays nor what happens to them."""
        raise TypeError("Subwords: cannot be copied or pickled; make one of the arrays")

    cdef int list_round(self, const job_t* job, int64_t last, Py_ssize_t ld) except -1:
        """List the words of blocks up to `last`, whose ids the job has a copy of."""
        cdef int64_t end = min(last * job.block, job.N) - job.first_id
        # The ids end where the copy says so; words behind the last block are few.
        while job.ids[end] != END:
            end += 1
        cdef int64_t n = list_words(&self.it, job.ids, end, self.n_words)
        if n > self.room:
            aligned_free(self.it.before)
            self.room = 0
            self.it.before = <float*> aligned_alloc(n * ld * sizeof(float))
            if self.it.before == NULL:
                raise MemoryError(f"train: no memory for the {n} words of a round")
            self.room = n
        return 0


cdef class Plan:
    """The tables, the text and the settings of a training, for any number of calls of `train`.

    A plan keeps its arrays alive. Raises ValueError if their lengths do not fit together.
    """
    cdef job_t job
    cdef Py_ssize_t n_rows, n_nodes
    cdef bint apart
    cdef float[:, ::1] inputs, outputs, nodes
    cdef uint32_t[::1] touched_in, touched_out, touched_nodes
    cdef const int32_t[::1] ids, points
    cdef const uint32_t[::1] keep
    cdef const uint32_t[:, ::1] alias
    cdef const uint8_t[::1] codes
    cdef const int64_t[::1] ways
    cdef const float[::1] near
    cdef Subwords subwords

    def __cinit__(self,
                  float[:, ::1] inputs not None,        # OUT (V, ld) W_in
                  float[:, ::1] outputs not None,       # OUT (V, ld) W_out, empty if negative is 0
                  float[:, ::1] nodes not None,         # OUT (nodes, ld) W_nodes, or empty
                  uint32_t[::1] touched_in not None,    # OUT (V,) changes of each row, added to
                  uint32_t[::1] touched_out not None,   # OUT (V,) likewise; all three may be empty
                  uint32_t[::1] touched_nodes not None,  # OUT (nodes,) likewise
                  const int32_t[::1] ids not None,      # IN  (N,) N > 0
                  const uint32_t[::1] keep not None,    # IN  (V,), empty where all words are kept
                  const uint32_t[:, ::1] alias not None,    # IN  (V, 2), empty if negative is 0
                  const int32_t[::1] points not None,   # IN  inner nodes, path after path
                  const uint8_t[::1] codes not None,    # IN  the turn at each of them
                  const int64_t[::1] ways not None,     # IN  (V + 1,) begins of paths, or empty
                  const float[::1] near not None,       # IN  shares of the text that the first,
                                                        #     most frequent words have; or empty
                  *,
                  int64_t window,
                  int64_t negative,
                  int mode,                             # bits: SKIP_GRAM, MEAN, ...
                  int64_t block,                        # positions of a block
                  int64_t batch,                        # centres scored at once, or 0
                  Py_ssize_t ld,                        # floats of a row of the whole tables
                  bint apart,       # with `batch`: a table is its `stripes`, one after the other
                  Subwords subwords=None):      # what inputs are composed of
        cdef Py_ssize_t V = inputs.shape[0], width = inputs.shape[1], n_touched
        cdef job_t* job = &self.job
        if V == 0 or ids.shape[0] == 0:
            raise ValueError(f"ids: expected 1 or more of 1 or more words, got {ids.shape[0]} of "
                             f"{V} words; check that the text has words of the vocabulary")
        check_range("window", window, 1, 1 << 31)
        check_range("negative", negative, 0, 1 << 20)
        check_range("block", block, 1, 1 << 31)
        check_range("batch", batch, 0, 1 << 10)
        check_range("ld", ld, LINE, 1 << 31)
        check_range("words", V, 1, 1 << 31)
        check_length("outputs", outputs.shape[0], V if negative else 0)
        check_length("alias", alias.shape[0], V if negative else 0)
        check_length("keep", keep.shape[0], V if keep.shape[0] else 0)
        if ways.shape[0]:
            check_length("ways", ways.shape[0], V + 1)
            check_length("points", points.shape[0], ways[V])
            check_length("codes", codes.shape[0], ways[V])
        if outputs.shape[0]:
            check_length("outputs[0]", outputs.shape[1], width)
        if nodes.shape[0]:
            check_length("nodes[0]", nodes.shape[1], width)
        n_touched = touched_in.shape[0]
        check_length("touched_in", n_touched, V if n_touched else 0)
        if n_touched and outputs.shape[0]:
            check_length("touched_out", touched_out.shape[0], V)
        if n_touched and nodes.shape[0]:
            check_length("touched_nodes", touched_nodes.shape[0], nodes.shape[0])
        if not apart:
            check_length("inputs[0]", width, ld)
        if subwords is not None:
            check_length("subwords", subwords.n_words, V)
            check_range("D", subwords.it.D, ld - LINE + 1, ld)
            check_length("touched_in", n_touched, 0)
        self.subwords = subwords
        self.inputs, self.outputs, self.nodes = inputs, outputs, nodes
        self.touched_in, self.touched_out = touched_in, touched_out
        self.touched_nodes = touched_nodes
        self.ids, self.keep, self.alias, self.near = ids, keep, alias, near
        self.points, self.codes, self.ways = points, codes, ways
        check_range("near", near.shape[0], 0, V)
        self.n_rows, self.n_nodes, self.apart = V, nodes.shape[0], apart

        memset(job, 0, sizeof(job_t))
        job.N, job.V, job.n_words = ids.shape[0], <uint64_t> alias.shape[0], V
        job.window, job.K, job.mode, job.block, job.batch = window, negative, mode, block, batch
        job.ld = job.width = ld
        job.W_in, job.ids = &inputs[0, 0], &ids[0]
        if outputs.shape[0]:
            job.W_out, job.alias = &outputs[0, 0], &alias[0, 0]
        if nodes.shape[0]:
            job.W_nodes, job.points, job.codes = &nodes[0, 0], &points[0], &codes[0]
        if ways.shape[0]:
            job.ways = &ways[0]
            job.longest = longest_path(job.ways, V)
        if keep.shape[0]:
            job.keep = &keep[0]
        if n_touched:
            job.touched_in = &touched_in[0]
            if outputs.shape[0]:
                job.touched_out = &touched_out[0]
            if nodes.shape[0]:
                job.touched_nodes = &touched_nodes[0]
        if subwords is not None:
            job.n_rows = subwords.it.n_rows
        job.far = inputs.size * <Py_ssize_t> sizeof(float) > 1 << 18
        job.room = window
        if window > WIDE:
            with nogil:
                job.room = min(window, max(longest_sentence(job.ids, job.N) - 1, <int64_t> 1))

    def __reduce__(self):
        """Refuse a copy, which would share neither the arrays nor what happens to them."""
        raise TypeError("Plan: cannot be copied or pickled; make one of the arrays that it is for")


cdef int check_made(const job_t* job, bint made) except -1:
    """Raise MemoryError unless the memory of all parts could be allocated."""
    if not made:
        raise MemoryError(
            f"train: no memory for windows of {job.window} words in blocks of {job.block}"
        )
    return 0


cdef int check_ids(int64_t n_bad, int64_t V) except -1:
    """Raise IndexError if there were ids out of range."""
    if n_bad:
        raise IndexError(
            f"ids: expected ids from 0 to {V - 1}, or -1 between sentences, got others {n_bad} "
            "times; do not change the ids of a text during a training"
        )
    return 0


cdef int train_freely(job_t* job, int64_t last) except -1:
    """Train blocks [first_block, last), centre by centre."""
    cdef Py_ssize_t p, n_parts = job.n_parts
    cdef scratch_t* s = <scratch_t*> calloc(n_parts, sizeof(scratch_t))
    cdef int64_t next_block = job.first_block
    cdef bint made = s != NULL
    cdef int32_t lock = 0
    for p in range(n_parts):
        made = made and make_scratch(s + p, job, TOGETHER if job.mode & SKIP_GRAM else SPAN)
    if made:
        with nogil:
            for p in prange(n_parts, num_threads=n_parts, schedule="static"):
                train_part(job, s + p, &lock, &next_block, last)
    if s != NULL:
        for p in range(n_parts):
            free_scratch(s + p)
    free(s)
    return check_made(job, made)


cdef int train_in_stripes(job_t* job, int64_t last, Py_ssize_t n_rows, Py_ssize_t n_nodes,
                          bint apart) except -1:
    """Train blocks [first_block, last), batch by batch."""
    cdef Py_ssize_t p, _p, n_parts = job.n_parts
    cdef Py_ssize_t n_members = min(n_parts, <Py_ssize_t> count_stripes(job.ld))
    # All contexts of a centre, or TOGETHER centres, are collected at once.
    cdef int64_t n_works = most_collected(job)
    cdef scratch_t* s = <scratch_t*> calloc(n_members, sizeof(scratch_t))
    cdef bint made = s != NULL
    cdef size_t size
    cdef team_t team
    cdef int32_t* ids = NULL
    if n_members > 1:
        ids = copy_ids(job, last)
        made = made and ids != NULL
    n_works += 2 * job.room if draws_for_pairs(job) else TOGETHER
    memset(&team, 0, sizeof(team_t))
    team.pauses = &pauses
    team.seats = <seat_t*> aligned_alloc(STRIPES * sizeof(seat_t))
    made = made and team.seats != NULL
    team.n_stripes = count_stripes(job.ld)
    make_stripes(team.stripes, job, n_rows, n_nodes, apart)
    team.apart = apart
    for p in range(n_members):
        made = made and make_scratch(s + p, job, n_works)
    if made:
        team.n_partial = s.n_numbers
        size = 2 * STRIPES * team.n_partial * sizeof(float)
        team.partial = <float*> aligned_alloc(size)
        made = team.partial != NULL
    if made:
        memset(team.partial, 0, size)
        memset(team.seats, 0, STRIPES * sizeof(seat_t))
        with nogil:
            for _p in prange(n_parts, num_threads=n_parts, schedule="static"):
                team_part(job, s, &team, last)
    free(ids)
    aligned_free(team.partial)
    aligned_free(team.seats)
    if s != NULL:
        for p in range(n_members):
            free_scratch(s + p)
    free(s)
    return check_made(job, made)


cdef int train_blocks(Plan plan, job_t* job, int64_t last) except -1:
    """Train blocks [first_block, last)."""
    if job.batch:
        return train_in_stripes(job, last, plan.n_rows, plan.n_nodes, plan.apart)
    return train_freely(job, last)


cdef int train_rounds(Plan plan, job_t* job, int64_t last) except -1:
    """Train blocks [first_block, last) of words with n-grams, round after round."""
    cdef subwords_t* sub = &plan.subwords.it
    cdef int64_t n_stripes = count_stripes(job.ld) if plan.apart else 1
    cdef int64_t first = job.first_block, end
    cdef int64_t n_blocks = max(sub.round // job.block, 1)
    cdef Py_ssize_t p, n_parts = job.n_parts
    cdef job_t stripes[STRIPES]
    cdef job_t part
    cdef int32_t* ids
    while first < last:
        end = min(last, (first // n_blocks + 1) * n_blocks)
        part = job[0]
        part.first_block = first
        part.stats += (first - job.first_block) * _N_STATS
        ids = copy_ids(&part, end)
        check_made(job, ids != NULL)
        try:
            plan.subwords.list_round(&part, end, job.ld)
            if plan.apart:
                make_stripes(stripes, &part, plan.n_rows, plan.n_nodes, True)
            else:
                stripes[0] = part
            with nogil:
                for p in prange(n_parts, num_threads=n_parts, schedule="static"):
                    compose_round(stripes, n_stripes, sub, job.ld, p, n_parts)
            train_blocks(plan, &part, end)
            if job.alpha != 0 or job.alpha_step != 0:
                with nogil:
                    for p in prange(n_parts, num_threads=n_parts, schedule="static"):
                        spread_round(stripes, n_stripes, sub, job.ld, p, n_parts)
        finally:
            free(ids)
        first = end
    return 0


def stripes(Py_ssize_t ld):
    """List the stripes of a table with rows of ld floats.

    Each is (first column, last column + 1, floats from row to row in a table of its own).
    """
    return [(stripe_begin(ld, q), stripe_begin(ld, q + 1), stripe_step(ld, q))
            for q in range(count_stripes(ld))]


def train(Plan plan not None,               # OUT its tables and counts of changes
          double[:, ::1] stats,             # OUT (last - first, N_STATS), added to
          uint64_t key,                     # decides all draws
          int64_t first,
          int64_t last,
          double alpha,                     # learning rate at position 0 of the corpus
          double alpha_step,                # its change per position
          int64_t loss_every,               # centres from one loss to the next; 0: no losses
          Py_ssize_t n_parts):
    """Train blocks [first, last) of the plan's corpus."""
    cdef job_t job = plan.job
    cdef int64_t n_bad = 0
    if first >= last:
        return
    check_length("stats", stats.shape[0], last - first)
    check_range("first", first, 0, last)
    check_range("last", last, first, (job.N + job.block - 1) // job.block)
    check_range("n_parts", n_parts, 1, 1 << 10)
    job.n_bad = &n_bad
    job.stats, job.key, job.first_block, job.loss_every = &stats[0, 0], key, first, loss_every
    job.alpha, job.alpha_step, job.n_parts = alpha, alpha_step, n_parts
    if not job.batch and n_parts > 1 and plan.near.shape[0] and (alpha != 0 or alpha_step != 0):
        job.n_near = <int32_t> min(_NEAR // n_parts, plan.near.shape[0])
        job.near_share = &plan.near[0]
        job.exchange_every = max(EXCHANGE // n_parts, 1)
    if plan.subwords is not None:
        train_rounds(plan, &job, last)
    else:
        train_blocks(plan, &job, last)
    check_ids(n_bad, job.n_words)


use_pool()
