"""Text files to words, and words to ids.

Everything is streamed: a file larger than the memory takes 4 bytes per word it holds.
"""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np

from fastw2v._checks.arrays import as_array
from fastw2v._checks.ids import as_any_ids, as_ids
from fastw2v._checks.numbers import as_int, as_not_negative, check_one_of
from fastw2v._checks.sequences import check_iterable
from fastw2v._files.text import check_readable, read_pieces

_WORD = re.compile(r"[^\W\d_]\w*(?:['\u2019][^\W\d_]+)*")
# For language models: a blank line, a word or number, or a mark, repeated or not.
_TOKEN = re.compile(r"\n[^\S\n]*\n\s*|\w+(?:['\u2019]\w+)*|([^\w\s])\1*")
EOS = "<eos>"


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


def tokenize(text: str | Iterable[str], *, split: str = "words") -> Iterator[str]:
    """Cut text into words.

    split="words": lower-case words of letters, digits and underscores, which begin with a letter
    and may hold apostrophes between letters (`don't`). Numbers and punctuation are dropped, as they
    would be half of the neighbours of words.
    split="blanks": unchanged pieces between white space. It suits text that is cut into words, as
    Penn Treebank files with their `<eos>`, and languages written without blanks.

    text: one string, or an iterable of pieces that do not end inside a word, as of `read_text`.

    >>> list(tokenize("The first 10 bytes aren't sent: see send_bytes()."))
    ['the', 'first', 'bytes', "aren't", 'sent', 'see', 'send_bytes']
    >>> list(tokenize("No , it <unk> n't", split="blanks"))
    ['No', ',', 'it', '<unk>', "n't"]
    """
    check_one_of("split", split, ("words", "blanks"))
    check_iterable("text", text, "a str, or pieces of text")
    pieces = (text,) if isinstance(text, str) else text
    if split == "blanks":
        return (word for piece in pieces for word in piece.split())
    return (word for piece in pieces for word in _WORD.findall(piece.lower()))


def tokenize_lines(text: str | Iterable[str], *, split: str = "words") -> Iterator[str]:
    """Cut text into words, marks and `<eos>`, from which a language model can write text.

    split="words": lower-case words and numbers, and each punctuation mark separately (repeated
    marks once); `<eos>` represents the blank lines between paragraphs.
    split="blanks": unchanged pieces between white space; `<eos>` represents the end of each line
    that is not blank. It suits text that is cut into words, as Penn Treebank and WikiText are.

    `text` as for `tokenize`.

    >>> list(tokenize_lines("It's 7 o'clock ...\\n\\nGo (now)!"))
    ["it's", '7', "o'clock", '.', '<eos>', 'go', '(', 'now', ')', '!']
    >>> list(tokenize_lines("No , it <unk> n't\\n\\nMr. X\\n", split="blanks"))
    ['No', ',', 'it', '<unk>', "n't", '<eos>', 'Mr.', 'X', '<eos>']
    """
    check_one_of("split", split, ("words", "blanks"))
    check_iterable("text", text, "a str, or pieces of text")
    pieces = (text,) if isinstance(text, str) else text
    return _lines(pieces) if split == "blanks" else _paragraphs(pieces)


def _lines(pieces: Iterable[str]) -> Iterator[str]:
    begun = False  # whether the line has a word so far
    for piece in pieces:
        for line in piece.splitlines(keepends=True):
            words = line.split()
            yield from words
            begun = begun or bool(words)
            if begun and line[-1] in "\n\r":
                yield EOS
                begun = False
    if begun:
        yield EOS


def _paragraphs(pieces: Iterable[str]) -> Iterator[str]:
    held = ""  # white space at the end of a piece, which the next piece may continue
    begun = False
    for piece in pieces:
        whole = held + piece
        body = whole.rstrip()
        held = whole[len(body) :]
        for match in _TOKEN.finditer(body.lower()):
            token = match[0]
            if not token.isspace():
                yield token if match[1] is None else match[1]
                begun = True
            elif begun:
                yield EOS
                begun = False


def read_text(
    paths: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
    *,
    strict: bool = False,
) -> Iterator[str]:
    """Read UTF-8 text files one after the other, in pieces that end at white space.

    Files packed by gzip, bzip2 or xz are recognised by their first bytes, not by their names; a
    byte order mark is dropped. Zero bytes are kept, and one warning counts them; strict=True
    refuses them. A missing file, a folder, or an empty file is reported before anything is read.

    Raises OSError if a file cannot be read, ValueError if it is empty or is not UTF-8 text;
    the message names the file, the byte (counted after unpacking) and the cure.

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
    return (piece for name in names for piece in read_pieces(name, strict))


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
    first_ids: defaultdict[str, int] = defaultdict()
    first_ids.default_factory = first_ids.__len__
    appeared = np.fromiter(map(first_ids.__getitem__, tokens), dtype=np.int32)
    if not len(appeared):
        raise ValueError("tokens: expected words, got none; give a text that holds some")

    counts = np.bincount(appeared, minlength=len(first_ids))
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
    words = list(first_ids)
    id_to_word = {new: words[old] for new, old in enumerate(order.tolist())}
    return Corpus(
        corpus[corpus >= 0],
        {word: new for new, word in id_to_word.items()},
        id_to_word,
        counts[order].astype(np.int64),
    )


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
