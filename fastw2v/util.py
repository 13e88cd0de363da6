"""The book's common.util (corpus, counts, similarities, evaluation) and `nearest`, a fast search.

V words of vocabulary, N words of corpus, D dimensions of a word vector, w words of window a side.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastw2v._checks.arrays import FLOATS, as_numbers, as_search_table, check_shape, check_writable
from fastw2v._checks.ids import _IDS, as_any_ids, as_ids, check_enough_words
from fastw2v._checks.numbers import as_int, as_number
from fastw2v._checks.sequences import check_array_list, check_text
from fastw2v._core import threads
from fastw2v._core.ranking import best_rows
from fastw2v._kernels import _corpus, specialise
from fastw2v._rows.deferred import apply_all_pending
from fastw2v._training.clipping import clip_by_norm

__all__ = [
    "analogy",
    "clip_grads",
    "convert_one_hot",
    "cos_similarity",
    "create_co_matrix",
    "create_contexts_target",
    "eval_perplexity",
    "eval_seq2seq",
    "most_similar",
    "nearest",
    "normalize",
    "ppmi",
    "preprocess",
    "to_cpu",
    "to_gpu",
]

_CALL_NS = 200_000_000  # serial nanoseconds of a kernel call, whose end Ctrl-C waits for
_FEW_NUMBERS = 50_000  # of a table for which `most_similar` need not search in a kernel
_SPARE = 4  # rows beyond those printed that a search of `most_similar` asks for
_ROWS_AT_ONCE = 4096  # rows of a table in one step, which bounds temporary memory


def preprocess(text: str) -> tuple[NDArray[Any], dict[str, int], dict[int, str]]:
    """Turn the words of a text into ids, in order of first appearance.

    The text is lower-cased, full stops become words and only single blanks separate words, as in
    the book. Two blanks make an empty word, and a newline is part of a word.
    Returns corpus (N,) int64, word_to_id, id_to_word (dicts).

    >>> corpus, word_to_id, id_to_word = preprocess("You say goodbye and I say hello.")
    >>> corpus
    array([0, 1, 2, 3, 4, 1, 5, 6])
    >>> id_to_word[5]
    'hello'
    """
    check_text("text", text)
    words = text.lower().replace(".", " .").split(" ")
    word_to_id = {word: i for i, word in enumerate(dict.fromkeys(words))}
    id_to_word = {i: word for word, i in word_to_id.items()}
    corpus = np.fromiter(map(word_to_id.__getitem__, words), np.int64, len(words))
    return corpus, word_to_id, id_to_word


def create_contexts_target(
    corpus: ArrayLike, window_size: int = 1
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the words around each word that has a full window, and that word.

    corpus: (N,) integer ids. Returns contexts (M, 2w) and target (M,) with M = N - 2w, in the
    dtype of the corpus. A corpus without a full window gives two empty arrays of shape (0,), whose
    dtypes are those of the book: float64 for the contexts.
    TypeError for ids that are not integers, ValueError for a window below 1.

    >>> contexts, target = create_contexts_target(np.array([0, 1, 2, 3, 4]))
    >>> contexts.tolist(), target.tolist()
    ([[0, 2], [1, 3], [2, 4]], [1, 2, 3])
    """
    ids = as_any_ids("corpus", corpus, ndim=1)
    w = as_int("window_size", window_size)
    dtype = corpus.dtype if isinstance(corpus, np.ndarray) else ids.dtype
    M = len(ids) - 2 * w
    if M <= 0:
        return np.array([]), np.array(corpus[w:-w])
    contexts, target = np.empty((M, 2 * w), ids.dtype), np.empty(M, ids.dtype)
    kernel = specialise(_corpus.contexts_target)[ids.dtype]
    kernel(contexts, target, ids, w, threads.parts(M * (10 + 2 * w)))
    return contexts.astype(dtype, copy=False), target.astype(dtype, copy=False)


