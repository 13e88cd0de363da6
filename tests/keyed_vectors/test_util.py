"""fastw2v.util: the book's numbers and the book's printed text."""

import doctest
import re

import numpy as np
import pytest
from conftest import N_PARTS, assert_same_bits
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from places import DATA

from fastw2v import util
from fastw2v._core import ranking

SENTENCE = "You say goodbye and I say hello."
INTEGERS = ["i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", ">i4", ">i8"]


@pytest.fixture(scope="module")
def golden():
    with np.load(DATA / "util.npz") as archive:
        return {key.removeprefix("util/"): archive[key] for key in archive.files}


@pytest.fixture(scope="module")
def extras():
    with np.load(DATA / "extras.npz") as archive:
        return {key.removeprefix("extras/"): archive[key] for key in archive.files}


def test_docstring_examples_run():
    result = doctest.testmod(util)
    assert result.attempted and not result.failed


# preprocess


def test_preprocess_gives_the_ids_of_the_book():
    corpus, word_to_id, id_to_word = util.preprocess(SENTENCE)
    assert_same_bits(corpus, np.array([0, 1, 2, 3, 4, 1, 5, 6], np.int64))
    assert list(word_to_id) == ["you", "say", "goodbye", "and", "i", "hello", "."]
    assert all(word_to_id[id_to_word[i]] == i for i in range(7))


def test_preprocess_splits_at_single_blanks_only():
    corpus, word_to_id, _ = util.preprocess("a  b\nc. A")
    assert list(word_to_id) == ["a", "", "b\nc", "."]
    assert corpus.tolist() == [0, 1, 2, 3, 0]
    assert util.preprocess("")[0].tolist() == [0]
    with pytest.raises(TypeError, match="text: expected str, got bytes"):
        util.preprocess(b"you say")


# contexts, one-hot, counts


@pytest.mark.parametrize("w", [1, 2, 5])
def test_contexts_and_counts_are_golden(golden, w):
    corpus = golden[f"contexts_w{w}/corpus"]
    contexts, target = util.create_contexts_target(corpus, w)
    assert_same_bits(contexts, golden[f"contexts_w{w}/contexts"])
    assert_same_bits(target, golden[f"contexts_w{w}/target"])
    C = util.create_co_matrix(golden[f"co_matrix_w{w}/corpus"], 9, w)
    assert_same_bits(C, golden[f"co_matrix_w{w}/C"])
    np.testing.assert_allclose(util.ppmi(C), golden[f"co_matrix_w{w}/ppmi"], rtol=1e-6)


def test_one_hot_vectors_are_golden(golden):
    for case in ("one_hot1", "one_hot2"):
        assert_same_bits(util.convert_one_hot(golden[f"{case}/x"], 9), golden[f"{case}/y"])


def test_contexts_of_the_book_sentence():
    corpus = np.array([0, 1, 2, 3, 4, 5, 1, 0, 3, 4, 5, 0, 6])
    contexts, target = util.create_contexts_target(corpus, 1)
    assert contexts.shape == (11, 2) and target.tolist() == [1, 2, 3, 4, 5, 1, 0, 3, 4, 5, 0]
    contexts, target = util.create_contexts_target(corpus, window_size=2)
    assert contexts.shape == (9, 4) and target.tolist() == [2, 3, 4, 5, 1, 0, 3, 4, 5]
    assert contexts[0].tolist() == [0, 1, 3, 4]


@given(
    base=hnp.arrays(np.int64, st.integers(0, 60), elements=st.integers(0, 11)),
    kind=st.sampled_from(INTEGERS),
    step=st.sampled_from([1, 2, -1]),
    w=st.integers(1, 6),
)
def test_ids_may_be_any_integers_with_any_strides(base, kind, step, w):
    corpus = base.astype(kind)[::step]
    corpus.flags.writeable = False
    plain = base[::step]
    contexts, target = util.create_contexts_target(corpus, w)
    assert target.dtype == corpus.dtype
    assert contexts.dtype == (corpus.dtype if len(plain) > 2 * w else np.float64)
    expected = [np.r_[plain[n - w : n], plain[n + 1 : n + w + 1]] for n in range(w, len(plain) - w)]
    assert contexts.tolist() == [row.tolist() for row in expected]
    assert target.tolist() == plain[w : len(plain) - w].tolist()
    C = util.create_co_matrix(corpus, 12, w)
    assert C.dtype == np.int32
    assert (C == C.T).all() and C.sum() == sum(2 * max(0, len(plain) - d) for d in range(1, w + 1))
    assert (util.convert_one_hot(corpus, 12) == np.eye(12)[plain]).all()


