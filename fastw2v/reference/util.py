"""Text to ids, counts of words near each other, similarities, clipping and evaluation."""

import math
import sys

import numpy as np

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
    "normalize",
    "ppmi",
    "preprocess",
    "to_cpu",
    "to_gpu",
]


def preprocess(text):
    """Convert the words of the lower-cased text to ids in order of first appearance.

    Full stops become separate words; only single blanks separate words. Returns the ids (int64),
    word_to_id and id_to_word.

    >>> corpus, word_to_id, id_to_word = preprocess("You say goodbye and I say hello.")
    >>> corpus
    array([0, 1, 2, 3, 4, 1, 5, 6])
    >>> id_to_word[6]
    '.'
    """
    word_to_id, ids = {}, []
    for word in text.lower().replace(".", " .").split(" "):
        ids.append(word_to_id.setdefault(word, len(word_to_id)))
    id_to_word = {number: word for word, number in word_to_id.items()}
    return np.array(ids, dtype=np.int64), word_to_id, id_to_word


def create_contexts_target(corpus, window_size=1):
    """Find the words that have window_size neighbours on both sides, and these neighbours.

    Returns contexts (M, 2 * window_size), left to right, and target (M,), for M = len(corpus) -
    2 * window_size. Without such a word both are empty, of shape (0,).
    """
    corpus = np.asarray(corpus)
    if len(corpus) <= 2 * window_size:
        return np.array([]), corpus[window_size:-window_size].copy()
    offsets = [d for d in range(-window_size, window_size + 1) if d != 0]
    contexts, target = [], []
    for place in range(window_size, len(corpus) - window_size):
        target.append(corpus[place])
        contexts.append([corpus[place + d] for d in offsets])
    contexts = np.array(contexts, dtype=corpus.dtype).reshape(-1, len(offsets))
    return contexts, np.array(target, dtype=corpus.dtype)


def convert_one_hot(corpus, vocab_size):
    """Return ids (N,) or (N, C) as one-hot rows: int32, corpus.shape + (V,)."""
    one_hot = np.zeros((*corpus.shape, vocab_size), dtype=np.int32)
    for place in np.ndindex(corpus.shape):
        one_hot[(*place, corpus[place])] = 1
    return one_hot


def create_co_matrix(corpus, vocab_size, window_size=1):
    """Count how often word j is at most window_size words from word i: C[i, j], (V, V), int32."""
    C = np.zeros((vocab_size, vocab_size), dtype=np.int32)
    for place, word in enumerate(corpus):
        for d in range(1, window_size + 1):
            if place - d >= 0:
                C[word, corpus[place - d]] += 1
            if place + d < len(corpus):
                C[word, corpus[place + d]] += 1
    return C


def ppmi(C, verbose=False, eps=1e-8):
    """Return the positive pointwise mutual information of the counts C (V, V), float32.

    max(0, log2(C[i, j] * N / (S[i] * S[j]) + eps)) with S[j] the sum of column j and N that of all;
    0 for a word that never occurs. `verbose` prints the progress about a hundred times.
    """
    M = np.zeros(C.shape, dtype=np.float32)
    S = C.sum(axis=0, dtype=np.float64)
    N = S.sum()
    interval = C.size // 100 + 1
    for done, (i, j) in enumerate(np.ndindex(C.shape), start=1):
        expected = S[i] * S[j]
        ratio = C[i, j] * N / expected + eps if expected > 0 else 0.0
        M[i, j] = max(0.0, math.log2(ratio)) if ratio > 0 else 0.0
        if verbose and done % interval == 0:
            print(f"{100 * done / C.size:.1f}% done")
    return M


def cos_similarity(x, y, eps=1e-8):
    """Return x . y / ((|x| + eps) * (|y| + eps)) of two vectors (D,), in their own precision.

    eps prevents a division by zero for a vector of zeros.
    """
    unit_x = x / (np.sqrt(np.sum(x**2)) + eps)
    unit_y = y / (np.sqrt(np.sum(y**2)) + eps)
    return np.dot(unit_x, unit_y)


def normalize(x):
    """Scale x (D,), or each row of x (V, D), to length 1 in place, and return x."""
    x /= np.sqrt((x * x).sum(axis=-1, keepdims=True))
    return x


