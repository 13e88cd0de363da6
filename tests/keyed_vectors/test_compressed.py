"""Word vectors of float16 and int8: what is kept, queried, shared and refused."""

import json
import pickle
import subprocess
import sys
import tracemalloc
import warnings

import numpy as np
import pytest
from fresh_interpreter import run
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from fastw2v import KeyedVectors, Word2Vec, _kernels
from fastw2v._files import fw2v
from fastw2v.keyed_vectors.compressed import CompressedRows, compress

KINDS = ("float16", "int8")


def clustered(V, D, seed=3):
    """Rows as trained vectors have them: around centres, correlated columns, lengths that vary."""
    rng = np.random.default_rng(seed)
    mix = rng.standard_normal((D, D)) * np.linspace(1.5, 0.3, D)
    centres = rng.standard_normal((max(2, V // 50), D))
    rows = centres[rng.integers(0, len(centres), V)] + 0.9 * rng.standard_normal((V, D))
    rows = rows @ mix + 0.3
    rows *= rng.lognormal(0, 0.7, (V, 1)) / np.linalg.norm(rows, axis=1, keepdims=True)
    return rows.astype(np.float32)


def named(table):
    return KeyedVectors.from_words([f"w{row}" for row in range(len(table))], table)


@pytest.fixture(scope="module")
def plain():
    return named(clustered(700, 35))


@pytest.fixture(params=KINDS)
def kind(request):
    return request.param


@pytest.fixture
def mapped(plain, kind, tmp_path):
    """Save `plain` compressed, and open the file."""
    plain.save(tmp_path / "vectors.fw2v", dtype=kind)
    return KeyedVectors.load(tmp_path / "vectors.fw2v")


# --- numbers ---------------------------------------------------------------------------------


def test_float16_rows_are_those_of_numpy(plain):
    rows = plain.astype("float16").vectors
    np.testing.assert_array_equal(np.asarray(rows), plain.vectors.astype("e").astype("f"))


def test_int8_rows_have_a_scale_each_and_are_near(plain):
    rows = plain.astype("int8").vectors
    top = np.abs(plain.vectors).max(axis=1)
    np.testing.assert_allclose(rows.scales, top / 127, rtol=1e-6)
    assert np.abs(rows.codes.astype(int)).max(axis=1).tolist() == [127] * len(rows)
    assert (np.abs(rows[...] - plain.vectors) <= 0.501 * rows.scales[:, None]).all()


floats = st.floats(-(2.0**127), 2.0**127, width=32)


@given(hnp.arrays(np.float32, hnp.array_shapes(min_dims=2, max_dims=2), elements=floats))
def test_any_float32_row_keeps_its_direction_as_int8(table):
    rows = compress(table, "int8")
    top = np.abs(table).max(axis=1, keepdims=True).astype(np.float64)
    codes = rows.codes * (top / 127)
    assert (np.abs(codes - table) <= 0.5001 * top / 127).all()
    assert np.isfinite(rows[...]).all()
    assert ((rows[...] != 0).any(axis=1) == (table != 0).any(axis=1)).all()


def test_the_largest_and_smallest_numbers_as_int8():
    largest, smallest = np.finfo(np.float32).max, np.finfo(np.float32).smallest_subnormal
    rows = compress(np.array([[largest, -largest], [smallest, 0]], np.float32), "int8")
    np.testing.assert_allclose(rows[0], [largest, -largest], rtol=1e-6)
    assert rows[1][0] > 0


@pytest.mark.parametrize(
    "dtype, number", [("float16", 7e4), ("int8", np.nan), ("int8", np.inf), ("int8", 1e39)]
)
def test_numbers_that_a_dtype_cannot_hold_are_refused(dtype, number, tmp_path):
    table = np.ones((3000, 50))
    table[2345, 7] = number
    with pytest.raises(ValueError, match="in row 2345"):
        named(table).save(tmp_path / "v", dtype=dtype)
    assert list(tmp_path.iterdir()) == []


def test_a_nan_stays_one_as_float16():
    vectors = named(np.array([[1, 0], [np.nan, 1], [1, 1]], np.float32)).astype("float16")
    assert np.isnan(vectors["w1"]).tolist() == [True, False]
    assert [word for word, _ in vectors.most_similar("w0")] == ["w2"]


def test_rows_too_small_for_float16_are_counted():
    table = np.array([[1, 1e-7], [1e-6, 0], [3e-5, 1e-5], [0, 0]], np.float32)
    with pytest.warns(UserWarning, match="2 rows, row 1 first"):
        rows = compress(table, "float16")
    np.testing.assert_array_equal(rows[...], table.astype("e").astype("f"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        compress(table, "int8")


@pytest.mark.parametrize("dtype", ["int16", "bfloat16", "f2,f4", object, 3])
def test_other_dtypes_are_refused(plain, dtype, tmp_path):
    for act in (
        lambda: plain.save(tmp_path / "v", dtype=dtype),
        lambda: plain.astype(dtype),
    ):
        with pytest.raises(ValueError, match=r"dtype: expected one of 'float32', .* 'int8', got"):
            act()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "at",
    [
        *(0, -1, np.int64(3), [2, 0], np.array([[1], [4]]), ([0, 5], [1, 2]), (3, 4), ...),
        (slice(4), 0),
    ],
)
def test_rows_are_read_as_from_an_array(mapped, at):
    whole = np.asarray(mapped.vectors)
    assert whole.dtype == np.float32
    found = mapped.vectors[at]
    np.testing.assert_array_equal(found, whole[at])
    assert found.dtype == np.float32
    mask = np.arange(len(whole)) % 7 == 0
    np.testing.assert_array_equal(mapped.vectors[mask], whole[mask])


def test_a_slice_is_a_table(mapped):
    some = mapped.vectors[5:100:3]
    assert isinstance(some, CompressedRows)
    assert some.shape == (32, 35)
    np.testing.assert_array_equal(some.astype(np.float64), np.asarray(mapped.vectors)[5:100:3])
    assert np.shares_memory(some.codes, mapped.vectors.codes)
    with pytest.raises(IndexError):
        some[32]


# --- queries: what the expanded table answers ------------------------------------------------

ANALOGIES = ": one\nw1 w2 w3 w4\nw5 w6 w7 w8\n: two\nw9 w10 w11 w12\n"
PAIRS = "".join(f"w{i}\tw{3 * i}\t{i % 5}\n" for i in range(1, 60))

QUERIES = {
    "most_similar": lambda v: v.most_similar("w3", topn=7),
    "mixed": lambda v: v.most_similar(["w3", (np.ones(35), 0.5)], ["w4"], topn=5),
    "clips": lambda v: v.most_similar("w3", clip_start=10, clip_end=400),
    "restricted": lambda v: v.similar_by_word("w3", restrict_vocab=99),
    "by vector": lambda v: v.similar_by_vector(v["w7"]),
    "by zeros": lambda v: v.similar_by_vector(np.zeros(35)),
    "more than there are": lambda v: v.most_similar("w5", topn=10_000),
    "all cosines": lambda v: v.most_similar("w3", topn=None),
    "two": lambda v: v.most_similar_many(["w3", "w4"]),
    "six": lambda v: v.most_similar_many([f"w{i}" for i in range(6)]),
    "many": lambda v: v.most_similar_many([f"w{i}" for i in range(40)], topn=4),
    "vectors": lambda v: v.most_similar_many(np.eye(35)[:20]),
    "cosmul": lambda v: v.most_similar_cosmul(["w3", "w4"], ["w5"]),
    "all products": lambda v: v.most_similar_cosmul(["w3"], topn=None),
    "similarity": lambda v: v.similarity("w1", "w2"),
    "distance": lambda v: v.distance("w1", "w2"),
    "distances": lambda v: v.distances("w1"),
    "distances to some": lambda v: v.distances("w1", ["w5", "w6"]),
    "n_similarity": lambda v: v.n_similarity(["w1", "w2"], ["w3"]),
    "doesnt_match": lambda v: v.doesnt_match(["w1", "w2", "w3", "w4"]),
    "centrality": lambda v: v.rank_by_centrality(["w1", "w2", "w3"]),
    "given": lambda v: v.most_similar_to_given("w1", ["w5", "w6", "w7"]),
    "closer_than": lambda v: v.closer_than("w1", "w2"),
    "rank": lambda v: v.rank("w1", "w2"),
    "mean": lambda v: v.get_mean_vector(["w1", "w2"], weights=[1, -2]),
    "word": lambda v: v["w9"],
    "words": lambda v: v[["w9", "w1"]],
    "unit": lambda v: v.get_vector("w9", norm=True),
    "norms": lambda v: v.norms,
    "normed": lambda v: v.get_normed_vectors(),
}


def flat(answer):
    """Return the words of an answer and its numbers."""
    words, numbers = [], []
    for part in answer if isinstance(answer, list | tuple) else [answer]:
        if isinstance(part, list | tuple):
            more = flat(part)
            words += more[0]
            numbers += more[1]
        elif isinstance(part, str):
            words.append(part)
        else:
            numbers += np.ravel(part).tolist()
    return words, numbers


def assert_same_answers(found, expected):
    assert flat(found)[0] == flat(expected)[0]
    np.testing.assert_allclose(flat(found)[1], flat(expected)[1], rtol=2e-6, atol=3e-7)


@pytest.mark.parametrize("name", QUERIES)
def test_answers_are_those_of_the_expanded_table(mapped, name):
    assert_same_answers(QUERIES[name](mapped), QUERIES[name](mapped.astype("float32")))


@pytest.mark.parametrize("function", ["most_similar", "most_similar_cosmul"])
def test_evaluations_are_those_of_the_expanded_table(mapped, tmp_path, function):
    (tmp_path / "analogies").write_text(ANALOGIES)
    (tmp_path / "pairs").write_text(PAIRS)
    expanded = mapped.astype("float32")
    for vectors in (mapped, expanded):
        assert vectors.evaluate_word_analogies(
            tmp_path / "analogies", similarity_function=function
        ) == expanded.evaluate_word_analogies(tmp_path / "analogies", similarity_function=function)
    found, expected = (v.evaluate_word_pairs(tmp_path / "pairs") for v in (mapped, expanded))
    np.testing.assert_allclose(np.ravel(found[:2]), np.ravel(expected[:2]), rtol=1e-6)


def test_float16_arrays_are_ranked_without_expansion(plain):
    # As files of earlier versions may hold them; they can be changed.
    vectors = named(plain.vectors.astype(np.float16))
    assert_same_answers(vectors.most_similar("w3"), plain.astype("float16").most_similar("w3"))
    vectors["w3"] = plain["w4"]
    assert vectors.most_similar("w3")[0][0] == "w4"


def test_answers_do_not_depend_on_the_number_of_threads(mapped, all_parts):
    def ask():
        return [mapped.most_similar("w3"), mapped.most_similar_many(["w1"] * 9 + ["w2"])]

    all_parts(1)
    expected = ask()
    for n in (2, 3, 7):
        all_parts(n)
        assert ask() == expected


ANSWER = """
import json, sys
from fastw2v import KeyedVectors
v = KeyedVectors.load(sys.argv[1] if len(sys.argv) > 1 else {file!r})
print(json.dumps([v.most_similar("w3"), v.most_similar_many(["w%d" % i for i in range(20)])]))
"""


@pytest.mark.parametrize("level", _kernels.usable_levels())
def test_answers_are_the_same_on_every_level(mapped, tmp_path, level):
    done = run(ANSWER.format(file=str(tmp_path / "vectors.fw2v")), FASTW2V_ISA=level)
    assert done.stderr == ""
    expected = [mapped.most_similar("w3"), mapped.most_similar_many([f"w{i}" for i in range(20)])]
    assert json.loads(done.stdout) == json.loads(json.dumps(expected))


# --- recall ----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind, least", [("float16", 0.99), ("int8", 0.95)])
def test_the_ten_nearest_are_found_again(kind, least):
    vectors = named(clustered(20_000, 100))
    words = [f"w{row}" for row in range(0, 20_000, 100)]
    exact = vectors.most_similar_many(words)
    found = vectors.astype(kind).most_similar_many(words)
    shared = [len({w for w, _ in a} & {w for w, _ in b}) for a, b in zip(exact, found, strict=True)]
    assert np.mean(shared) / 10 >= least


# --- memory ----------------------------------------------------------------------------------


def peak(act):
    """Return the most bytes that Python and numpy held at once while `act` ran."""
    tracemalloc.start()
    try:
        act()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_no_query_expands_the_table(kind, tmp_path):
    V, D = 16_000, 600
    file = tmp_path / "vectors.fw2v"
    named(np.random.default_rng(5).standard_normal((V, D), np.float32)).save(file, dtype=kind)
    vectors = KeyedVectors.load(file)
    (tmp_path / "analogies").write_text(ANALOGIES)
    queries = {
        "one": lambda: vectors.most_similar("w3"),
        "six": lambda: vectors.most_similar_many([f"w{i}" for i in range(6)]),
        "many": lambda: vectors.most_similar_many([f"w{i}" for i in range(50)]),
        "all": lambda: vectors.most_similar("w3", topn=None),
        "cosmul": lambda: vectors.most_similar_cosmul("w3"),
        "distances": lambda: vectors.distances("w3"),
        "closer_than": lambda: vectors.closer_than("w3", "w4"),
        "norms": lambda: vectors.norms,
        "doesnt_match": lambda: vectors.doesnt_match(["w1", "w2", "w3"]),
        "analogies": lambda: vectors.evaluate_word_analogies(tmp_path / "analogies"),
        "text": lambda: vectors.save_word2vec_format(tmp_path / "text.bin", binary=True),
        "copy": lambda: vectors.save(tmp_path / "copy.fw2v"),
    }
    # Bytes of the words in a list or dict, of arrays of cosines, and of a few blocks of rows.
    most = 250 * V + 3e6
    held = {name: peak(query) for name, query in queries.items()}
    assert {name: n for name, n in held.items() if n > most} == {}
    assert vectors.vectors.nbytes > most / 0.8


def test_opening_reads_no_table(kind, tmp_path):
    V, D = 4_000, 2_500
    file = tmp_path / "vectors.fw2v"
    named(np.ones((V, D), np.float32)).save(file, dtype=kind)
    assert peak(lambda: KeyedVectors.load(file)) < V * D  # of which float16 takes two bytes each


SHARE = """
import json, sys
from fastw2v import KeyedVectors
v = KeyedVectors.load(sys.argv[1])
print(json.dumps([v.most_similar("w3"), v.most_similar_many(["w1", "w2", "w3"] * 5)]), flush=True)
sys.stdin.readline()  # until all have answered
found, ours = {}, False
for line in open("/proc/self/smaps"):
    name, _, rest = line.partition(" ")
    if not name.endswith(":"):
        ours = line.rstrip().endswith(sys.argv[1])
    elif ours and rest.endswith("kB\\n"):
        found[name] = found.get(name, 0) + 1024 * int(rest.split()[0])
print(json.dumps(found), flush=True)
sys.stdin.readline()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the pages of a process are in /proc")
def test_four_processes_share_one_mapping(kind, tmp_path):
    file = tmp_path / "vectors.fw2v"
    vectors = named(clustered(8_000, 128))
    vectors.save(file, dtype=kind)
    expected = KeyedVectors.load(file, mmap=None)
    size = expected.vectors.nbytes
    started = [
        subprocess.Popen(
            [sys.executable, "-c", SHARE, str(file)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=tmp_path,  # not the clone, whose package may have no kernels
        )
        for _ in range(4)
    ]
    try:
        answers = [json.loads(process.stdout.readline()) for process in started]
        for process in started:
            process.stdin.write("\n")
            process.stdin.flush()
        pages = [json.loads(process.stdout.readline()) for process in started]
    finally:
        for process in started:
            process.communicate("\n", timeout=60)
    asked = [expected.most_similar("w3"), expected.most_similar_many(["w1", "w2", "w3"] * 5)]
    assert answers == [json.loads(json.dumps(asked))] * 4
    for found in pages:
        assert found["Rss:"] >= 0.9 * size  # the whole table was read
        assert found["Pss:"] <= 0.3 * found["Rss:"]  # a quarter of it counts for each
        assert found["Private_Dirty:"] + found["Anonymous:"] == 0


# --- files -----------------------------------------------------------------------------------


def test_a_file_keeps_words_attributes_and_rows(plain, kind, tmp_path):
    vectors = KeyedVectors.from_words(plain.index_to_key, plain.vectors)
    vectors.expandos["count"] = np.arange(700)[::-1].copy()
    vectors.save(tmp_path / "a", dtype=kind)
    again = KeyedVectors.load(tmp_path / "a")
    assert again.index_to_key == vectors.index_to_key
    assert again.get_vecattr("w0", "count") == 699
    again.set_vecattr("w0", "count", 5)
    assert again.get_vecattr("w0", "count") == 5
    assert KeyedVectors.load(tmp_path / "a").get_vecattr("w0", "count") == 699
    # As it is, the table is written with the same bytes.
    KeyedVectors.load(tmp_path / "a").save(tmp_path / "b")
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    for mmap in ("c", "r", None):
        other = KeyedVectors.load(tmp_path / "a", mmap=mmap)
        np.testing.assert_array_equal(other.vectors.codes, again.vectors.codes)
        assert not other.vectors.codes.flags.writeable


def test_a_compressed_table_is_expanded_on_request(mapped, kind, tmp_path):
    file = tmp_path / "vectors.fw2v"
    for dtype in ("float32", np.float32, np.dtype("d")):
        expanded = KeyedVectors.load(file, dtype=dtype)
        assert expanded.vectors.dtype == dtype
        np.testing.assert_array_equal(expanded.vectors, np.asarray(mapped.vectors))
        expanded.add_vector("new", np.ones(35))
        expanded["w0"] = np.zeros(35)
        assert mapped["w0"].any()
    mapped.save(tmp_path / "plain", dtype="float32")
    assert type(KeyedVectors.load(tmp_path / "plain").vectors) is np.ndarray
    mapped.save_word2vec_format(tmp_path / "text.txt")
    text = KeyedVectors.load(tmp_path / "text.txt", dtype=kind)
    assert text.vectors.stored == kind
    np.testing.assert_allclose(text["w3"], mapped["w3"], rtol=1e-6)


def test_astype_makes_a_copy(plain):
    for dtype in ("float32", "float64"):
        other = plain.astype(dtype)
        other.vectors[0] += 1
        other.index_to_key[0] = "x"
        assert not np.array_equal(other.vectors[0], plain.vectors[0])
        assert plain.index_to_key[0] == "w0"


@pytest.mark.parametrize("words", [[], ["a"], [7, 9]])
def test_sets_of_few_words(words, kind, tmp_path):
    vectors = KeyedVectors.from_words(words, np.ones((len(words), 3), np.float32))
    vectors.save(tmp_path / "v", dtype=kind)
    again = KeyedVectors.load(tmp_path / "v")
    assert again.index_to_key == words
    assert again.vectors.shape == (len(words), 3)
    assert again.similar_by_vector(np.ones(3)) == [(word, 1.0) for word in words]
    assert again.norms.shape == (len(words),)


def test_tables_of_a_model_in_training_can_be_saved(kind, tmp_path):
    model = Word2Vec([["a", "b", "c"]] * 20, vector_size=8, min_count=1, epochs=1)
    model.wv.save(tmp_path / "v", dtype=kind)
    again = KeyedVectors.load(tmp_path / "v")
    np.testing.assert_allclose(again["a"], model.wv["a"], atol=np.abs(model.wv["a"]).max() / 200)


def test_a_copy_by_pickle_is_read_only(mapped):
    again = pickle.loads(pickle.dumps(mapped))
    assert again.most_similar("w3") == mapped.most_similar("w3")
    assert not again.vectors.codes.flags.writeable


def test_versions_of_the_format(plain, kind, tmp_path):
    file = tmp_path / "vectors.fw2v"
    plain.save(file)
    assert file.read_bytes()[:8] == b"FASTW2V\x01"  # earlier versions of fastw2v read it
    plain.save(file, dtype=kind)
    content = file.read_bytes()
    assert content[:8] == b"FASTW2V\x02"  # they refuse it by this byte
    file.write_bytes(content[:7] + b"\x03" + content[8:])
    with pytest.raises(ValueError, match="version 3 of the format, this fastw2v reads versions up"):
        KeyedVectors.load(file)


@pytest.mark.parametrize(
    "damage",
    [
        lambda arrays: arrays.pop("int8 vectors"),
        lambda arrays: arrays.pop("scales"),
        lambda arrays: arrays.update(scales=arrays["scales"][:-1]),
        lambda arrays: arrays.update(scales=arrays["scales"].astype("d")),
        lambda arrays: arrays.update(scales=arrays["scales"] * np.float32(np.nan)),
        lambda arrays: arrays.update({"int8 vectors": arrays["int8 vectors"][:-1]}),
        lambda arrays: arrays.update({"int8 vectors": arrays["int8 vectors"][0]}),
        lambda arrays: arrays.update({"int8 vectors": arrays["int8 vectors"].view("u1")}),
        lambda arrays: arrays.update({"float16 vectors": arrays["int8 vectors"]}),
    ],
)
def test_damaged_tables_are_refused(plain, tmp_path, damage):
    facts, arrays = fw2v.pack_words(plain.index_to_key)
    rows = plain.astype("int8").vectors
    arrays |= {"int8 vectors": rows.codes, "scales": rows.scales}
    fw2v.write(tmp_path / "v", "KeyedVectors", facts, arrays)
    assert KeyedVectors.load(tmp_path / "v").similarity("w1", "w1") == pytest.approx(1)
    damage(arrays)
    if "float16 vectors" in arrays:
        arrays.pop("int8 vectors")
    fw2v.write(tmp_path / "v", "KeyedVectors", facts, arrays)
    with pytest.raises(ValueError, match=r"/v: .*get the file again"):
        KeyedVectors.load(tmp_path / "v")


# --- refused, as the table is read-only ------------------------------------------------------


def _in_place(vectors):
    vectors.vectors *= 2


CHANGES = {
    "add_vector": lambda v: v.add_vector("new", np.ones(35)),
    "add_vectors": lambda v: v.add_vectors(["w1"], np.ones((1, 35)), replace=True),
    "set a word": lambda v: v.__setitem__("w1", np.ones(35)),
    "set a row": lambda v: v.vectors.__setitem__(3, 0),
    "set all": lambda v: v.vectors.__setitem__(slice(None), 0),
    "in place": _in_place,
    "unit_normalize_all": lambda v: v.unit_normalize_all(),
    "init_sims": lambda v: v.init_sims(replace=True),
    "sort": lambda v: v.sort_by_descending_frequency(),
    "to_gensim": lambda v: v.to_gensim(),
}


@pytest.mark.parametrize("name", CHANGES)
def test_changes_are_refused_with_the_cure(mapped, kind, name):
    if name == "to_gensim":
        pytest.importorskip("gensim")
    before = mapped.vectors.codes.copy(), list(mapped.index_to_key)
    with pytest.raises(ValueError, match=rf"got {kind} rows, which are read-only; .*astype"):
        CHANGES[name](mapped)
    assert mapped.vectors.codes.tobytes() == before[0].tobytes()
    assert mapped.index_to_key == before[1]


def test_training_is_refused_with_the_cure(kind, tmp_path):
    text = [["a", "b", "c"]] * 20
    model = Word2Vec(text, vector_size=8, min_count=1, epochs=1)
    plain = model.wv
    model.wv = plain.astype(kind)
    outputs = model.syn1neg.copy()
    for act in (
        lambda: model.train(text, total_examples=20, epochs=1),
        lambda: model.save(tmp_path / "model"),
        lambda: model.build_vocab([["d", "e"]], update=True),
    ):
        with pytest.raises(ValueError, match=rf"wv.vectors: .*got {kind} rows.*astype"):
            act()
    assert model.syn1neg.tobytes() == outputs.tobytes()
    assert len(model.wv) == 3
    assert model.predict_output_word(["a"])
    model.wv = model.wv.astype("float32")
    model.train(text, total_examples=20, epochs=1)


def test_float16_numbers_at_an_odd_address_are_copied_before_a_kernel_reads_them(rng):
    vectors = named(rng.standard_normal((50, 8)).astype(np.float32)).astype("float16")
    expected = vectors.most_similar("w1")
    held = bytes(1) + vectors.vectors.codes.tobytes()
    odd = np.frombuffer(held, np.float16, offset=1).reshape(50, 8)
    assert not odd.flags.aligned
    vectors.vectors.codes = odd
    assert vectors.most_similar("w1") == expected
    vectors.vectors = odd
    assert vectors.most_similar("w1") == expected