def test_a_corpus_without_a_full_window_gives_the_empty_arrays_of_the_book():
    for corpus in (np.array([], np.int32), np.array([3], np.int32), np.arange(4, dtype=np.int32)):
        contexts, target = util.create_contexts_target(corpus, 2)
        assert contexts.shape == target.shape == (0,)
        assert contexts.dtype == np.float64 and target.dtype == np.int32
    assert [x.shape for x in util.create_contexts_target([])] == [(0,), (0,)]
    contexts, target = util.create_contexts_target(np.arange(5), 2)
    assert contexts.tolist() == [[0, 1, 3, 4]] and target.tolist() == [2]
    assert util.create_contexts_target([1, 2, 3])[0].tolist() == [[1, 3]]
    assert util.create_co_matrix([], 3).sum() == 0
    assert util.create_co_matrix([0, 1], 3, 10).tolist() == [[0, 1, 0], [1, 0, 0], [0, 0, 0]]
    assert util.create_co_matrix([0, 1], 2, 0).tolist() == [[0, 0], [0, 0]]


@pytest.mark.parametrize("V", [1, 3, 60])
def test_counts_do_not_depend_on_the_number_of_parts(rng, all_parts, V):
    corpus = np.minimum(rng.zipf(1.5, 700) - 1, V - 1)
    results = []
    for n in N_PARTS:
        all_parts(n)
        C = util.create_co_matrix(corpus, V, 3)
        results.append((C, util.ppmi(C), *util.create_contexts_target(corpus, 3)))
    for result in results[1:]:
        for actual, expected in zip(result, results[0], strict=True):
            assert_same_bits(actual, expected)


def test_negative_ids_count_from_the_end():
    plain, wrapped = np.array([0, 1, 2, 1]), np.array([0, -2, -1, 1])
    assert_same_bits(util.create_co_matrix(wrapped, 3), util.create_co_matrix(plain, 3))
    assert_same_bits(util.convert_one_hot(wrapped, 3), util.convert_one_hot(plain, 3))


def test_ids_may_have_gaps():
    assert util.create_co_matrix(np.array([0, 5, 0]), 7)[5].tolist() == [2, 0, 0, 0, 0, 0, 0]


@pytest.mark.parametrize("bad", [7, 2**40, -8])
def test_an_id_outside_the_vocabulary_is_named(bad):
    corpus = np.array([0, 6, bad, 1, bad])
    message = rf"corpus: id {bad} at position 2 is out of range for 7 rows; use ids from -7 to 6"
    with pytest.raises(IndexError, match=message):
        util.create_co_matrix(corpus, 7)
    with pytest.raises(IndexError, match=rf"corpus: id {bad} at position \(1, 1\)"):
        util.convert_one_hot(corpus[:4].reshape(2, 2)[:, ::-1], 7)


def test_an_unsigned_id_beyond_63_bits_is_named():
    with pytest.raises(IndexError, match=f"id {2**64 - 1} at position 1"):
        util.create_co_matrix(np.array([0, 2**64 - 1], np.uint64), 7)


@pytest.mark.parametrize(
    "make", [util.create_contexts_target, lambda c: util.create_co_matrix(c, 9)]
)
def test_a_corpus_without_integer_ids_is_refused(make):
    for bad in ([0.0, 1.0], [True, False], ["a"], [None]):
        with pytest.raises(
            TypeError,
            match=r"corpus: expected integer ids, got dtype .*; (convert with|look words up)",
        ):
            make(np.array(bad))
    with pytest.raises(ValueError, match=r"corpus: expected 1 axis, got shape \(2, 2\)"):
        make(np.zeros((2, 2), np.int64))


def test_bad_windows_are_refused():
    corpus = np.arange(9)
    for bad in (0, -1):
        with pytest.raises(ValueError, match=f"window_size: expected at least 1, got {bad}"):
            util.create_contexts_target(corpus, bad)
    with pytest.raises(ValueError, match="window_size: expected at least 0, got -2"):
        util.create_co_matrix(corpus, 9, -2)
    for bad in (1.0, True, "1", None):
        with pytest.raises(TypeError, match="window_size: expected a whole number"):
            util.create_contexts_target(corpus, bad)
    assert util.create_contexts_target(corpus, np.int8(2))[0].shape == (5, 4)