def convert_one_hot(corpus: ArrayLike, vocab_size: int) -> NDArray[np.int32]:
    """Turn ids into one-hot int32 vectors: shape (N,) into (N, V), shape (N, C) into (N, C, V).

    IndexError for an id outside the vocabulary.

    >>> convert_one_hot(np.array([0, 2]), 3)
    array([[1, 0, 0],
           [0, 0, 1]], dtype=int32)
    """
    V = as_int("vocab_size", vocab_size, low=0)
    ids = as_ids("corpus", corpus, V)
    out = np.zeros((*ids.shape, V), np.int32)
    specialise(_corpus.one_hot)[ids.dtype](out.reshape(ids.size, V), ids.reshape(-1))
    return out


def create_co_matrix(corpus: ArrayLike, vocab_size: int, window_size: int = 1) -> NDArray[np.int32]:
    """Count how often two words occur within `window_size` places of each other: (V, V) int32.

    corpus: (N,) integer ids below vocab_size; IndexError names one that is not.
    OverflowError when a count does not fit 32 bits.

    >>> create_co_matrix(np.array([0, 1, 0, 2]), 3)
    array([[0, 2, 1],
           [2, 0, 0],
           [1, 0, 0]], dtype=int32)
    """
    V = as_int("vocab_size", vocab_size, low=0)
    ids = as_ids("corpus", as_any_ids("corpus", corpus, ndim=1), V)
    w = min(as_int("window_size", window_size, low=0), len(ids))
    C = np.zeros((V, V), np.int32)
    ns = len(ids) * (2 + 4 * w)
    n_parts = threads.parts(ns)
    n_calls = 1 + 3 * ns // (n_parts * _CALL_NS)  # large matrices miss the caches
    bounds = _equal_shares(ids, V, n_parts * n_calls)
    count = specialise(_corpus.cooccurrence)[ids.dtype]
    calls = [bounds[k : k + n_parts + 1] for k in range(0, len(bounds) - 1, n_parts)]
    if any(count(C, ids, w, bounds_of_call) for bounds_of_call in calls):
        raise OverflowError(
            f"corpus: expected counts below 2**31, got a larger one within window_size = {w}; "
            "count pieces of the corpus and add them in int64"
        )
    return C


def _equal_shares(ids: NDArray[Any], V: int, n_parts: int) -> NDArray[np.int64]:
    """Cut the words into n_parts ranges of about the same number of occurrences."""
    if n_parts == 1:
        return np.array([0, V])
    counts = np.zeros(V, np.int64)
    specialise(_corpus.count_ids)[ids.dtype](counts, ids)
    shares = len(ids) * np.arange(1, n_parts) // n_parts
    cuts = np.searchsorted(np.cumsum(counts), shares, side="right")
    return np.concatenate(([0], cuts, [V])).astype(np.int64)


