"""Runs of words that may be phrases: counted in a text of ids, and found in sentences of words.

A connector is a word such as "of", which may stand inside a phrase but neither begins nor ends
one. A run is a word, any number of connectors, and a word; the last word of a run begins the next.

A node is a run or the beginning of one. nodes[n] is (what stands before, last word): a word of two
has the id of its first word before it, a longer one ~m, where node m is all of it but its last
word. slots is a hash table of nodes with open addressing: numbers of nodes, or FREE.

    count    counts words and runs of a text
    place    fills slots, after nodes were moved
    Finder   joins the phrases of sentences

The caller makes room: `count` returns when it has no node left.
"""
from cpython.object cimport PyObject
from cpython.unicode cimport PyUnicode_Check
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memset

from common_checks cimport check_fit
from common_memory cimport prefetch
from common_strings cimport (AT_ONCE, LISTS_STAY, MISSING, add_string, close_strings, hashes,
                             items_of, number_of, open_strings, spot_of, strings_t)

cpdef enum:
    END = -1                # between two sentences
    # Places in the state of a count.
    N_NODES = 0
    N_LIVE = 1              # words and runs with a count above 0
    BEFORE = 2              # what stands before the next word: a word, ~node, or NOTHING
    STATES = 3

cdef enum:
    FREE = -1               # an empty slot
    AHEAD = 12              # words before a look-up at which its slot is prefetched
    NEAR = 6                # the same for its node

NOTHING = -(1 << 40)
cdef int64_t _NOTHING = -(<int64_t> 1 << 40)


cdef inline int64_t slot_of(int32_t before, int32_t last, int64_t mask) noexcept nogil:
    cdef uint64_t h = (<uint64_t> <uint32_t> before << 32) | <uint32_t> last
    h = (h ^ (h >> 29)) * <uint64_t> 0x9E3779B97F4A7C15ULL
    return <int64_t> (h >> 20) & mask


cdef inline int64_t find(const int32_t* slots, int64_t mask, const int32_t* nodes, int32_t before,
                         int32_t last, int64_t* slot) noexcept nogil:
    """Return a node, or FREE; `slot` is its place, filled or not."""
    cdef int64_t at = slot_of(before, last, mask)
    cdef const int32_t* node
    while slots[at] != FREE:
        node = nodes + 2 * <int64_t> slots[at]
        if node[0] == before and node[1] == last:
            break
        at = (at + 1) & mask
    slot[0] = at
    return slots[at]


cdef inline void look_ahead(const int32_t* ids, int64_t left, const int32_t* slots, int64_t mask,
                            const int32_t* nodes) noexcept nogil:
    """Prefetch the slots and nodes of pairs that come soon; most runs are pairs."""
    cdef int32_t node
    if left > AHEAD and ids[AHEAD] >= 0 and ids[AHEAD - 1] >= 0:
        prefetch(slots + slot_of(ids[AHEAD - 1], ids[AHEAD], mask))
    if left > NEAR and ids[NEAR] >= 0 and ids[NEAR - 1] >= 0:
        node = slots[slot_of(ids[NEAR - 1], ids[NEAR], mask)]
        if node != FREE:
            prefetch(nodes + 2 * <int64_t> node)


def count(int64_t[::1] word_counts,         # INOUT (V,)
          int32_t[::1] slots,               # INOUT (a power of two, at least twice max_nodes,)
          int32_t[:, ::1] nodes,            # INOUT (max_nodes, 2)
          int64_t[::1] counts,              # INOUT (max_nodes,)
          int64_t[::1] state,               # INOUT (STATES,)
          const int32_t[::1] ids,           # IN  (N,) words below V, and END
          const uint8_t[::1] connectors,    # IN  (V,) whether a word is one
          int64_t most_live):               # words and runs at which it stops behind a sentence
    """Count words and runs; return how many ids were taken.

    These are fewer than N when no node is left, and behind a sentence after which more than
    most_live words and runs have counts.
    """
    cdef int64_t N = ids.shape[0], max_nodes = nodes.shape[0], mask = slots.shape[0] - 1
    cdef int64_t i = 0, node, slot, n_nodes, n_live, before
    cdef int32_t word
    check_fit("count", state.shape[0] == STATES and nodes.shape[1] == 2 and
              counts.shape[0] == max_nodes and 0 < slots.shape[0] and
              slots.shape[0] & mask == 0 and slots.shape[0] >= 2 * max_nodes and
              connectors.shape[0] == word_counts.shape[0] and
              0 <= state[N_NODES] <= max_nodes)
    if N == 0 or max_nodes == 0 or word_counts.shape[0] == 0:
        return 0
    cdef int32_t* table = &slots[0]
    cdef int32_t* runs = &nodes[0, 0]
    cdef const int32_t* text = &ids[0]
    n_nodes, n_live, before = state[N_NODES], state[N_LIVE], state[BEFORE]
    with nogil:
        while i < N and n_nodes < max_nodes:
            word = text[i]
            look_ahead(text + i, N - i, table, mask, runs)
            i += 1
            if word < 0:
                before = _NOTHING
                if n_live > most_live:
                    break
                continue
            if not connectors[word]:
                n_live += word_counts[word] == 0
                word_counts[word] += 1
            elif before == _NOTHING:
                continue
            if before != _NOTHING:
                node = find(table, mask, runs, <int32_t> before, word, &slot)
                if node == FREE:
                    node = n_nodes
                    table[slot] = <int32_t> node
                    runs[2 * node], runs[2 * node + 1] = <int32_t> before, word
                    counts[node] = 0
                    n_nodes += 1
                if connectors[word]:
                    before = ~node
                    continue
                n_live += counts[node] == 0
                counts[node] += 1
            before = word
    state[N_NODES], state[N_LIVE], state[BEFORE] = n_nodes, n_live, before
    return i