# PPMI


def test_ppmi_and_similarity_of_the_book_sentence():
    corpus, word_to_id, _ = util.preprocess(SENTENCE)
    C = util.create_co_matrix(corpus, len(word_to_id))
    assert str(util.cos_similarity(C[word_to_id["you"]], C[word_to_id["i"]])) == (
        "0.7071067691154799"
    )
    M = util.ppmi(C)
    assert M.dtype == np.float32
    assert sorted(set(M.round(3).ravel().tolist())) == pytest.approx([0, 0.807, 1.807, 2.807])


def test_ppmi_of_an_absent_word_is_zero():
    C = np.array([[0, 0, 0], [0, 2, 1], [0, 1, 0]])
    M = util.ppmi(C)
    assert not M[0].any() and not M[:, 0].any() and np.isfinite(M).all()
    assert util.ppmi(np.zeros((2, 2), np.int32)).tolist() == [[0, 0], [0, 0]]
    assert util.ppmi(np.empty((0, 0), np.int32)).shape == (0, 0)


@pytest.mark.parametrize("kind", ["i2", "u1", "u4", ">i8", "f2", "f4", "f8", "?"])
def test_ppmi_takes_any_kind_of_counts(rng, kind):
    C = rng.integers(0, 2, (6, 6))
    C = C | C.T
    expected = util.ppmi(C)
    np.testing.assert_allclose(util.ppmi(C.astype(kind)), expected, rtol=1e-6)
    np.testing.assert_allclose(util.ppmi(np.asfortranarray(C.astype(kind))), expected, rtol=1e-6)


@pytest.mark.parametrize("V", [1, 3, 7, 9, 10, 11, 37, 150])
def test_ppmi_prints_the_progress_of_the_book(capsys, V):
    util.ppmi(np.ones((V, V), np.int32), verbose=True)
    step = V * V // 100 + 1
    lines = [f"{100 * n / V**2:.1f}% done\n" for n in range(1, V * V + 1) if n % step == 0]
    assert capsys.readouterr().out == "".join(lines)


def test_ppmi_refuses_other_things_than_square_matrices():
    with pytest.raises(
        ValueError, match=r"C: expected a square matrix \(V, V\), got shape \(2, 3\)"
    ):
        util.ppmi(np.ones((2, 3), np.int32))
    with pytest.raises(TypeError, match="C: expected real numbers, got dtype complex128"):
        util.ppmi(np.ones((2, 2), complex))


# similarity


def test_cos_similarity_is_golden(golden, extras, dtype):
    case = f"{dtype.kind}{dtype.itemsize}/cos_similarity"
    actual = util.cos_similarity(golden[f"{case}/x"], golden[f"{case}/y"])
    assert actual.dtype == dtype
    np.testing.assert_allclose(actual, golden[f"{case}/c"], rtol=1e-6)
    for case in ("cos_similarity_f2", "cos_similarity_i4"):
        assert util.cos_similarity(extras[f"{case}/x"], extras[f"{case}/y"]) == extras[f"{case}/c"]


def test_cos_similarity_of_counts_with_large_squares():
    counts = np.array([100_000, 3], np.int32)
    assert util.cos_similarity(counts, counts) == pytest.approx(1)


def test_normalize_is_golden(golden, dtype):
    case = f"{dtype.kind}{dtype.itemsize}/normalize"
    x, y = golden[f"{case}/x"].copy(), golden[f"{case}/y"]
    assert util.normalize(x) is x
    np.testing.assert_allclose(x, y, rtol=1e-6)
    row = golden[f"{case}/x"][0].copy()
    assert util.normalize(row) is row
    np.testing.assert_allclose(row, y[0], rtol=1e-6)


def test_normalize_takes_floats_only():
    x = np.array([3, 4])
    with pytest.raises(TypeError, match="x: expected floats to divide in place, got dtype int64"):
        util.normalize(x)
    cube = np.ones((2, 2, 2))
    assert util.normalize(cube) is cube and (cube == 1).all()


