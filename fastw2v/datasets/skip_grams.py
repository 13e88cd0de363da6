"""Words and skip-grams in the shape that the losses over sampled classes train on.

Ids are in falling order of frequency, as `candidate_sampling.LogUniformSampler` requires; id 0
represents all words without an id of their own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np

from fastw2v._checks.ids import as_any_ids
from fastw2v._checks.numbers import as_int, check_generator
from fastw2v._checks.sequences import check_text
from fastw2v.datasets.text import build_corpus

_BLOCK = 1 << 14  # skip-grams drawn at once


class NumberedWords(NamedTuple):
    """The words of a text as ids, and the numbering: the result of `build_vocab`.

    ids (M,) int32, counts (V,) int64, word_to_id {str: int}, id_to_word {int: str}.

    >>> text = build_vocab("to be or not to be".split(), 3)
    >>> isinstance(text, NumberedWords), text.id_to_word[1], text.counts.tolist()
    (True, 'to', [2, 2, 2])
    """

    ids: np.ndarray[Any, np.dtype[np.int32]]
    counts: np.ndarray[Any, np.dtype[np.int64]]
    word_to_id: dict[str, int]
    id_to_word: dict[int, str]


# The name up to version 0.1, which scripts and pickles use. It was easily mistaken for
# `fastw2v.word2vec.Vocabulary`, which has words and counts but no text.
Vocabulary = NumberedWords


def build_vocab(
    words: Iterable[str], max_size: int | None = None, unk: str = "UNK"
) -> NumberedWords:
    """Assign ids to the most frequent words, at most max_size ids in all.

    Id 0 is `unk`; it counts all words without an id of their own, and `unk` itself in the text.
    The other words follow by falling count, words of equal count in the order of their first
    appearance. max_size includes `unk`; None keeps every word.

    ValueError for a text without words, TypeError for a str where a sequence of words is expected.

    >>> numbered = build_vocab("to be or not to be that is".split(), max_size=4)
    >>> numbered.ids
    array([1, 2, 3, 0, 1, 2, 0, 0], dtype=int32)
    >>> numbered.counts, numbered.id_to_word
    (array([3, 2, 2, 1]), {0: 'UNK', 1: 'to', 2: 'be', 3: 'or'})
    """
    check_text("unk", unk)
    if max_size is not None:
        max_size = as_int("max_size", max_size, low=2)
    corpus, word_to_id, id_to_word, counts = build_corpus(words)
    named = np.ones(len(counts), bool)
    if unk in word_to_id:
        named[word_to_id[unk]] = False
    kept = np.flatnonzero(named)[: None if max_size is None else max_size - 1]
    new_ids = np.zeros(len(counts), np.int32)
    new_ids[kept] = np.arange(1, len(kept) + 1)
    ids = new_ids[corpus]
    new_words = {0: unk} | {new: id_to_word[old] for new, old in enumerate(kept.tolist(), 1)}
    return NumberedWords(
        ids,
        np.bincount(ids, minlength=len(new_words)),
        {word: new for new, word in new_words.items()},
        new_words,
    )


def skip_gram_batches(
    ids: np.ndarray,
    batch_size: int,
    num_skips: int,
    skip_window: int,
    *,
    rng: np.random.Generator | None = None,
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Draw batches (centres (N,), labels (N, 1)) of words and their neighbours, without end.

    Each centre appears num_skips times in a row, each time with a different one of the
    2 * skip_window words around it, chosen at random. A batch continues at the centre after the
    last batch's, and starts over at the end of the text. Words nearer than skip_window to either
    end of the text are no centres. rng: None draws from numpy's global stream.

    ValueError for a batch_size that num_skips does not divide, for num_skips > 2 * skip_window, or
    for a text shorter than one window.

    >>> batches = skip_gram_batches(np.arange(10), batch_size=6, num_skips=2, skip_window=1)
    >>> centres, labels = next(batches)
    >>> centres, sorted(labels[:2].ravel().tolist())
    (array([1, 1, 2, 2, 3, 3]), [0, 2])
    >>> next(batches)[0]
    array([4, 4, 5, 5, 6, 6])
    """
    ids = as_any_ids("ids", ids, 1)
    N = as_int("batch_size", batch_size)
    S = as_int("num_skips", num_skips)
    window = as_int("skip_window", skip_window)
    if 2 * window < S:
        raise ValueError(
            f"num_skips: expected at most 2 * skip_window = {2 * window}, the words around a "
            f"centre, got {S}; take fewer, or a wider window"
        )
    if N % S:
        raise ValueError(
            f"batch_size: expected a multiple of num_skips = {S}, got {N}; "
            f"take {max(N // S, 1) * S}"
        )
    if len(ids) <= 2 * window:
        raise ValueError(
            f"ids: expected more than 2 * skip_window = {2 * window} words, got {len(ids)}; "
            "take a longer text or a narrower window"
        )
    check_generator("rng", rng)
    return _batches(ids, N, S, window, np.random.random_sample if rng is None else rng.random)


def _batches(
    ids: np.ndarray, N: int, S: int, window: int, random: Any
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    offsets = np.concatenate([np.arange(-window, 0), np.arange(1, window + 1)])
    n_centres = len(ids) - 2 * window
    n_batches = max(1, _BLOCK // N)
    steps = np.arange(n_batches * (N // S))
    start = 0
    while True:
        places = window + (start + steps) % n_centres
        start = (start + len(steps)) % n_centres
        # The indices of the S smallest of 2 * window random numbers are S different words.
        chosen = random((len(steps), 2 * window)).argsort(axis=1)[:, :S]
        centres = np.repeat(ids[places], S).reshape(n_batches, N)
        labels = ids[places[:, None] + offsets[chosen]].reshape(n_batches, N, 1)
        yield from zip(centres, labels, strict=True)
