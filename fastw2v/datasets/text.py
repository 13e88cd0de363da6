"""Text files as pieces of text, and words as ids.

Everything is streamed: a file larger than the memory takes 4 bytes per word it holds.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np

from fastw2v._checks.arrays import as_array
from fastw2v._checks.ids import as_any_ids, as_ids
from fastw2v._checks.numbers import as_int, as_not_negative
from fastw2v._checks.sequences import check_iterable
from fastw2v._core import threads
from fastw2v._files import encodings
from fastw2v._files.numbered import WordTables
from fastw2v._files.text import check_readable, read_pieces
from fastw2v.datasets.splitter import EOS as EOS  # version 0.1 has these names here
from fastw2v.datasets.splitter import JoinedWords
from fastw2v.datasets.splitter import tokenize as tokenize
from fastw2v.datasets.splitter import tokenize_lines as tokenize_lines


class Corpus(NamedTuple):
    """A text as ids, and the numbering of its words: the result of `build_corpus`.

    corpus (M,) int32 ids, word_to_id {str: int}, id_to_word {int: str}, counts (V,) int64.

    >>> text = build_corpus(["to", "be", "or", "not", "to", "be"])
    >>> isinstance(text, Corpus), text.corpus.tolist(), text.counts.tolist()
    (True, [0, 1, 2, 3, 0, 1], [2, 2, 1, 1])
    """

    corpus: np.ndarray[Any, np.dtype[np.int32]]
    word_to_id: dict[str, int]
    id_to_word: dict[int, str]
    counts: np.ndarray[Any, np.dtype[np.int64]]


def read_text(
    paths: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
    encoding: str = "utf-8",
    *,
    strict: bool = False,
) -> Iterator[str]:
    """Read text files one after the other, in pieces that end at white space.

    encoding: the name of any codec of Python for text, such as "cp932", "euc_jp" or "utf-16".
    Files packed by gzip, bzip2 or xz are recognised by their first bytes, not by their names; a
    byte order mark is dropped. Zero bytes are kept, and one warning counts them; strict=True
    refuses them. A missing file, a folder, or an empty file is reported before anything is read.

    Raises OSError if a file cannot be read, ValueError if it is empty or is not text in this
    encoding; the message names the file, the byte (counted after unpacking) and the cure.

    >>> with open("words.txt", "w") as file:
    ...     _ = file.write("to be or not to be")
    >>> "".join(read_text("words.txt"))
    'to be or not to be'
    """
    names: list[str | os.PathLike[str]]
    names = [paths] if isinstance(paths, str | os.PathLike) else list(paths)
    if not names:
        raise ValueError("paths: expected at least one file, got none; name a text file")
    for name in names:
        check_readable(name)
    if encodings.is_utf8(encoding):
        return (piece for name in names for piece in read_pieces(name, strict))
    return (piece for name in names for piece in encodings.read_pieces(name, encoding, strict))


def build_corpus(tokens: Iterable[str], min_count: int = 1) -> Corpus:
    """Assign ids to the words that occur at least min_count times.

    Id 0 is the most frequent word; words of equal count are in the order of their first appearance.
    Rarer words are left out of the corpus, so the words around them become neighbours.

    Raises ValueError if nothing is left.

    >>> corpus, word_to_id, id_to_word, counts = build_corpus("you say goodbye i say hello".split())
    >>> corpus
    array([1, 0, 2, 3, 0, 4], dtype=int32)
    >>> id_to_word[0], counts
    ('say', array([2, 1, 1, 1, 1]))
    """
    as_int("min_count", min_count)
    if isinstance(tokens, str):
        raise TypeError("tokens: expected words, got one str; pass tokenize(text) instead")
    check_iterable("tokens", tokens, "words")
    words, appeared = _numbered(tokens)
    if not len(appeared):
        raise ValueError("tokens: expected words, got none; give a text that holds some")

    counts = np.bincount(appeared, minlength=len(words))
    order = np.argsort(-counts, kind="stable")
    order = order[: np.count_nonzero(counts >= min_count)]
    if not len(order):
        raise ValueError(
            f"min_count: no word occurs {min_count} times, the most frequent one occurs "
            f"{counts.max()} times; lower min_count or give more text"
        )
    new_ids = np.full(len(counts), -1, dtype=np.int32)
    new_ids[order] = np.arange(len(order), dtype=np.int32)
    corpus = new_ids[appeared]
    id_to_word = {new: words[old] for new, old in enumerate(order.tolist())}
    return Corpus(
        corpus[corpus >= 0],
        {word: new for new, word in id_to_word.items()},
        id_to_word,
        counts[order].astype(np.int64),
    )


def _numbered(tokens: Iterable[str]) -> tuple[list[str], np.ndarray[Any, np.dtype[np.int32]]]:
    """Return the different words, in the order of first appearance, and tokens as their numbers."""
    if isinstance(tokens, JoinedWords) and not tokens.begun:
        return _numbered_bytes(tokens.joined())
    first_ids: defaultdict[str, int] = defaultdict()
    first_ids.default_factory = first_ids.__len__
    appeared = np.fromiter(map(first_ids.__getitem__, tokens), dtype=np.int32)
    return list(first_ids), appeared


def _numbered_bytes(
    pieces: Iterable[bytes],
) -> tuple[list[str], np.ndarray[Any, np.dtype[np.int32]]]:
    """Return the same for words in bytes, which blanks separate, without making a str of each."""
    numbering = WordTables(threads.get_num_threads())
    parts: list[tuple[int, np.ndarray[Any, np.dtype[np.int32]]]] = []
    at = 0
    for piece in pieces:
        parts += [(t, part.copy()) for t, part in numbering.add(piece, at, False)]
        at += len(piece)
    found = numbering.found()
    order = np.argsort(found.firsts)
    places = np.empty(len(order), np.int32)
    places[order] = np.arange(len(order), dtype=np.int32)
    appeared = [places[found.of_table[t][part]] for t, part in parts]
    words = found.text.tobytes().decode("utf-8", "surrogatepass").split("\n")[:-1]
    words = list(map(words.__getitem__, order.tolist()))
    return words, np.concatenate(appeared) if appeared else np.empty(0, np.int32)


def subsample(
    corpus: np.ndarray,
    counts: np.ndarray,
    threshold: float = 1e-3,
    *,
    rng: np.random.Generator | int | None = None,
) -> np.ndarray:
    """Drop most of the occurrences of the most frequent words.

    An occurrence of a word with the share f = count / total of the text is kept with probability

        min(1, sqrt(threshold / f) + threshold / f)

    the rule of Mikolov's word2vec program, which differs from the one printed in the paper
    (Mikolov et al. 2013, "Distributed Representations of Words and Phrases"). Windows then reach
    further, as frequent words no longer fill them. threshold 0 keeps everything.

    corpus (M,) ids, counts (V,) -> (M',) ids of the same dtype. rng: a Generator or a seed;
    None draws from numpy's global stream.

    >>> ids = np.array([0] * 900 + [1, 2] * 50)
    >>> kept = subsample(ids, np.bincount(ids), 0.05, rng=1)
    >>> bool(np.sum(kept == 0) < 350), int(np.sum(kept > 0))
    (True, 100)
    """
    as_not_negative("threshold", threshold)
    corpus = as_array("corpus", corpus)
    as_any_ids("corpus", corpus, 1)
    if threshold == 0:
        return corpus
    as_ids("corpus", corpus, len(counts), wrap=False)
    share = np.maximum(counts, 1) / max(int(np.sum(counts)), 1)
    ratio = threshold / share
    keep = np.minimum(1.0, np.sqrt(ratio) + ratio)
    draw = np.random.random_sample if rng is None else np.random.default_rng(rng).random
    return corpus[draw(len(corpus)) < keep[corpus]]