def place(int32_t[::1] slots,               # OUT (a power of two, more than N,)
          const int32_t[:, ::1] nodes):     # IN  (N, 2) different nodes
    """Fill the hash table with nodes."""
    cdef int64_t N = nodes.shape[0], mask = slots.shape[0] - 1, node, slot
    check_fit("place", nodes.shape[1] == 2 and slots.shape[0] > N and slots.shape[0] & mask == 0)
    cdef const int32_t* runs = &nodes[0, 0] if N else NULL
    with nogil:
        memset(&slots[0], 0xFF, (mask + 1) * sizeof(int32_t))       # all FREE
        for node in range(N):
            find(&slots[0], mask, runs, runs[2 * node], runs[2 * node + 1], &slot)
            slots[slot] = <int32_t> node


cdef class Finder:
    """Joins phrases in sentences.

    Finder(rows, connectors, nodes, slots, names, scores): rows {word: id} has the words of all
    phrases, connectors (V,) tells which of them are connectors, nodes (N, 2) has the phrases and
    their beginnings, slots finds them, names[n] is the joined phrase of node n, or None for a
    beginning, and scores[n] its score.
    """
    cdef dict rows          # owns the words of `table`
    cdef strings_t table
    cdef list names, scores
    cdef const uint8_t[::1] connectors
    cdef const int32_t[:, ::1] nodes
    cdef const int32_t[::1] slots

    def __cinit__(self, dict rows, const uint8_t[::1] connectors, const int32_t[:, ::1] nodes,
                  const int32_t[::1] slots, list names, list scores):
        cdef int64_t N = nodes.shape[0], mask = slots.shape[0] - 1
        cdef Py_hash_t h
        cdef PyObject* word
        check_fit("Finder", nodes.shape[1] == 2 and slots.shape[0] > N and
                  slots.shape[0] & mask == 0 and len(names) == len(scores) == N and
                  len(rows) == connectors.shape[0])
        self.rows, self.names, self.scores = dict(rows), names, scores
        self.connectors, self.nodes, self.slots = connectors, nodes, slots
        if not open_strings(&self.table, len(rows)):
            raise MemoryError("Finder: no memory for a hash table")
        for key, row in self.rows.items():
            word, h = <PyObject*> key, hash(key)
            if not add_string(&self.table, spot_of(&self.table, word, h), word, h, row):
                raise MemoryError("Finder: no memory for a hash table")

    def __dealloc__(self):
        close_strings(&self.table)

    def __reduce__(self):
        raise TypeError("Finder: cannot be pickled; pickle what it was made of")

    def join(self, list sentence):
        """Return the words of a sentence, phrases joined; every word must be a str."""
        return self.walk(sentence, False)

    def analyze(self, list sentence):
        """Return (word, None) for each word and (joined phrase, its score) for each phrase."""
        return self.walk(sentence, True)

    cdef list walk(self, list sentence, bint scored):
        cdef list found = []
        cdef Py_ssize_t i, held = 0, n = len(sentence)     # words from `held` on are not yet given
        cdef int64_t before = _NOTHING, row, node, slot, mask = self.slots.shape[0] - 1
        cdef Py_hash_t known[AT_ONCE]
        cdef int k = 0, many = 0
        cdef object name
        cdef PyObject** words
        cdef const int32_t* runs = &self.nodes[0, 0] if self.nodes.shape[0] else NULL
        if not LISTS_STAY:
            sentence = sentence[:]
            n = len(sentence)
        words = items_of(sentence)
        for i in range(n):
            if k == many:
                k, many = 0, hashes(known, &self.table, words + i, <int> min(n - i, AT_ONCE))
                if many == 0:
                    many = 1
                    known[0] = hash_of_text(sentence[i], i)
            row = number_of(&self.table, words[i], known[k])
            k += 1
            if row == MISSING:          # of no phrase
                before = _NOTHING
                continue
            if before != _NOTHING:
                node = find(&self.slots[0], mask, runs, <int32_t> before, <int32_t> row, &slot)
                if self.connectors[row]:
                    before = ~node if node != FREE else _NOTHING
                    continue
                if node != FREE:
                    name = self.names[node]
                    if name is not None:
                        # A phrase is the last words of those that are held.
                        give(found, sentence, held, i - length(runs, node) + 1, scored)
                        found.append((name, self.scores[node]) if scored else name)
                        held, before = i + 1, _NOTHING
                        continue
            if not self.connectors[row]:
                before = row
        if held == 0 and not scored:
            return sentence[:]
        give(found, sentence, held, n, scored)
        return found


cdef Py_hash_t hash_of_text(object word, Py_ssize_t place) except? -1:
    """Return the hash of a word of a class derived from str; TypeError for other things."""
    if not PyUnicode_Check(word):
        raise TypeError(
            f"sentence: expected words of type str, got {type(word).__name__} {word!r} at place "
            f"{place}; convert it with str()"
        )
    return str.__hash__(word)


cdef inline Py_ssize_t length(const int32_t* nodes, int64_t node) noexcept nogil:
    """Return the number of words of a node."""
    cdef Py_ssize_t n = 2
    while nodes[2 * node] < 0:
        node = ~<int64_t> nodes[2 * node]
        n += 1
    return n


cdef int give(list found, list sentence, Py_ssize_t begin, Py_ssize_t end, bint scored) except -1:
    """Append words as they are."""
    cdef Py_ssize_t i
    for i in range(begin, end):
        found.append((sentence[i], None) if scored else sentence[i])
    return 0
