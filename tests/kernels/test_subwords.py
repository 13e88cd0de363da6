"""n-grams of words against recorded ids and the plain twin; rows of n-grams, drawn and composed."""

import itertools
import json

import numpy as np
import pytest
from conftest import N_PARTS
from hypothesis import given
from hypothesis import strategies as st
from places import DATA

from fastw2v._kernels import _subwords
from fastw2v.reference import subwords as reference

KNOWN = json.loads((DATA / "subwords.json").read_text(encoding="utf-8"))
KEY, D = 12345, 19


def packed(words):
    data = [w.encode("utf-8", "surrogatepass") if isinstance(w, str) else w for w in words]
    ends = np.cumsum([len(word) for word in data], dtype=np.int64)
    return np.frombuffer(b"".join(data), np.uint8), ends


def listed(words, min_n, max_n, bucket):
    """Return (buckets, begin and end of each n-gram) of each word."""
    text, ends = packed(words)
    begins = np.full(len(words) + 1, -1, np.int64)
    _subwords.count_ngrams(begins, text, ends, min_n, max_n)
    buckets = np.full(begins[-1], -1, np.int32)
    bounds = np.full((begins[-1], 2), -1, np.int64)
    _subwords.list_ngrams(buckets, bounds, text, ends, min_n, max_n, bucket)
    alone = np.full(begins[-1], -1, np.int32)
    _subwords.list_ngrams(alone, bounds[:0], text, ends, min_n, max_n, bucket)
    np.testing.assert_array_equal(alone, buckets)
    parts = [slice(*pair) for pair in itertools.pairwise(begins)]
    return [(buckets[part].tolist(), bounds[part].tolist()) for part in parts]


@pytest.mark.parametrize("known", KNOWN, ids=lambda known: f"{known['word']}-{known['bucket']}")
def test_ids_are_those_of_gensim_and_fasttext(known):
    settings = known["min_n"], known["max_n"], known["bucket"]
    assert listed([known["word"]], *settings)[0][0] == known["ids"]
    assert reference.buckets(known["word"], *settings) == known["ids"]


TEXTS = st.text(st.characters(exclude_categories=())) | st.text("<>aé日🙂")


@given(st.lists(TEXTS | st.binary(max_size=9), max_size=4), st.integers(0, 5), st.integers(-1, 7))
def test_any_word_has_the_ngrams_of_the_plain_twin(words, min_n, max_n):
    for word, (buckets, bounds) in zip(words, listed(words, min_n, max_n, 1009), strict=True):
        assert bounds == [list(pair) for pair in reference.ngrams(word, min_n, max_n)]
        assert buckets == reference.buckets(word, min_n, max_n, 1009)


def test_boundaries_alone_are_no_ngrams():
    def texts(word, min_n, max_n):
        framed = f"<{word}>".encode()
        pairs = listed([word], min_n, max_n, 7)[0][1]
        return [framed[begin:end].decode() for begin, end in pairs]

    assert texts("ab", 1, 1) == ["a", "b"]
    assert texts("<>", 1, 1) == ["<", ">"]  # those of the word are like any character
    assert texts("", 1, 2) == ["<>"]
    assert texts("日本", 2, 3) == ["<日", "<日本", "日本", "日本>", "本>"]
    assert texts("ab", 5, 9) == texts("ab", 4, 3) == []


def test_no_words_have_no_ngrams():
    assert listed([], 3, 6, 10) == []


@pytest.mark.parametrize("ends", [[3, 2], [4], [-1, 3]])
def test_ends_outside_of_the_text_are_refused(ends):
    ends = np.array(ends, np.int64)
    begins = np.full(len(ends) + 1, 7, np.int64)
    with pytest.raises(ValueError, match="fit each other"):
        _subwords.count_ngrams(begins, np.zeros(3, np.uint8), ends, 3, 6)
    with pytest.raises(ValueError, match="fit each other"):
        _subwords.list_ngrams(
            np.zeros(1, np.int32), np.zeros((0, 2), np.int64), b"abc", ends, 3, 6, 10
        )
    assert (begins == 7).all()


