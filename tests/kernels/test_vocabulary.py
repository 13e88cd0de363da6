"""Words counted and encoded in bytes, against str.split."""

from collections import Counter

import numpy as np
import pytest
from conftest import N_PARTS
from hypothesis import given
from hypothesis import strategies as st

from fastw2v._kernels import _vocabulary

# All blanks of str.split, and letters whose first bytes are also those of blanks.
ALPHABET = (
    "ab\xe9\xa1\u3001\u2026\u1234\U0001f600 \n\t\r\v\f\x1c\x1d\x1e\x1f\x85\xa0\u1680\u2000\u200a"
)
ALPHABET += "\u2028\u2029\u202f\u205f\u3000"
# Only a line feed ends a sentence; some blanks of str.split are line ends to str.splitlines.


def counted(data, n_parts):
    """Count a text in bytes; return (words, counts, first positions, lines, the counter)."""
    counter = _vocabulary.open_counter(n_parts)
    lines = np.zeros(n_parts, np.int64)
    assert _vocabulary.count(counter, lines, data, 0, n_parts)
    n_words, n_bytes = _vocabulary.merge(counter)
    text = np.empty(n_bytes, np.uint8)
    counts, firsts, offsets = (np.empty(n_words, np.int64) for _ in range(3))
    _vocabulary.read(counter, text, counts, firsts, offsets)
    words = text.tobytes().decode().split("\n")[:-1]
    ends = [*offsets.tolist(), n_bytes][1:]
    assert [text[a : b - 1].tobytes().decode() for a, b in zip(offsets, ends, strict=True)] == words
    return words, counts, firsts, int(lines.sum()), counter


def encoded(data, counter, words, index, lines, n_parts):
    ids = np.array([index.get(word, -2) for word in words], np.int32)
    out = np.empty(len(data) + n_parts, np.int32)
    return out[: _vocabulary.encode(out, counter, ids, data, lines, n_parts)].tolist()


def expected_ids(text, index):
    """Return the ids of the words of each line, -1 where lines end, never two in a row."""
    ids = []
    for line in text.split("\n"):
        ids += [index[word] for word in line.split() if word in index] + [-1]
    ids.pop()
    return [v for at, v in enumerate(ids) if v != -1 or at == 0 or ids[at - 1] != -1]


@given(st.text(ALPHABET, max_size=200), st.sampled_from(N_PARTS))
def test_against_split(text, n_parts):
    data = text.encode()
    words, counts, firsts, lines, counter = counted(data, n_parts)
    assert dict(zip(words, counts.tolist(), strict=True)) == Counter(text.split())
    assert lines == text.count("\n")
    by_first = [words[i] for i in np.argsort(firsts)]
    assert by_first == list(dict.fromkeys(text.split()))
    for word, first in zip(words, firsts.tolist(), strict=True):
        assert data[first:].startswith(word.encode())
    index = {word: v for v, word in enumerate(sorted(words)) if v % 3 != 2}
    if words:
        assert encoded(data, counter, words, index, True, n_parts) == expected_ids(text, index)
    running = [index[word] for word in text.split() if word in index]
    assert encoded(data, counter, words, index, False, n_parts) == running


@pytest.mark.parametrize("n_parts", N_PARTS)
def test_many_words(rng, n_parts):
    # More words and bytes than the first tables hold.
    text = " ".join(f"word{n}" + "x" * (n % 50) for n in rng.zipf(1.2, 60_000) % 20_000)
    data = text.encode()
    words, counts, firsts, _, counter = counted(data, n_parts)
    assert dict(zip(words, counts.tolist(), strict=True)) == Counter(text.split())
    index = {word: int(v) for v, word in enumerate(words)}
    assert encoded(data, counter, words, index, True, n_parts) == [index[w] for w in text.split()]
    assert [words[i] for i in np.argsort(firsts)] == list(dict.fromkeys(text.split()))


def test_pieces_add_up():
    counter = _vocabulary.open_counter(2)
    lines = np.zeros(2, np.int64)
    for base, piece in ((0, b"sun moon\n"), (9, b"moon star ")):
        assert _vocabulary.count(counter, lines, piece, base, 2)
    n_words, n_bytes = _vocabulary.merge(counter)
    text = np.empty(n_bytes, np.uint8)
    counts, firsts, offsets = (np.empty(n_words, np.int64) for _ in range(3))
    _vocabulary.read(counter, text, counts, firsts, offsets)
    found = zip(text.tobytes().split(b"\n"), counts.tolist(), firsts.tolist(), strict=False)
    assert sorted(found) == [(b"moon", 2, 4), (b"star", 1, 14), (b"sun", 1, 0)]


@pytest.mark.parametrize(
    ("data", "expected"),
    [(b"", 0), (b"abc", 0), (b"abc ", 4), (b"a b", 2), (b"\n", 1), ("a\u3000b".encode(), 0)],
)
def test_after_last_blank(data, expected):
    # A text is not cut after blanks of several bytes, as half of one may be missing.
    assert _vocabulary.after_last_blank(data) == expected


def test_empty_text():
    words, counts, _, lines, counter = counted(b"", 2)
    assert (words, counts.tolist(), lines) == ([], [], 0)
    assert encoded(b"", counter, [], {}, True, 2) == []