def words(V):
    id_to_word = {i: f"w{i:02d}" for i in range(V)}
    return {word: i for i, word in id_to_word.items()}, id_to_word


def assert_same_text(actual, expected, kind):
    """Compare texts, except for digits that depend on the rounding of the linear algebra library.

    BLAS adds the products of a row in an order of its own for each kind of CPU, so that the book
    prints other last digits on other machines. numpy's float16 does not use it.
    """
    number = re.compile(r"-?[0-9]+\.[0-9]+")
    assert number.sub("#", actual) == number.sub("#", expected)
    if kind == "f2":
        assert actual == expected
    for a, e in zip(number.findall(actual), number.findall(expected), strict=True):
        assert float(a) == pytest.approx(float(e), rel={"f2": 0, "f4": 2e-6, "f8": 2e-14}[kind])


@pytest.mark.parametrize("kind", ["f2", "f4", "f8"])
def test_most_similar_prints_the_golden_text(extras, capsys, kind):
    case, vocabulary = f"most_similar_{kind}", words(13)
    for M in (extras[f"{case}/M"], np.asfortranarray(extras[f"{case}/M"])):
        assert util.most_similar(str(extras[f"{case}/query"]), *vocabulary, M, top=4) is None
        assert_same_text(capsys.readouterr().out, str(extras[f"{case}/text"]), kind)
    assert util.most_similar("zzz", *vocabulary, M) is None
    assert capsys.readouterr().out == str(extras[f"{case}/missing"])


@pytest.mark.parametrize("kind", ["f2", "f4", "f8"])
def test_analogy_prints_the_golden_text(extras, capsys, kind):
    M, vocabulary = extras[f"analogy_{kind}/M"], words(13)
    before = M.copy()
    assert util.analogy("w01", "w02", "w03", *vocabulary, M, top=3, answer="w05") is None
    assert_same_text(capsys.readouterr().out, str(extras[f"analogy_{kind}/text"]), kind)
    assert_same_bits(M, before)


def test_most_similar_agrees_with_the_loop_of_the_book(rng, capsys):
    V, vocabulary = 300, words(300)
    for kind in ("f2", "f4", "f8", "i4"):
        M = (4 * rng.standard_normal((V, 37))).astype(kind)
        similarity = np.zeros(V)
        for i in range(V):
            similarity[i] = util.cos_similarity(M[i], M[7])
        order = [i for i in (-1 * similarity).argsort() if i != 7]
        util.most_similar("w07", *vocabulary, M, top=V)
        lines = [f" {vocabulary[1][i]}: {similarity[i]}" for i in order]
        assert capsys.readouterr().out.split("\n")[2:-1] == lines


def test_most_similar_of_several_blocks_of_rows(rng, capsys, monkeypatch):
    M, vocabulary = rng.standard_normal((40, 5)), words(30)
    util.most_similar("w03", *vocabulary, M)
    expected = capsys.readouterr().out
    monkeypatch.setattr(util, "_ROWS_AT_ONCE", 7)
    util.most_similar("w03", *vocabulary, M)
    assert capsys.readouterr().out == expected and expected.count("\n") == 7


@pytest.mark.parametrize("kind", ["f4", "f8"])
@pytest.mark.parametrize(
    "case", ["plain", "ties", "duplicates", "faint", "near", "huge", "nan", "zero", "far"]
)
def test_most_similar_by_a_search_prints_what_a_full_sort_prints(
    rng, capsys, monkeypatch, kind, case
):
    V, D, vocabulary = 90, 9, words(90)
    for top in (0, 1, 5, 20):
        M = rng.standard_normal((V, D))
        if case == "ties":  # many equal scores, whose order is that of numpy's sort
            M = rng.integers(-1, 2, (V, D))
        elif case == "duplicates":
            M[rng.integers(0, V, 40)] = M[3]
        elif case == "faint":  # lengths near the 1e-8 that the book adds
            M *= 10.0 ** rng.integers(-12, 1, (V, 1))
        elif case == "near":  # the nearest rows are so short that their scores are not the best
            M[4:70] = 1e-12 * (M[3] + 0.1 * rng.standard_normal((66, D)))
        elif case == "huge":  # squares that overflow float32
            M[::3] *= 1e25
        elif case == "nan":
            M[rng.integers(4, V, 20), 2] = rng.choice([np.nan, np.inf], 20)
        elif case == "zero":
            M[3] = 0
        elif case == "far":  # hardly a row on the side of the query
            M = -np.abs(M)
            M[3] *= -1
        M = np.asfortranarray(M.astype(kind)) if top == 5 else M.astype(kind)
        printed = []
        for few in (10**9, 0):
            monkeypatch.setattr(util, "_FEW_NUMBERS", few)
            with np.errstate(all="ignore"):
                util.most_similar("w03", *vocabulary, M, top=top)
            printed.append(capsys.readouterr().out)
        assert printed[0] == printed[1]
        assert printed[0].count("\n") == 2 + max(top, 1)