@pytest.mark.parametrize("n", [0, 8])
def test_another_number_of_ngrams_is_refused(n):
    text, ends = packed(["sun"])  # <sun> has 6 of 3 to 5 characters
    with pytest.raises(ValueError, match="fit each other"):
        _subwords.list_ngrams(
            np.zeros(n, np.int32), np.zeros((0, 2), np.int64), text, ends, 3, 5, 10
        )


# ---- rows


def drawn(buckets, n_parts=1, limit=0.25, width=D):
    rows = np.full((len(buckets), width), 99, np.float32)
    _subwords.draw_rows(rows, np.asarray(buckets, np.int32), KEY, limit, n_parts)
    return rows


@pytest.mark.parametrize("n_parts", N_PARTS)
def test_drawn_rows_depend_on_key_and_bucket_alone(n_parts):
    buckets = [3, 2**31 - 1, 0, 3, 77]
    rows = drawn(buckets, n_parts)
    np.testing.assert_array_equal(rows, reference.drawn_rows(buckets, D, KEY, 0.25))
    np.testing.assert_array_equal(rows[4:], drawn([77]))
    np.testing.assert_array_equal(rows[:, :5], drawn(buckets, width=5))  # whatever the width


def test_drawn_numbers_are_uniform():
    numbers = drawn(np.arange(4000)).astype(np.float64)
    assert abs(numbers).max() <= 0.25
    assert abs(numbers.mean()) < 5 * 0.25 / 3**0.5 / numbers.size**0.5
    assert numbers.std() == pytest.approx(0.25 / 3**0.5, rel=0.01)
    assert abs(np.corrcoef(numbers.T) - np.eye(D)).max() < 0.1
    counts = np.histogram(numbers, 16, (-0.25, 0.25))[0] / numbers.size * 16
    assert abs(counts - 1).max() < 0.1


def test_no_rows_are_drawn():
    assert drawn([]).shape == (0, D)


def composed(own, rows, table, used, lists, n_parts=1, compact=True):
    x = np.full((len(rows), D), 99, np.float32)
    begins = np.cumsum([0, *map(len, lists)], dtype=np.int64)
    buckets = np.array([b for found in lists for b in found], np.int32)
    own, table = own.view(np.uint8), table.view(np.uint8)
    arrays = own, np.asarray(rows, np.int64), table, np.asarray(used, np.int32), buckets, begins
    _subwords.compose(x, *arrays, compact, KEY, 0.25, n_parts)
    return x


LISTS = [[1, 5, 5, 8], [], [0, 2], [], [9, 9, 1, 3, 4], [7]]
ROWS = [2, 0, -1, -1, 1, -1]


@pytest.mark.parametrize("n_parts", N_PARTS)
def test_compact_and_whole_tables_give_the_same_bits(n_parts):
    own = np.random.default_rng(0).standard_normal((3, D)).astype(np.float32)
    used = [1, 4, 5]
    whole = drawn(range(10))
    whole[used] = np.random.default_rng(1).standard_normal((3, D)).astype(np.float32)
    expected = [
        reference.compose(None if row < 0 else own[row], whole[found])
        for row, found in zip(ROWS, LISTS, strict=True)
    ]
    compact = composed(own, ROWS, whole[used], used, LISTS, n_parts)
    np.testing.assert_array_equal(compact, expected)
    assert not compact[3].any()
    np.testing.assert_array_equal(
        composed(own, ROWS, whole, [], LISTS, n_parts, compact=False), expected
    )
    drawn_alone = composed(own, ROWS, whole[:0], [], LISTS, n_parts)
    np.testing.assert_array_equal(
        drawn_alone, composed(own, ROWS, drawn(range(10)), [], LISTS, compact=False)
    )


@pytest.mark.parametrize("bad", [-1, 10])
def test_buckets_outside_of_a_whole_table_are_refused(bad):
    table = drawn(range(10))
    with pytest.raises(ValueError, match="fit each other"):
        composed(table[:1], [-1], table, [], [[bad]], compact=False)


