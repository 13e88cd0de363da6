"""Words, map, vectors and attributes of `KeyedVectors` that a user changed."""

import numpy as np
import pytest
from conftest import assert_same_bits

from fastw2v.keyed_vectors import KeyedVectors

WORDS = ["sun", "moon", "star", "dog", "cat", "pig"]


@pytest.fixture
def kv(rng):
    vectors = KeyedVectors.from_words(WORDS, rng.standard_normal((6, 4)).astype("f4"))
    vectors.expandos["count"] = np.arange(6, 0, -1)
    return vectors


# Each uses the row of "moon", or all rows.
QUERIES = {
    "[]": lambda kv: kv["moon"],
    "[] of several": lambda kv: kv[["sun", "moon"]],
    "get_vector": lambda kv: kv.get_vector("moon", norm=True),
    "get_index": lambda kv: kv.get_index("moon"),
    "get_vecattr": lambda kv: kv.get_vecattr("moon", "count"),
    "similarity": lambda kv: kv.similarity("sun", "moon"),
    "most_similar": lambda kv: kv.most_similar("moon"),
    "most_similar of all": lambda kv: kv.most_similar("moon", topn=None),
    "most_similar_many": lambda kv: kv.most_similar_many(["moon"] * 20),
    "cosmul": lambda kv: kv.most_similar_cosmul("moon", "sun"),
    "distances": lambda kv: kv.distances("moon"),
    "mean": lambda kv: kv.get_mean_vector(["moon", "sun"]),
    "closer_than": lambda kv: kv.closer_than("moon", "sun"),
    "doesnt_match": lambda kv: kv.doesnt_match(["moon", "sun", "dog"]),
}
OF_TABLES = QUERIES.keys() - {"get_index", "get_vecattr"}
WHOLE = {
    "save": lambda kv: kv.save("refused"),
    "save_word2vec_format": lambda kv: kv.save_word2vec_format("refused"),
    "add_vector": lambda kv: kv.add_vector("new", np.ones(4)),
    "sort": lambda kv: kv.sort_by_descending_frequency(),
}

MAPS = {
    "beyond the rows": lambda kv: kv.key_to_index.update(moon=10**9),
    "behind the last": lambda kv: kv.key_to_index.update(moon=6),
    "negative": lambda kv: kv.key_to_index.update(moon=-1),
    "another word's": lambda kv: kv.key_to_index.update(moon=0),
    "a fraction": lambda kv: kv.key_to_index.update(moon=1.5),
    "a word": lambda kv: kv.key_to_index.update(moon="1"),
    "one too high": lambda kv: kv.key_to_index.update({w: i + 1 for i, w in enumerate(WORDS)}),
    "exchanged words": lambda kv: kv.index_to_key.reverse(),
    "a list": lambda kv: setattr(kv, "key_to_index", list(kv.key_to_index)),
}


@pytest.mark.parametrize("query", (QUERIES | WHOLE).values(), ids=QUERIES | WHOLE)
@pytest.mark.parametrize("change", MAPS.values(), ids=MAPS)
def test_a_map_that_does_not_fit_is_refused(kv, change, query):
    change(kv)
    with pytest.raises((ValueError, TypeError), match="key_to_index"):
        query(kv)


TABLES = {
    "wider": lambda kv: setattr(kv, "vectors", np.ones((6, 9), "f4")),
    "narrower": lambda kv: setattr(kv, "vectors", kv.vectors[:, :2]),
    "shorter": lambda kv: setattr(kv, "vectors", kv.vectors[:3]),
    "longer": lambda kv: setattr(kv, "vectors", np.ones((7, 4), "f4")),
    "flat": lambda kv: setattr(kv, "vectors", kv.vectors.ravel()),
    "reshaped in place": lambda kv: setattr(kv.vectors, "shape", (4, 6)),
    "resized in place": lambda kv: kv.vectors.resize((2, 4), refcheck=False),
    "lists": lambda kv: setattr(kv, "vectors", kv.vectors.tolist()),
    "integers": lambda kv: setattr(kv, "vectors", np.ones((6, 4), int)),
    "None": lambda kv: setattr(kv, "vectors", None),
    "another vector_size": lambda kv: setattr(kv, "vector_size", 3),
    "no vector_size": lambda kv: setattr(kv, "vector_size", "4"),
    "a word less": lambda kv: kv.index_to_key.pop(),
}


