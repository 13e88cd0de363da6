"""The n-grams of words and their buckets, as the program fastText numbers them.

>>> texts_of("sun", 3, 4)
['<su', '<sun', 'sun', 'sun>', 'un>']
>>> buckets, begins = buckets_of(["sun", "a"], 3, 4, 1000)  # (6,), (3,)
>>> begins.tolist()
[0, 5, 6]
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from fastw2v._checks.numbers import as_whole
from fastw2v._kernels import _subwords

MOST_BUCKETS = 2**31 - 1  # of fastText's files, which number them by int32


def as_lengths(min_n: object, max_n: object, bucket: object) -> tuple[int, int, int]:
    """Return the lengths of n-grams and the number of buckets, which is 0 if there are no n-grams.

    Raises TypeError or ValueError if one of them is no whole number of 0 or more.
    """
    lengths = as_whole("min_n", min_n), as_whole("max_n", max_n)
    n_buckets = as_whole("bucket", bucket)
    if n_buckets > MOST_BUCKETS:
        raise ValueError(
            f"bucket: expected a number from 0 to {MOST_BUCKETS}, got {n_buckets}; pass 2_000_000, "
            "as is usual"
        )
    return *lengths, n_buckets if max(lengths[0], 1) <= lengths[1] else 0


def as_kept(kept_buckets: ArrayLike, bucket: int, n_rows: int) -> np.ndarray:
    """Return the buckets (n_rows,) that pruning has kept as int32; ValueError if they are others.

    They must rise, from 0 to bucket - 1.
    """
    kept = np.asarray(kept_buckets)
    fits = kept.shape == (n_rows,) and (kept.dtype.kind in "iu" or not kept.size)
    if fits and kept.size:
        fits = bool((kept[1:] > kept[:-1]).all()) and kept[0] >= 0 and kept[-1] < bucket
    if not fits:
        raise ValueError(
            f"kept_buckets: expected {n_rows} different buckets from 0 to {bucket - 1} in rising "
            f"order, one for each row of vectors_ngrams, got {kept!r:.60}; sort them and their rows"
        )
    return np.ascontiguousarray(kept, np.int32)


def encoded(word: str) -> tuple[bytes, str]:
    """Return a word in UTF-8, and how lone surrogates stand for bytes in it.

    Words of files that are not UTF-8 have one for each such byte ("surrogateescape").

    Raises TypeError for a word that is no str.
    """
    if not isinstance(word, str):
        raise TypeError(
            f"words: expected str, whose n-grams can be listed, got {type(word).__name__} "
            f"{word!r:.40}; assign a str"
        )
    try:
        return word.encode(), "surrogateescape"
    except UnicodeEncodeError:
        pass
    try:
        return word.encode("utf-8", "surrogateescape"), "surrogateescape"
    except UnicodeEncodeError:
        return word.encode("utf-8", "surrogatepass"), "surrogatepass"


def has_ngrams(word: str, min_n: int, max_n: int) -> bool:
    """Tell whether a word has an n-gram."""
    if word.isascii():
        characters = 2 + len(word)
    else:  # lone surrogates may stand for bytes that continue a character
        characters = 2 + sum(byte & 0xC0 != 0x80 for byte in encoded(word)[0])
    least, most = max(min_n, 1), min(max_n, characters)
    return least < most or (least == most and (least > 1 or characters > 2))


def packed(words: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Return words as bytes of UTF-8, one behind the other, and the place where each ends (N,)."""
    texts = [encoded(word)[0] for word in words]
    ends = np.cumsum(np.fromiter(map(len, texts), np.int64, len(texts)))
    return np.frombuffer(b"".join(texts), np.uint8), ends


def buckets_of(
    words: Sequence[str], min_n: int, max_n: int, bucket: int, whole: str | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Return the buckets (T,) int32 of all n-grams, and where each word's begin (N + 1,) int64.

    The word `whole` has no n-grams.
    """
    begins = np.zeros(len(words) + 1, np.int64)
    if not bucket:
        return np.zeros(0, np.int32), begins
    text, ends = packed(words)
    _subwords.count_ngrams(begins, text, ends, min_n, max_n)
    buckets = np.empty(begins[-1], np.int32)
    no_bounds = np.empty((0, 2), np.int64)
    _subwords.list_ngrams(buckets, no_bounds, text, ends, min_n, max_n, bucket)
    if whole is not None and whole in words:
        lengths = np.diff(begins)
        kept = np.array([word != whole for word in words])
        buckets = buckets[np.repeat(kept, lengths)]
        np.cumsum(lengths * kept, out=begins[1:])
    return buckets, begins


def places_of(
    buckets: np.ndarray, begins: np.ndarray, kept: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the places in `kept`, which rises, of buckets (T,), and where each word's begin.

    Buckets that are not kept are left out. The arguments are those that `buckets_of` returns.

    >>> places_of(np.array([7, 2, 5]), np.array([0, 2, 3]), np.array([5, 7]))
    (array([1, 0], dtype=int32), array([0, 1, 2]))
    """
    places = np.searchsorted(kept, buckets)
    is_kept = places < len(kept)
    is_kept[is_kept] = kept[places[is_kept]] == buckets[is_kept]
    before = np.zeros(len(buckets) + 1, np.int64)
    np.cumsum(is_kept, out=before[1:])
    return places[is_kept].astype(np.int32), before[begins]


def texts_of(word: str, min_n: int, max_n: int) -> list[str]:
    """Return the n-grams of a word, in the order of their buckets."""
    begins = np.zeros(2, np.int64)
    text, ends = packed([word])
    _subwords.count_ngrams(begins, text, ends, min_n, max_n)
    buckets, bounds = np.empty(begins[1], np.int32), np.empty((begins[1], 2), np.int64)
    _subwords.list_ngrams(buckets, bounds, text, ends, min_n, max_n, 1)
    framed, errors = b"<" + text.tobytes() + b">", encoded(word)[1]
    return [framed[begin:end].decode("utf-8", errors) for begin, end in bounds.tolist()]
