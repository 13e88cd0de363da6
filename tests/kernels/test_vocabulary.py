"""Words counted and encoded in bytes, against str.split."""

import copy
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


def counted(data, n_parts, ends=True):
    """Count a text in bytes; return (words, counts, first positions, lines, its parts).

    The parts are arrays of the numbers of words, END included.
    """
    counter = _vocabulary.open_counter(n_parts)
    lines = np.zeros(n_parts, np.int64)
    out = np.empty(len(data) + n_parts, np.int32)
    places = np.empty((n_parts, 2), np.int64)
    assert _vocabulary.count(counter, lines, out, places, data, 0, ends, n_parts)
    parts = [out[lo:hi].copy() for lo, hi in places.tolist()]
    words, counts, firsts, of_table = merged(counter)
    for part, numbers in zip(parts, of_table, strict=True):
        part[part >= 0] = numbers[part[part >= 0]]
    return words, counts, firsts, int(lines.sum()), parts


def merged(counter):
    """Return (words, counts, first positions, the numbers of the words of each table)."""
    sizes = _vocabulary.sizes(counter)
    numbers = np.empty(sum(sizes), np.int32)
    n_words, n_bytes = _vocabulary.merge(counter, numbers)
    text = np.empty(n_bytes, np.uint8)
    counts, firsts, offsets = (np.empty(n_words, np.int64) for _ in range(3))
    _vocabulary.read(counter, text, counts, firsts, offsets)
    words = text.tobytes().decode().split("\n")[:-1]
    ends = [*offsets.tolist(), n_bytes][1:]
    assert [text[a : b - 1].tobytes().decode() for a, b in zip(offsets, ends, strict=True)] == words
    return words, counts, firsts, np.split(numbers, np.cumsum(sizes)[:-1])


def encoded(parts, words, index):
    ids = np.array([index.get(word, -2) for word in words], np.int32)
    out = []
    for part in parts:
        text = part.copy()
        out += text[: _vocabulary.renumber(text, ids, out[-1:] == [-1])].tolist()
    return out


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
    words, counts, firsts, lines, parts = counted(data, n_parts)
    assert dict(zip(words, counts.tolist(), strict=True)) == Counter(text.split())
    assert lines == text.count("\n")
    by_first = [words[i] for i in np.argsort(firsts)]
    assert by_first == list(dict.fromkeys(text.split()))
    for word, first in zip(words, firsts.tolist(), strict=True):
        assert data[first:].startswith(word.encode())
    index = {word: v for v, word in enumerate(sorted(words)) if v % 3 != 2}
    assert encoded(parts, words, index) == expected_ids(text, index)
    words, _, _, lines, parts = counted(data, n_parts, ends=False)
    assert encoded(parts, words, index) == [index[word] for word in text.split() if word in index]
    assert lines == text.count("\n")


@pytest.mark.parametrize("n_parts", N_PARTS)
def test_many_words(rng, n_parts):
    # More words and bytes than the first tables hold.
    text = " ".join(f"word{n}" + "x" * (n % 50) for n in rng.zipf(1.2, 60_000) % 20_000)
    words, counts, firsts, _, parts = counted(text.encode(), n_parts)
    assert dict(zip(words, counts.tolist(), strict=True)) == Counter(text.split())
    index = {word: int(v) for v, word in enumerate(words)}
    assert encoded(parts, words, index) == [index[w] for w in text.split()]
    assert [words[i] for i in np.argsort(firsts)] == list(dict.fromkeys(text.split()))


def test_pieces_add_up():
    counter = _vocabulary.open_counter(2)
    lines, places = np.zeros(2, np.int64), np.empty((2, 2), np.int64)
    for base, piece in ((0, b"sun moon\n"), (9, b"moon star ")):
        out = np.empty(len(piece) + 2, np.int32)
        assert _vocabulary.count(counter, lines, out, places, piece, base, True, 2)
    words, counts, firsts, of_table = merged(counter)
    found = zip(words, counts.tolist(), firsts.tolist(), strict=True)
    assert sorted(found) == [("moon", 2, 4), ("star", 1, 14), ("sun", 1, 0)]
    assert {v for numbers in of_table for v in numbers.tolist()} == {0, 1, 2}


@pytest.mark.parametrize(
    ("data", "expected"),
    [(b"", 0), (b"abc", 0), (b"abc ", 4), (b"a b", 2), (b"\n", 1), ("a\u3000b".encode(), 0)],
)
def test_after_last_blank(data, expected):
    # A text is not cut after blanks of several bytes, as half of one may be missing.
    assert _vocabulary.after_last_blank(data) == expected