@pytest.mark.parametrize("name", sorted(OF_TABLES | WHOLE.keys()))
@pytest.mark.parametrize("change", TABLES.values(), ids=TABLES)
def test_a_table_that_does_not_fit_is_refused(kv, change, name):
    change(kv)
    with pytest.raises((ValueError, TypeError), match="vectors|vector_size"):
        (QUERIES | WHOLE)[name](kv)


def test_a_table_that_was_replaced_with_its_width_is_searched(kv):
    kv.vectors, kv.vector_size = kv.vectors[:, :3].astype(np.float64), 3
    found = kv.most_similar("moon", topn=5)
    right = KeyedVectors.from_words(WORDS, kv.vectors.copy()).most_similar("moon", topn=5)
    assert found == right
    with pytest.raises(ValueError, match="expected a word or a vector"):
        kv.similar_by_vector(np.ones(4))


@pytest.mark.parametrize("vector", [np.ones(3), np.ones((2, 4)), np.ones(0), "x" * 4, [None] * 4])
def test_a_query_of_another_width_is_refused(kv, vector):
    calls = [kv.similar_by_vector, kv.distances]
    if not isinstance(vector, str):  # an unknown word does not count in a mean
        calls.append(lambda v: kv.get_mean_vector([v], None))
    for call in calls:
        with pytest.raises((ValueError, TypeError, KeyError)):
            call(vector)


ATTRIBUTES = {
    "short": lambda kv: kv.expandos.update(count=np.ones(3)),
    "a list": lambda kv: kv.expandos.update(count=[1] * 6),
    "a table": lambda kv: kv.expandos.update(count=np.ones((6, 1))),
    "a number": lambda kv: kv.expandos.update(count=5),
}


@pytest.mark.parametrize("change", ATTRIBUTES.values(), ids=ATTRIBUTES)
def test_an_attribute_that_does_not_fit_is_refused(kv, change):
    change(kv)
    calls = (lambda kv: kv.set_vecattr("sun", "count", 5), QUERIES["get_vecattr"], *WHOLE.values())
    for call in calls:
        with pytest.raises((ValueError, TypeError), match=r"expandos\['count'\]"):
            call(kv)
    assert len(kv.vectors) == 6


def test_results_of_queries_are_copies(kv):
    before = kv.vectors.copy()
    row = kv["moon"]
    row += 100
    for result in (
        *(kv[["sun", "moon"]], kv.get_vector("moon"), kv.get_vector("moon", norm=True), kv.norms),
        *(kv.get_normed_vectors(), kv.most_similar("moon", topn=None), kv.distances("moon")),
        *(kv.get_mean_vector(["moon"], pre_normalize=False), kv.word_vec("moon")),
    ):
        assert not np.shares_memory(result, kv.vectors)
        result[...] = 7
    assert_same_bits(kv.vectors, before)
    kv["moon"] += 1
    assert_same_bits(kv["moon"], before[1] + 1)
    kv.vectors[1] = before[1]  # the live array
    assert_same_bits(kv["moon"], before[1])


def test_nothing_is_changed_by_an_addition_that_is_refused(kv):
    kv.expandos["count"].setflags(write=False)
    before = kv.vectors.copy()
    with pytest.raises(ValueError, match="count.*read-only"):
        kv.add_vectors(["sun"], np.ones((1, 4)), {"count": [9]}, replace=True)
    kv.vectors.setflags(write=False)
    with pytest.raises(ValueError, match="vectors: expected a writable"):
        kv.add_vectors(["sun"], np.ones((1, 4)), replace=True)
    assert_same_bits(kv.vectors, before)


