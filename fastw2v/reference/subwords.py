"""n-grams of words and vectors composed of them, in plain Python: twin of src_pyx/_subwords.pyx."""

import re

import numpy as np

from fastw2v.reference import rng

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