def ppmi(C: ArrayLike, verbose: bool = False, eps: float = 1e-8) -> NDArray[np.float32]:
    """Compute the positive pointwise mutual information of co-occurrences: (V, V) float32.

    max(0, log2(C_ij * total / (S_i * S_j) + eps)) with S the column sums (Church and Hanks 1990),
    in double; a word that never occurs has 0 everywhere. verbose=True prints the progress as the
    book does, in about a hundred lines.

    >>> C = create_co_matrix(np.array([0, 1, 2, 3, 4, 1, 5, 6]), 7)
    >>> ppmi(C).round(3)[0]
    array([0.   , 1.807, 0.   , 0.   , 0.   , 0.   , 0.   ], dtype=float32)
    """
    C, eps = _as_square_counts("C", C), as_number("eps", eps)
    V = len(C)
    sums = C.sum(axis=0, dtype=np.float64 if C.dtype.kind == "f" else np.int64)
    total, sums = float(sums.sum()), sums.astype(np.float64)
    out = np.empty((V, V), np.float32)
    kernel = specialise(_corpus.ppmi)[C.dtype]
    rows, done, step = max(1, V // 100), 0, V * V // 100 + 1
    for row in range(0, V, rows):
        block = out[row : row + rows]
        counts = np.ascontiguousarray(C[row : row + rows])
        kernel(block, counts, sums, row, total, eps, threads.parts(block.size))
        if verbose:
            # The book prints after every `step` entries, which may be several times in a block.
            for entries in range(done + step, (row + len(block)) * V + 1, step):
                print(f"{100 * entries / (V * V):.1f}% done")
                done = entries
    return out


def _as_square_counts(name: str, C: ArrayLike) -> NDArray[Any]:
    """Return a square matrix of counts or weights in a dtype of the kernels (`count_t`)."""
    C = as_numbers(name, C)
    if C.ndim != 2 or C.shape[0] != C.shape[1]:
        raise ValueError(
            f"{name}: expected a square matrix (V, V), got shape {C.shape}; "
            "pass the result of create_co_matrix"
        )
    dtype = C.dtype.newbyteorder("=")
    if dtype not in (*_IDS, *FLOATS):
        dtype = np.dtype(np.float64 if C.dtype.kind == "f" else np.int64)
    return C.astype(dtype, copy=False)


def cos_similarity(x: ArrayLike, y: ArrayLike, eps: float = 1e-8) -> Any:
    """Compute the cosine of the angle between two vectors (D,); `eps` is added to both lengths.

    The arithmetic is in the dtype of floats, and in float64 for integers.

    >>> float(round(cos_similarity(np.array([1.0, 1.0]), np.array([1.0, 0.0])), 6))
    0.707107
    """
    x, y = _long_integers(as_numbers("x", x)), _long_integers(as_numbers("y", y))
    if x.ndim == y.ndim == 1:
        check_shape("y", y, x.shape, "that of x")
    return np.dot(_unit(x, eps), _unit(y, eps))


def _long_integers(x: ArrayLike) -> NDArray[Any]:
    """Return an array of floats unchanged, and one of integers as int64, where squares fit."""
    x = np.asarray(x)
    return x.astype(np.int64) if x.dtype.kind in "biu" else x


def _unit(x: NDArray[Any], eps: float) -> NDArray[Any]:
    """Return x / (|x| + eps) along the last axis, in numpy's arithmetic for the dtype of x."""
    return x / (np.sqrt(np.add.reduce(np.square(x), axis=-1, keepdims=x.ndim > 1)) + eps)


def most_similar(
    query: str,
    word_to_id: Mapping[str, int],
    id_to_word: Mapping[int, str],
    word_matrix: ArrayLike,
    top: int = 5,
) -> None:
    """Print the `top` words nearest to `query` by cosine; an unknown word is reported.

    word_matrix: (V or more, D), floats or integers, one row for each id of id_to_word.
    The scores are computed in the dtype of the matrix and in the order of the book's loop, so
    that the digits agree. `nearest` is faster and returns its results.

    >>> text = "You say goodbye and I say hello."
    >>> corpus, word_to_id, id_to_word = preprocess(text)
    >>> C = create_co_matrix(corpus, len(word_to_id))
    >>> most_similar("and", word_to_id, id_to_word, C, top=1)
    <BLANKLINE>
    [query] and
     say: 0.7071067726510136
    """
    as_int("top", top, low=0)
    if query not in word_to_id:
        print(f"{query} is not found")
        return
    apply_all_pending(word_matrix)
    table = _as_word_rows("word_matrix", word_matrix, len(id_to_word))
    at = word_to_id[query]
    if type(at) is not int or not 0 <= at < len(table):
        as_ids("word_to_id", at, len(table))
    print(f"\n[query] {query}")
    wanted = _unit(_long_integers(table[at]), 1e-8)
    best = _surely_best(table[: len(id_to_word)], wanted, max(top, 1))
    if best is not None:
        others = [(i, score) for i, score in best if id_to_word[i] != query]
        if len(others) >= max(top, 1):
            print("\n".join(f" {id_to_word[i]}: {score}" for i, score in others[: max(top, 1)]))
            return
    scores = np.zeros(len(id_to_word))
    for lo in range(0, len(scores), _ROWS_AT_ONCE):
        # Contiguous rows: then numpy adds along each in the order it uses for a single row.
        rows = np.ascontiguousarray(table[lo : min(lo + _ROWS_AT_ONCE, len(scores))])
        scores[lo : lo + len(rows)] = np.vecdot(_unit(_long_integers(rows), 1e-8), wanted)
    printed = 0
    for i in (-1 * scores).argsort():
        if id_to_word[i] == query:
            continue
        print(f" {id_to_word[i]}: {scores[i]}")
        printed += 1
        if printed >= top:
            return


def _surely_best(
    table: NDArray[Any], wanted: NDArray[Any], top: int
) -> list[tuple[int, float]] | None:
    """Return more than `top` rows and their scores, best first, or None if that is not certain.

    It is if the rows have different scores and no other row can reach them. The score adds 1e-8 to
    the lengths, so it is at most the cosine.
    """
    V, D = table.shape
    if table.size < _FEW_NUMBERS or table.dtype not in FLOATS or 2 * top + _SPARE > V:
        return None
    none = np.empty((1, 0), np.int64)
    W = as_search_table("word_matrix", table)
    ids, cosines = best_rows(W, wanted[None], top + _SPARE, none, units=True)
    if ids[0, -1] < 0:
        return None
    scores = np.vecdot(_unit(table[ids[0]], 1e-8), wanted)
    reach = max(float(cosines[0, -1]), 0.0) + 4 * (D + 8) * float(np.finfo(table.dtype).eps)
    best = sorted(zip(scores.tolist(), ids[0].tolist(), strict=True), reverse=True)
    certain = []
    for (score, i), (following, _) in zip(best, [*best[1:], (reach, -1)], strict=True):
        if not (score > reach and score > following):
            break
        certain.append((i, score))
    return certain


def analogy(
    a: str,
    b: str,
    c: str,
    word_to_id: Mapping[str, int],
    id_to_word: Mapping[int, str],
    word_matrix: ArrayLike,
    top: int = 5,
    answer: str | None = None,
) -> None:
    """Print the `top` words that are to `c` as `b` is to `a`; an unknown word is reported.

    word_matrix: (V or more, D). The score is the product of a row, which is not normalised, with
    the unit vector of b - a + c. NaN scores and a, b, c are left out. The score of `answer`, if
    given, is printed first.

    >>> words = ["man", "king", "woman", "queen"]
    >>> word_to_id = {word: i for i, word in enumerate(words)}
    >>> vectors = np.array([[1.0, 0.0], [1.0, 1.0], [-1.0, 0.0], [-1.0, 1.0]])
    >>> analogy("man", "king", "woman", word_to_id, dict(enumerate(words)), vectors)
    <BLANKLINE>
    [analogy] man:king = woman:?
     queen: 1.414213562373095
    """
    as_int("top", top, low=0)
    words = (a, b, c) if answer is None else (a, b, c, answer)
    for word in words:
        if word not in word_to_id:
            print(f"{word} is not found")
            return
    apply_all_pending(word_matrix)
    table = _as_word_rows("word_matrix", word_matrix, len(id_to_word))
    as_ids("word_to_id", [word_to_id[word] for word in words], len(table))
    print(f"\n[analogy] {a}:{b} = {c}:?")
    wanted = table[word_to_id[b]] - table[word_to_id[a]] + table[word_to_id[c]]
    if wanted.dtype.kind != "f":
        wanted = wanted.astype(np.float64)
    scores = np.dot(table, normalize(wanted))
    if answer is not None:
        print(f"==>{answer}:{np.dot(table[word_to_id[answer]], wanted)!s}")
    printed = 0
    for i in (-1 * scores).argsort():
        if i >= len(id_to_word) or np.isnan(scores[i]) or id_to_word[i] in (a, b, c):
            continue
        print(f" {id_to_word[i]}: {scores[i]}")
        printed += 1
        if printed >= top:
            return


def _as_word_rows(name: str, matrix: ArrayLike, V: int) -> NDArray[Any]:
    """Return an array with a row for each of V words, and perhaps more rows."""
    matrix = np.asarray(matrix)
    if matrix.ndim != 2 or len(matrix) < V:
        raise ValueError(
            f"{name}: expected shape ({V}, D), one row for each id of id_to_word, "
            f"got {matrix.shape}; pass the matrix that belongs to this vocabulary"
        )
    return matrix


def nearest(
    matrix: ArrayLike, queries: ArrayLike, k: int = 10, exclude: ArrayLike | None = None
) -> tuple[NDArray[np.int64], NDArray[Any]]:
    """Find the `k` rows nearest to each query by cosine: (ids, scores), best first.

    matrix:  (V, D) floats (float16 and integers are converted).
    queries: (D,) or (Q, D) vectors.
    exclude: ids that are never listed: (E,) for all queries, or (Q, E) with a row for each query,
             which -1 fills up.
    Returns ids int64 and scores in the matrix's dtype, of shape (k,) or (Q, k) with k at most V.
    Equal scores are in order of id. A zero row or query scores 0; rows with NaN or infinity are
    never listed. Where no row is left, the id is -1 and the score -inf.
    The results are bit-identical for any number of threads.

    >>> vectors = np.array([[1.0, 0.0], [1.0, 1.0], [0.0, 3.0], [-1.0, 0.0]])
    >>> ids, scores = nearest(vectors, vectors[0], k=2, exclude=[0])
    >>> ids
    array([1, 2])
    >>> scores.round(4)
    array([0.7071, 0.    ])
    """
    W = as_search_table("matrix", matrix)
    V, D = W.shape
    wanted = _as_queries("queries", queries, D)
    k = min(as_int("k", k, low=0), V)
    never = _as_excluded_ids("exclude", exclude, len(wanted))
    ids, scores = best_rows(W, wanted, k, never)
    return (ids[0], scores[0]) if np.ndim(queries) == 1 else (ids, scores)


def _as_queries(name: str, queries: ArrayLike, D: int) -> NDArray[np.float64]:
    """Return vectors (D,) or (Q, D) as float64 (Q, D)."""
    queries = as_numbers(name, queries)
    if queries.ndim not in (1, 2) or queries.shape[-1] != D:
        raise ValueError(
            f"{name}: expected shape ({D},) or (Q, {D}), got {queries.shape}; "
            "they must be as wide as the matrix"
        )
    return np.ascontiguousarray(np.atleast_2d(queries), np.float64)


def _as_excluded_ids(name: str, exclude: ArrayLike | None, Q: int) -> NDArray[np.int64]:
    """Return ids (E,) for all queries, ids (Q, E), or None, as int64 (Q, E)."""
    if exclude is None:
        return np.empty((Q, 0), np.int64)
    ids = np.atleast_1d(as_any_ids(name, exclude)).astype(np.int64, copy=False)
    if ids.ndim > 2 or (ids.ndim == 2 and len(ids) != Q):
        raise ValueError(
            f"{name}: expected shape (E,) or ({Q}, E), got {ids.shape}; give one row per query"
        )
    return np.ascontiguousarray(np.broadcast_to(ids, (Q, ids.shape[-1])))


def normalize(x: NDArray[Any]) -> NDArray[Any]:
    """Divide a vector (D,), or each row of (N, D), by its length, in place; return x.

    A zero row becomes NaN; arrays of other ranks are returned unchanged.

    >>> normalize(np.array([[3.0, 4.0], [0.0, 2.0]]))
    array([[0.6, 0.8],
           [0. , 1. ]])
    """
    if np.ndim(x) not in (1, 2):
        return x
    _check_float_in_place("x", x)
    check_writable("x", x)
    x /= np.sqrt(np.sum(x * x, axis=-1, keepdims=x.ndim == 2))
    return x


def _check_float_in_place(name: str, x: object) -> None:
    """Check that an array can be divided in place."""
    if not isinstance(x, np.ndarray):
        raise TypeError(
            f"{name}: expected a numpy array to divide in place, got {type(x).__name__}; "
            "make one with np.array(...)"
        )
    if x.dtype.kind not in "fc":
        raise TypeError(
            f"{name}: expected floats to divide in place, got dtype {x.dtype}; "
            "pass a copy made with .astype(np.float32)"
        )


def clip_grads(grads: list[NDArray[Any]], max_norm: float) -> None:
    """Scale all gradients, in place, so that their common norm is at most about `max_norm`.

    The factor is max_norm / (norm + 1e-6), used when below 1. The norm is summed in double.

    >>> grads = [np.array([3.0, 0.0]), np.array([4.0])]
    >>> clip_grads(grads, 1.0)
    >>> [g.round(3).tolist() for g in grads]
    [[0.6, 0.0], [0.8]]
    """
    check_array_list("grads", grads)
    clip_by_norm(grads, max_norm, trusted=False)


def eval_perplexity(
    model: Any, corpus: ArrayLike, batch_size: int = 10, time_size: int = 35
) -> np.floating[Any]:
    """Compute the perplexity of a language model on a corpus (N,): exp of its mean loss.

    The `batch_size` rows start (N - 1) // batch_size words apart; a block has `time_size` ids of
    each. The loss is model.forward(xs, ts, train_flg=False), or forward(xs, ts) where that is a
    TypeError. The model keeps the state after the last block. The progress is printed on one line.

    >>> class Guess:
    ...     def forward(self, xs, ts):
    ...         return np.log(50)
    >>> float(round(eval_perplexity(Guess(), np.arange(5), 1, 2), 6))  # doctest: +ELLIPSIS
    evaluating perplexity ...
    ...
    50.0
    """
    loss = mean_loss(model, corpus, batch_size, time_size, _show_block)
    print()
    return np.exp(loss)


def _show_block(block: int, blocks: int) -> None:
    if block == 0:
        print("evaluating perplexity ...")
    sys.stdout.write(f"\r{block} / {blocks}")
    sys.stdout.flush()


def mean_loss(
    model: Any,
    corpus: ArrayLike,
    batch_size: int,
    time_size: int,
    show: Callable[[int, int], None] | None = None,
) -> Any:
    """Compute the mean loss of `eval_perplexity`; show(block, blocks) is called for each block."""
    corpus = as_any_ids("corpus", corpus, ndim=1)
    N = as_int("batch_size", batch_size)
    T = as_int("time_size", time_size)
    check_enough_words("corpus", corpus, N, T)
    blocks, jump = (len(corpus) - 1) // (N * T), (len(corpus) - 1) // N
    total_loss = 0
    for block in range(blocks):
        at = block * T + jump * np.arange(N)[:, None] + np.arange(T)
        xs = corpus[at % len(corpus)].astype(np.int32)
        ts = corpus[(at + 1) % len(corpus)].astype(np.int32)
        try:
            loss = model.forward(xs, ts, train_flg=False)
        except TypeError:
            loss = model.forward(xs, ts)
        total_loss += loss
        if show is not None:
            show(block, blocks)
    return total_loss / blocks


def eval_seq2seq(
    model: Any,
    question: NDArray[Any],
    correct: NDArray[Any],
    id_to_char: Mapping[int, str],
    verbose: bool = False,
    is_reverse: bool = False,
) -> int:
    """Return 1 if the model answers `question` with `correct`, else 0; compared as text.

    question: (1, T) ids; correct: ids, of which the first is the start mark. The answer is
    model.generate(question, start_id, number of the other ids). verbose=True prints question,
    right answer and guess; is_reverse reverses the printed question.

    >>> class Parrot:
    ...     def generate(self, xs, start_id, sample_size):
    ...         return xs.flatten()[:sample_size]
    >>> chars = dict(enumerate("_abc"))
    >>> eval_seq2seq(Parrot(), np.array([[1, 2, 3]]), np.array([[0, 1, 2]]), chars)
    1
    """
    start_id, *rest = correct.flatten()
    guess = _text(model.generate(question, start_id, len(rest)), id_to_char)
    correct = _text(rest, id_to_char)
    if verbose:
        question = _text(question.flatten(), id_to_char)
        print("Q", question[::-1] if is_reverse else question)
        print("T", correct)
        print(_mark(guess == correct), guess)
        print("---")
    return 1 if guess == correct else 0


def _text(ids: Any, id_to_char: Mapping[int, str]) -> str:
    return "".join(id_to_char[int(i)] for i in ids)


def _mark(right: bool) -> str:
    if sys.platform == "win32":  # consoles there show neither colours nor boxes
        return "O" if right else "X"
    return "\033[92m☑\033[0m" if right else "\033[91m☒\033[0m"


def to_cpu(x: ArrayLike) -> NDArray[Any]:
    """Return the array unchanged; fastw2v computes on the CPU only.

    >>> x = np.zeros(3)
    >>> to_cpu(x) is x
    True
    """
    return x if isinstance(x, np.ndarray) else np.asarray(x)


def to_gpu(x: ArrayLike) -> NoReturn:
    """Raise RuntimeError, as there is no GPU mode.

    >>> to_gpu(np.zeros(3))
    Traceback (most recent call last):
        ...
    RuntimeError: to_gpu: fastw2v has no GPU mode; remove the call and `config.GPU = True`
    """
    raise RuntimeError("to_gpu: fastw2v has no GPU mode; remove the call and `config.GPU = True`")