def test_most_similar_searches_where_the_answer_is_certain(rng):
    M = rng.standard_normal((300, 10)).astype("f")
    M[50] = M[60]
    wanted = util._unit(M[3], 1e-8)
    assert util._surely_best(M, wanted, 5) is None  # a small table is sorted at once
    M = np.tile(M, (20, 1)) + 0.01 * rng.standard_normal((6000, 10)).astype("f")
    found = util._surely_best(M, util._unit(M[3], 1e-8), 5)
    scores = [util.cos_similarity(M[i], M[3]) for i, _ in found]
    assert found[0][0] == 3 and len(found) >= 5
    assert scores == sorted(scores, reverse=True) == [score for _, score in found]


def test_most_similar_of_the_book_sentence(capsys):
    corpus, word_to_id, id_to_word = util.preprocess(SENTENCE)
    C = util.create_co_matrix(corpus, len(word_to_id))
    util.most_similar("you", word_to_id, id_to_word, C, top=5)
    lines = capsys.readouterr().out.split("\n")
    assert lines[:2] == ["", "[query] you"]
    assert {line.split(":")[0] for line in lines[2:5]} == {" goodbye", " i", " hello"}
    assert all(line.endswith(": 0.7071067691154799") for line in lines[2:5])
    assert all(line.endswith(": 0.0") for line in lines[5:7]) and lines[7:] == [""]


def test_analogy_reports_missing_words_and_skips_nan(capsys):
    vocabulary = words(5)
    M = np.array([[1, 0], [1, 1], [-1, 0], [np.nan, 1], [2, 2]])
    util.analogy("w00", "nope", "gone", *vocabulary, M)
    assert capsys.readouterr().out == "nope is not found\n"
    util.analogy("w00", "w01", "w02", *vocabulary, M, answer="gone")
    assert capsys.readouterr().out == "gone is not found\n"
    util.analogy("w00", "w01", "w02", *vocabulary, M)
    assert capsys.readouterr().out == "\n[analogy] w00:w01 = w02:?\n w04: 0.0\n"
    util.analogy("w00", "w00", "w01", *vocabulary, np.eye(5, dtype=np.int32), top=1)
    assert capsys.readouterr().out == "\n[analogy] w00:w00 = w01:?\n w02: 0.0\n"


def test_a_matrix_of_another_vocabulary_is_refused():
    for call in (
        lambda M: util.most_similar("w00", *words(5), M),
        lambda M: util.analogy("w00", "w01", "w02", *words(5), M),
    ):
        with pytest.raises(ValueError, match=r"word_matrix: expected shape \(5, D\).*got \(4, 2\)"):
            call(np.ones((4, 2)))


# nearest


@given(st.data())
def test_nearest_agrees_with_sorting(data):
    kind = data.draw(st.sampled_from(["f2", "f4", "f8", ">f4", "i4"]))
    V, D, k = (data.draw(st.integers(1, n)) for n in (50, 20, 60))
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    M = (8 * rng.standard_normal((2 * V, D + 1))).astype(kind)
    M = data.draw(st.sampled_from([M[::2, 1:], M[::-2, 1:], M[:V, ::-1], np.asfortranarray(M[:V])]))
    M.flags.writeable = False
    exact = M.astype(np.float64)
    exact /= np.maximum(np.linalg.norm(exact, axis=1, keepdims=True), 1e-300)
    query = data.draw(st.integers(0, V - 1))
    ids, scores = util.nearest(M, M[query], k)
    assert ids.shape == scores.shape == (min(k, V),)
    assert scores.dtype == {"f2": "f4", ">f4": "f4", "i4": "f8"}.get(kind, kind)
    np.testing.assert_allclose(scores, exact[ids] @ exact[query], atol=1e-6)
    assert len(set(ids.tolist())) == len(ids) and (np.diff(scores) <= 0).all()
    many, _ = util.nearest(M, M[[query, query]], k, exclude=[[query], [-1]])
    assert query not in many[0] and (many[1] == ids).all()