def test_empty_text():
    words, counts, _, lines, parts = counted(b"", 2)
    assert (words, counts.tolist(), lines) == ([], [], 0)
    assert encoded(parts, [], {}) == []


def test_renumber_drops_words_without_an_id_and_empty_sentences():
    text = np.array([-1, 0, 1, -1, 2, -1, -1, 0, 7, -9], np.int32)
    n = _vocabulary.renumber(text, np.array([5, -2, -2], np.int32), True)
    assert text[:n].tolist() == [5, -1, 5]  # 7 and -9 are numbers of no word


@pytest.mark.parametrize("wrong", ["out", "places", "lines", "parts"])
def test_arrays_that_do_not_fit_are_refused(wrong):
    counter = _vocabulary.open_counter(2)
    n = 3 if wrong == "parts" else 2
    lines, out = (
        np.zeros(2 - (wrong == "lines"), np.int64),
        np.zeros(6 - (wrong == "out"), np.int32),
    )
    places = np.zeros((n - (wrong == "places"), 2), np.int64)
    with pytest.raises(ValueError, match="count: expected arrays that fit"):
        _vocabulary.count(counter, lines, out, places, b"a b ", 0, True, n)
    with pytest.raises(ValueError, match="merge: expected arrays that fit"):
        _vocabulary.merge(counter, np.zeros(1, np.int32))


WORDS = st.one_of(st.sampled_from("a b c d e f g".split()), st.text(max_size=3))


@given(st.lists(st.lists(WORDS, max_size=40), max_size=4))
def test_words_of_python_are_numbered_in_the_order_of_their_first_appearance(batches):
    numbering, numbers = _vocabulary.Numbers(), {}
    for batch in batches:
        out = np.empty(len(batch) + 1, np.int32)
        copies = [word[:1] + word[1:] for word in batch]  # equal, and not the same objects
        assert numbering.add(out, copies) == len(batch)
        assert out[:-1].tolist() == [numbers.setdefault(word, len(numbers)) for word in batch]
    assert numbering.words == list(numbers)


def test_many_words_fill_a_larger_table():
    words = [f"word {i}" for i in range(5000)]
    numbering, out = _vocabulary.Numbers(), np.empty(5000, np.int32)
    for _ in range(2):
        assert numbering.add(out, words) == 5000 and (out == np.arange(5000)).all()
    assert numbering.words == words


@pytest.mark.parametrize("other", [5, None, b"a", np.str_("a"), []])
def test_numbering_stops_before_what_is_no_plain_text(other):
    for n in (0, 1, 15, 16, 17, 40):
        words = [f"w{i}" for i in range(n)]
        numbering, out = _vocabulary.Numbers(), np.full(n + 3, -7, np.int32)
        assert numbering.add(out, [*words, other, "behind"]) == n
        assert out.tolist() == [*range(n), -7, -7, -7] and numbering.words == words


def test_numbers_refuse_less_room_and_copies():
    numbering = _vocabulary.Numbers()
    with pytest.raises(ValueError, match="Numbers.add: expected arrays that fit"):
        numbering.add(np.empty(1, np.int32), ["a", "b"])
    with pytest.raises(TypeError, match="Numbers: cannot be pickled"):
        copy.copy(numbering)


def test_sentences_are_numbered_up_to_the_first_that_is_none():
    numbering, out = _vocabulary.Numbers(), np.full(12, -7, np.int32)
    sentences = [["a", "b", "a"], [], ["c"], ("d",), ["a"]]
    assert numbering.add_sentences(out, sentences) == (3, 7)
    assert out[:7].tolist() == [0, 1, 0, -1, -1, 2, -1]
    assert numbering.words == ["a", "b", "c"]
    for other in (np.str_("a"), b"a", 1, None):
        assert numbering.add_sentences(out, [["b"], ["a", other, "c"]]) == (1, 2)
        assert out[:2].tolist() == [1, -1]
    assert numbering.add_sentences(out, [["c"] * 20, ["a"]]) == (0, 0)
    assert numbering.add_sentences(out, []) == (0, 0)


@pytest.mark.parametrize(("room", "taken"), [(0, (0, 0)), (2, (0, 0)), (3, (1, 3)), (5, (2, 5))])
def test_a_sentence_is_numbered_where_there_is_room_for_its_end(room, taken):
    numbering, out = _vocabulary.Numbers(), np.full(room + 3, -7, np.int32)
    assert numbering.add_sentences(out[:room], [["a", "b"], ["c"]]) == taken
    assert (out[room:] == -7).all()