def most_similar(query, word_to_id, id_to_word, word_matrix, top=5):
    """Print the top words by the cosine of their rows of word_matrix (V, D) and query's."""
    if query not in word_to_id:
        print(f"{query} is not found")
        return
    print(f"\n[query] {query}")
    row = word_matrix[word_to_id[query]]
    scores = np.array(
        [cos_similarity(word_matrix[word], row) for word in range(len(id_to_word))],
        dtype=np.float64,
    )
    print_best(scores, id_to_word, {query}, top)


def analogy(a, b, c, word_to_id, id_to_word, word_matrix, top=5, answer=None):
    """Print the words that are to c as b is to a.

    Scores are the products of the rows of word_matrix (V, D), as they are, with b - a + c scaled
    to length 1. With `answer`, the score of that word comes first.
    """
    for word in (a, b, c):
        if word not in word_to_id:
            print(f"{word} is not found")
            return
    print(f"\n[analogy] {a}:{b} = {c}:?")
    row_a, row_b, row_c = (word_matrix[word_to_id[word]] for word in (a, b, c))
    direction = normalize(row_b - row_a + row_c)
    if answer is not None:
        print(f"==>{answer}:{np.dot(word_matrix[word_to_id[answer]], direction)!s}")
    print_best(np.dot(word_matrix, direction), id_to_word, {a, b, c}, top)


def print_best(scores, id_to_word, without, top):
    """Print the top words by descending score, without NaN and the words in `without`."""
    shown = 0
    for word in np.argsort(-scores):
        if shown == top:
            return
        if id_to_word[word] in without or np.isnan(scores[word]):
            continue
        print(f" {id_to_word[word]}: {float(scores[word])}")
        shown += 1


def clip_grads(grads, max_norm):
    """Scale all grads in place so that their common norm is at most max_norm.

    The factor is max_norm / (norm + 1e-6), applied only where it is below 1.
    """
    norm = math.sqrt(sum(float(np.sum(grad**2)) for grad in grads))
    rate = max_norm / (norm + 1e-6)
    if rate < 1:
        for grad in grads:
            grad *= rate


def eval_perplexity(model, corpus, batch_size=10, time_size=35):
    """Return exp(mean loss) of a language model over the corpus, in blocks of (batch, time) ids.

    batch_size readers start (len(corpus) - 1) // batch_size ids apart; targets are the next ids.
    The state of the model is kept from block to block. Blocks are counted on one line of stdout.
    """
    print("evaluating perplexity ...")
    n_blocks = (len(corpus) - 1) // (batch_size * time_size)
    distance = (len(corpus) - 1) // batch_size
    total = 0.0
    for block in range(n_blocks):
        xs = np.empty((batch_size, time_size), dtype=np.int32)
        ts = np.empty((batch_size, time_size), dtype=np.int32)
        for reader in range(batch_size):
            for step in range(time_size):
                place = reader * distance + block * time_size + step
                xs[reader, step] = corpus[place]
                ts[reader, step] = corpus[place + 1]
        try:
            loss = model.forward(xs, ts, train_flg=False)
        except TypeError:  # a model without dropout does not take train_flg
            loss = model.forward(xs, ts)
        total += float(loss)
        sys.stdout.write(f"\r{block} / {n_blocks}")
        sys.stdout.flush()
    print()
    return np.exp(total / n_blocks)


def eval_seq2seq(model, question, correct, id_to_char, verbose=False, is_reverse=False):
    """Return 1 if the model answers the question with the text of correct, else 0.

    correct begins with the id that starts an answer. `verbose` prints question, text and guess;
    `is_reverse` says that the question is stored back to front.
    """

    def text(ids):
        return "".join(id_to_char[int(number)] for number in ids)

    start, *rest = np.asarray(correct).flatten().tolist()
    guess = text(model.generate(question, start, len(rest)))
    right = guess == text(rest)

    if verbose:
        asked = np.asarray(question).flatten()
        print("Q " + text(asked[::-1] if is_reverse else asked))
        print("T " + text(rest))
        print(f"{verdict(right)} {guess}")
        print("---")
    return int(right)


def verdict(right):
    """Return a green tick or a red cross; letters on Windows, whose older consoles lack both."""
    if sys.platform == "win32":
        return "O" if right else "X"
    return "\033[92m☑\033[0m" if right else "\033[91m☒\033[0m"


def to_cpu(x):
    """Return x as an ndarray; an ndarray is returned unchanged."""
    return x if isinstance(x, np.ndarray) else np.asarray(x)


def to_gpu(x):
    """Raise RuntimeError, as there is no GPU mode."""
    raise RuntimeError("to_gpu: fastw2v has no GPU mode; leave the array where it is")