def test_nearest_does_not_depend_on_the_number_of_parts(rng, all_parts, dtype):
    M, results = rng.standard_normal((300, 21)).astype(dtype), []
    for n in N_PARTS:
        all_parts(n)
        results.append(util.nearest(M, M[:9], 13, exclude=[4, 5]))
    for ids, scores in results:
        assert_same_bits(ids, results[0][0])
        assert_same_bits(scores, results[0][1])


def test_a_word_is_nearest_to_itself(rng):
    M = rng.standard_normal((40, 8)).astype(np.float32)
    ids, scores = util.nearest(M, M, 6)
    assert (ids[:, 0] == np.arange(40)).all()
    np.testing.assert_allclose(scores[:, 0], 1, atol=1e-6)
    unit = util.normalize(M.copy())
    assert (ids == np.argsort(unit @ unit.T, axis=1)[:, ::-1][:, :6]).all()


def test_nearest_takes_or_refuses_unusual_input():
    M = np.eye(3, dtype=np.float32)
    ids, scores = util.nearest(M, [np.inf, 0, 0], 2)
    assert ids.tolist() == [-1, -1] and scores.tolist() == [-np.inf] * 2
    assert util.nearest(M, M[:0], 2)[0].shape == (0, 2)
    assert util.nearest(M, M[0], 0)[0].shape == (0,)
    assert util.nearest(M, M[0], 1, exclude=0)[0].tolist() == [1]
    with pytest.raises(ValueError, match=r"queries: expected shape \(3,\) or \(Q, 3\), got \(2,\)"):
        util.nearest(M, M[0, :2])
    with pytest.raises(TypeError, match="queries: expected real numbers, got dtype <U1"):
        util.nearest(M, np.array(["a"] * 3))
    with pytest.raises(ValueError, match=r"matrix: expected shape \(V, D\)"):
        util.nearest(M[0], M[0])
    with pytest.raises(TypeError, match="matrix: expected real numbers, got dtype object"):
        util.nearest(M.astype(object), M[0])
    with pytest.raises(ValueError, match="k: expected at least 0, got -1"):
        util.nearest(M, M[0], -1)
    with pytest.raises(TypeError, match="exclude: expected integer ids, got dtype float64"):
        util.nearest(M, M[0], exclude=[0.5])
    with pytest.raises(ValueError, match=r"exclude: expected shape \(E,\) or \(1, E\)"):
        util.nearest(M, M[0], exclude=[[0], [1]])


# gradients and evaluation


def test_clip_grads_is_golden(golden, dtype):
    case = f"{dtype.kind}{dtype.itemsize}/clip_grads"
    grads = [golden[f"{case}/in{i}"].copy() for i in range(2)]
    same = list(grads)
    util.clip_grads(grads, float(golden[f"{case}/max_norm"]))
    for i in range(2):
        assert grads[i] is same[i] and grads[i].dtype == dtype
        np.testing.assert_allclose(grads[i], golden[f"{case}/out{i}"], rtol=1e-6)
    before = [g.copy() for g in grads]
    util.clip_grads(grads, 100.0)
    assert all((g == b).all() for g, b in zip(grads, before, strict=True))


class Reader:
    """A language model that records its inputs."""

    def __init__(self, takes_flag):
        self.calls, self.takes_flag = [], takes_flag

    def forward(self, xs, ts, **flags):
        if flags and not self.takes_flag:
            raise TypeError("forward() got an unexpected keyword argument 'train_flg'")
        self.calls.append((xs, ts, flags))
        return float(len(self.calls))