@pytest.mark.parametrize("dtype", ["u4", "u8", "i8", "f4"])
def test_sorting_by_counts_of_any_dtype_puts_0_last(dtype):
    vectors = KeyedVectors.from_words(["a", "b", "c", "d"], np.eye(4))
    vectors.expandos["count"] = np.array([0, 3, 0, 5], dtype)
    vectors.sort_by_descending_frequency()
    assert vectors.index_to_key == ["d", "b", "a", "c"]


@pytest.mark.parametrize("words", [["a", 1], [0.5, 1.5], [b"a", b"b"], [np.int64(1), np.int64(2)]])
def test_words_of_another_type_are_refused_by_what_uses_all(tmp_path, words):
    vectors = KeyedVectors.from_words(["a", "b"], np.eye(2))
    vectors.index_to_key = words
    vectors.key_to_index = {word: row for row, word in enumerate(words)}
    for call in (lambda: vectors.save(tmp_path / "v"), lambda: vectors.add_vector("c", [1, 2])):
        with pytest.raises(TypeError, match="index_to_key: expected words|keys: expected"):
            call()
    assert list(tmp_path.iterdir()) == []


def test_evaluation_refuses_a_changed_map(kv, tmp_path):
    (tmp_path / "questions").write_text(": s\nsun moon star dog\n")
    (tmp_path / "pairs").write_text("sun\tmoon\t1\ndog\tcat\t2\nstar\tpig\t3\n")
    kv.evaluate_word_analogies(tmp_path / "questions")
    kv.evaluate_word_pairs(tmp_path / "pairs")
    kv.key_to_index["moon"] = 3
    for call in (
        lambda: kv.evaluate_word_analogies(tmp_path / "questions"),
        lambda: kv.evaluate_word_pairs(tmp_path / "pairs"),
    ):
        with pytest.raises(ValueError, match="key_to_index"):
            call()


# What `resize_vectors` and `allocate_vecattrs` cannot bring to the number of words.
ODD = {
    "expandos a number": lambda kv: setattr(kv, "expandos", 2**63),
    "expandos None": lambda kv: setattr(kv, "expandos", None),
    "an attribute of lists": lambda kv: kv.expandos.update(count=[1] * 6),
    "an attribute of two dimensions": lambda kv: kv.expandos.update(count=np.ones((6, 1))),
    "an attribute of none": lambda kv: kv.expandos.update(count=np.array(1)),
    "an attribute under a number": lambda kv: kv.expandos.update({3: np.ones(6)}),
    "words a number": lambda kv: setattr(kv, "index_to_key", 6),
    "words a tuple": lambda kv: setattr(kv, "index_to_key", tuple(WORDS)),
    "a word no text": lambda kv: kv.index_to_key.append(np.zeros(3)),
}
ODD_TABLES = {name: TABLES[name] for name in ("wider", "flat", "lists", "integers", "None")}


@pytest.mark.parametrize("change", (ODD | ODD_TABLES).values(), ids=ODD | ODD_TABLES)
def test_what_cannot_be_brought_to_the_number_of_words_is_refused(kv, change):
    change(kv)
    before = vars(kv).copy()
    with pytest.raises((ValueError, TypeError), match="expandos|index_to_key|vectors: expected"):
        kv.resize_vectors()
    assert all(vars(kv)[name] is value for name, value in before.items())


@pytest.mark.parametrize("change", [v for k, v in ODD.items() if "no text" not in k])
def test_attributes_that_cannot_be_lengthened_are_refused(kv, change):
    change(kv)
    with pytest.raises((ValueError, TypeError), match="expandos|index_to_key"):
        kv.allocate_vecattrs(["rank"], [int])
    with pytest.raises((ValueError, TypeError), match="expandos|index_to_key"):
        kv.get_vecattr("moon", "count")
