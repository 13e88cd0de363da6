"""n-grams of words, vectors composed of them, and their training, in plain Python and numpy."""

import re

import numpy as np

from fastw2v.reference import rng, word2vec

CHARACTER = re.compile(rb"[^\x80-\xbf][\x80-\xbf]*")


def ngrams(word, min_n, max_n):
    """List the n-grams of a word (str, or UTF-8) as (begin, end) among the bytes of <word>.

    >>> [b"<sun>"[begin:end] for begin, end in ngrams("sun", 3, 4)]
    [b'<su', b'<sun', b'sun', b'sun>', b'un>']
    """
    framed = (
        b"<" + (word.encode("utf-8", "surrogatepass") if isinstance(word, str) else word) + b">"
    )
    cuts = [found.start() for found in CHARACTER.finditer(framed)] + [len(framed)]
    return [
        (cuts[i], cuts[i + n])
        for i in range(len(cuts) - 1)
        for n in range(max(min_n, 1), min(max_n, len(cuts) - 1 - i) + 1)
        if not (n == 1 and (i == 0 or i == len(cuts) - 2))
    ]


def fnv1a(data):
    """Return the hash of bytes, FNV-1a of 32 bits, with each byte extended by its sign.

    >>> fnv1a(b"a") == (2166136261 ^ 97) * 16777619 % 2**32
    True
    """
    h = 2166136261
    for byte in data:
        h = (h ^ (byte if byte < 128 else byte + 0xFFFFFF00)) * 16777619 % 2**32
    return h


def buckets(word, min_n, max_n, bucket):
    """Return the buckets of all n-grams of a word."""
    framed = (
        b"<" + (word.encode("utf-8", "surrogatepass") if isinstance(word, str) else word) + b">"
    )
    return [fnv1a(framed[begin:end]) % bucket for begin, end in ngrams(word, min_n, max_n)]


def drawn_rows(buckets, D, key, limit):
    """Return the first rows (N, D) of buckets (N,): numbers from -limit to limit.

    >>> rows = drawn_rows([5, 7], 3, key=1, limit=1 / 3)
    >>> bool((rows[1] == drawn_rows([7], 3, key=1, limit=1 / 3)).all())
    True
    """
    streams = rng.row_stream(key, np.asarray(buckets))
    bits = rng.draw(streams[:, None], np.arange(D)) >> np.uint64(40)
    step = np.float32(limit) / np.float32(2**23)
    return (bits.astype(np.int64) - 2**23).astype(np.float32) * step


def compose(own, rows):
    """Return the mean (D,) of a word's own row, None if it has none, and the rows of its n-grams.

    It is 0 without any row.
    """
    parts = ([] if own is None else [own]) + list(rows)
    total = np.zeros(np.shape(own if own is not None else rows)[-1], np.float32)
    for part in parts:
        total += part
    return total / np.float32(max(len(parts), 1))


def train(
    own, table, places, tables, corpus, key, blocks, alpha, alpha_step=0.0, *, at_once, **how
):
    """Train rows of words (V, D) and of n-grams (R, D) in place; return each round's mean loss.

    places[v] lists the rows of the n-grams of word v. tables has "outputs" and "nodes", and corpus,
    key, alpha, alpha_step and how are those of `word2vec.train`. A round has at_once blocks: the
    inputs are composed before its first one, and behind its last one the change of a word is added
    to each of its rows, a row that it has twice twice.

    >>> from types import SimpleNamespace as Tree
    >>> draws = np.array([[0, 1], [0, 1]], np.uint32)  # word 1 only
    >>> text = word2vec.Corpus([0, 1, 0], [], draws, Tree(begins=[]), window=1, negative=1, block=3)
    >>> own, table, tables = np.ones((2, 1)), np.zeros((1, 1)), {"outputs": np.ones((2, 1))}
    >>> losses = train(own, table, [[0], []], tables, text, 1, [0], 0.5, at_once=1, sg=True)
    >>> bool(own[0, 0] - 1 == table[0, 0] != 0)
    True
    """
    n_rows = np.array([1.0 + len(mine) for mine in places])
    blocks = list(blocks)
    losses = []
    for begin in range(0, len(blocks), at_once):
        sums = [own[v] + table[mine].sum(axis=0) for v, mine in enumerate(places)]
        before = np.array(sums) / n_rows[:, None]
        inputs = before.copy()
        losses.append(
            word2vec.train(
                *({**tables, "inputs": inputs}, corpus, key, blocks[begin : begin + at_once]),
                *(alpha, alpha_step),
                **how,
                n_rows=n_rows,
            )
        )
        own += inputs - before
        for mine, change in zip(places, inputs - before, strict=True):
            np.add.at(table, mine, change)
    return losses