@pytest.mark.parametrize("bad", [-2, 3])
def test_rows_outside_of_the_words_are_refused(bad):
    table = drawn(range(10))
    with pytest.raises(ValueError, match="fit each other"):
        composed(table[:3], [bad], table, [], [[1]], compact=False)


# ---- one word, from its letters to its vector


def composed_alone(word, **changed):
    table = drawn(range(50))
    given = {
        "row": None,
        "n_words": 3,
        "vector_size": D,
        "own": table[:3],
        "table": table,
        "used": None,
        "draws": False,
        "min_n": 2,
        "max_n": 4,
        "bucket": 50,
        "key": KEY,
        "limit": 0.25,
    } | changed
    return _subwords.try_compose(word, *given.values())


def unaligned(rows):
    room = np.zeros(rows.nbytes + 1, np.uint8)
    room[1:] = rows.view(np.uint8).ravel()
    return room[1:].view(np.float32).reshape(rows.shape)


@given(st.text(max_size=30) | st.text("aé日🙂<>", min_size=1), st.sampled_from([None, 0, 2]))
def test_a_word_alone_gets_the_bits_of_many(word, row):
    table = drawn(range(50))
    own = None if row is None else table[row]
    buckets = reference.buckets(word, 2, 4, 50)
    wanted = reference.compose(own, table[buckets])
    used = np.array([3, 10, 11, 49], np.int32)
    rows = table[used] + np.float32(1)
    pruned = [rows[used.tolist().index(bucket)] for bucket in buckets if bucket in used]
    pruned = reference.compose(own, np.array(pruned, np.float32).reshape(-1, D))
    mixed = table.copy()
    mixed[used] = rows
    mixed = reference.compose(own, mixed[buckets])
    compact = {"table": rows, "used": used}
    np.testing.assert_array_equal(composed_alone(word, row=row), wanted)
    places = {"own": unaligned(table[:3]), "table": unaligned(table)}
    np.testing.assert_array_equal(composed_alone(word, row=row, **places), wanted)
    np.testing.assert_array_equal(composed_alone(word, row=row, draws=True, **compact), mixed)
    found = composed_alone(word, row=row, **compact)
    if found is None:  # no row at all, which the caller warns of
        assert row is None
        assert not pruned.any()
    else:
        np.testing.assert_array_equal(found, pruned)


UNKNOWN = {
    "no n-gram": ("sun", {"min_n": 9, "max_n": 9}),
    "lengths that cross": ("sun", {"min_n": 4, "max_n": 3}),
    "no bucket": ("sun", {"bucket": 0}),
    "other buckets": ("sun", {"bucket": 51}),
    "many buckets": ("sun", {"bucket": 2**31}),
    "a bucket that is no int": ("sun", {"bucket": 50.0}),
    "bool": ("sun", {"min_n": True}),
    "a long word": ("sun" * 10_000, {}),
    "a lone surrogate": ("s\udce9un", {}),
    "bytes": (b"sun", {}),
    "a subclass of str": (np.str_("sun"), {}),
    "a row out of range": ("sun", {"row": 3}),
    "a negative row": ("sun", {"row": -1}),
    "other words": ("sun", {"n_words": 4}),
    "another dimension": ("sun", {"vector_size": D + 1}),
    "doubles": ("sun", {"table": np.zeros((50, D))}),
    "big-endian": ("sun", {"own": np.zeros((3, D), ">f4")}),
    "gaps": ("sun", {"table": np.zeros((50, 2 * D), np.float32)[:, ::2]}),
    "one dimension": ("sun", {"own": np.zeros(3 * D, np.float32)}),
    "no array": ("sun", {"own": [[0.0] * D] * 3}),
    "more buckets than rows": ("sun", {"used": np.arange(51, dtype=np.int32)}),
    "wide ids": ("sun", {"used": np.arange(50)}),
}


@pytest.mark.parametrize("name", UNKNOWN)
def test_what_the_entry_for_one_word_does_not_know_is_left_to_the_general_path(name):
    word, changed = UNKNOWN[name]
    assert composed_alone("sun") is not None
    assert composed_alone(word, **changed) is None