@pytest.mark.parametrize("takes_flag", [True, False])
def test_eval_perplexity_reads_and_prints_as_the_book(extras, capsys, takes_flag):
    corpus, model = extras["BetterRnnlm/eval_corpus"], Reader(takes_flag)
    ppl = util.eval_perplexity(model, corpus, 4, 5)
    assert capsys.readouterr().out == str(extras["BetterRnnlm/eval_text"])
    assert ppl == pytest.approx(np.exp(np.mean(np.arange(1, 20))))
    assert len(model.calls) == 19
    for block, (xs, ts, flags) in enumerate(model.calls):
        assert flags == ({"train_flg": False} if takes_flag else {})
        assert xs.dtype == ts.dtype == np.int32
        begins = [block * 5 + i * (399 // 4) for i in range(4)]
        assert xs.tolist() == [corpus[b : b + 5].tolist() for b in begins]
        assert ts.tolist() == [corpus[b + 1 : b + 6].tolist() for b in begins]


def test_eval_perplexity_refuses_a_short_corpus(capsys):
    model = Reader(True)
    with pytest.raises(
        ValueError, match=r"corpus: expected more than batch_size.*= 350 ids, got 9"
    ):
        util.eval_perplexity(model, np.arange(9))
    assert not model.calls and capsys.readouterr().out == ""
    util.eval_perplexity(model, list(range(8)), batch_size=1, time_size=7)
    assert capsys.readouterr().out == "evaluating perplexity ...\n\r0 / 1\n"


class Answerer:
    def __init__(self, guess):
        self.guess, self.asked = guess, None

    def generate(self, question, start_id, sample_size):
        self.asked = (question, start_id, sample_size)
        return self.guess


def test_eval_seq2seq_prints_the_golden_text(extras, capsys):
    id_to_char = {i: chr(65 + i) for i in range(13)}
    question, correct = extras["eval_seq2seq/question"], extras["eval_seq2seq/correct"]
    model = Answerer([2, 2, 2, 2])
    assert util.eval_seq2seq(model, question, correct, id_to_char, True) == 0
    assert capsys.readouterr().out == str(extras["eval_seq2seq/text"])
    assert model.asked[0] is question and model.asked[1:] == (11, 4)


def test_eval_seq2seq_compares_text(capsys, monkeypatch):
    chars = "0123456789+_ "
    ids, id_to_char = {c: i for i, c in enumerate(chars)}, dict(enumerate(chars))
    question = np.array([[ids[c] for c in "  58+77"]])
    correct = np.array([ids[c] for c in "_162 "])
    right, wrong = Answerer(correct[1:]), Answerer(np.array([1, 2, 3]))
    assert util.eval_seq2seq(right, question, correct, id_to_char) == 1
    assert capsys.readouterr().out == ""
    assert util.eval_seq2seq(right, question, correct, id_to_char, True, is_reverse=True) == 1
    assert capsys.readouterr().out == (
        "Q 77+85  \nT 162 \n\x1b[92m\N{BALLOT BOX WITH CHECK}\x1b[0m 162 \n---\n"
    )
    monkeypatch.setattr("sys.platform", "win32")
    util.eval_seq2seq(right, question, correct, id_to_char, True)
    util.eval_seq2seq(wrong, question, correct, id_to_char, True)
    monkeypatch.undo()
    out = capsys.readouterr().out
    assert out == "Q   58+77\nT 162 \nO 162 \n---\nQ   58+77\nT 162 \nX 123\n---\n"


def test_to_cpu_returns_the_array_and_to_gpu_raises():
    x = np.arange(3)
    assert util.to_cpu(x) is x
    assert type(util.to_cpu([1, 2])) is np.ndarray
    with pytest.raises(RuntimeError, match="fastw2v has no GPU mode"):
        util.to_gpu(x)


def test_long_calls_are_split_for_ctrl_c(monkeypatch, rng):
    """Check that a long call is split, so that Ctrl-C is handled, with equal numbers."""
    corpus = rng.integers(0, 30, 500)
    table = rng.standard_normal((40, 8)).astype(np.float32)
    queries, exclude = rng.standard_normal((150, 8)), rng.integers(-1, 40, (150, 2))
    counts = util.create_co_matrix(corpus, 30, 3)
    found = util.nearest(table, queries, 5, exclude)
    for ns in (1, 700, 5000):
        monkeypatch.setattr(util, "_CALL_NS", ns)
        monkeypatch.setattr(ranking, "_LONGEST_NS", ns)
        assert_same_bits(util.create_co_matrix(corpus, 30, 3), counts)
        for mine, theirs in zip(util.nearest(table, queries, 5, exclude), found, strict=True):
            assert_same_bits(mine, theirs)
