"""`Word2Vec` has gensim's methods and attributes, and answers as they do."""

import io
import logging
from functools import partial

import numpy as np
import pytest

import fastw2v.word2vec as ours
from fastw2v import KeyedVectors, Word2Vec
from fastw2v.word2vec import BrownCorpus, Text8Corpus, engine
from fastw2v.word2vec.vocabulary import NULL_WORD

TEXT = [
    ["human", "interface", "computer"],
    ["survey", "user", "computer", "system", "response", "time"],
    ["eps", "user", "interface", "system"],
    ["system", "human", "system", "eps"],
    ["user", "response", "time"],
    ["trees"],
    ["graph", "trees"],
    ["graph", "minors", "trees"],
    ["graph", "minors", "survey"],
]


def model(kind, **options):
    return kind.Word2Vec(TEXT, min_count=1, workers=1, **options)


def scanned(kind, **options):
    made = kind.Word2Vec(**options)
    made.scan_vocab(TEXT)
    return made


def counted(kind):
    made = kind.Word2Vec(min_count=2)
    made.build_vocab(TEXT, keep_raw_vocab=True)
    return dict(made.raw_vocab)


def reset(kind):
    made = model(kind)
    made.reset_from(kind.Word2Vec(TEXT, min_count=2))
    return sorted(made.wv.key_to_index), made.corpus_count


def updated(kind):
    made = model(kind)
    made.scan_vocab([["new", "human"]] * 3)
    return made.prepare_vocab(update=True)


def generated(kind):
    made = kind.Word2Vec(min_count=1)
    made.build_vocab(words for words in TEXT)
    raw = made.train((words for words in TEXT), total_examples=9, epochs=1)[1]
    return len(made.wv), raw


def with_null_word(kind):
    made = model(kind, null_word=1)
    return made.wv.index_to_key[-1], made.wv.get_vecattr("\0", "count"), len(made.wv)


def saved_to_a_stream(kind):
    made, stream = model(kind), io.BytesIO()
    made.save(stream)
    made.wv.save(stream)
    return stream.tell() > 0


CASES = {
    "no vocabulary": lambda k: k.Word2Vec().train(TEXT, total_examples=9, epochs=1),
    "no text": lambda k: k.Word2Vec([]),
    "every word is rare": lambda k: k.Word2Vec(TEXT, min_count=100),
    "hs and negative of 0": lambda k: model(k, hs=0, negative=0),
    "two texts": lambda k: k.Word2Vec(TEXT, corpus_file="a.txt"),
    "a number": lambda k: k.Word2Vec(5),
    "size=": lambda k: k.Word2Vec(TEXT, size=5),
    "iter=": lambda k: k.Word2Vec(TEXT, iter=5),
    "predictions without outputs": lambda k: model(k, hs=1, negative=0).predict_output_word(
        ["eps"]
    ),
    "predictions from ids": lambda k: len(model(k).predict_output_word([0, "eps"], topn=3)),
    "predictions from unknown words": lambda k: model(k).predict_output_word(["none"]),
    "scores without a tree": lambda k: model(k).score(TEXT),
    "scores without a vocabulary": lambda k: k.Word2Vec(hs=1, negative=0).score(TEXT),
    "load of an object": lambda k: k.Word2Vec().load("model"),
    "load of no file": lambda k: k.Word2Vec.load("none"),
    "model[word]": lambda k: model(k)["human"],
    "word in model": lambda k: "human" in model(k),
    "model.most_similar": lambda k: model(k).most_similar("human"),
    "model.syn0": lambda k: model(k).syn0,
    "an unknown keyword": lambda k: model(k).train(TEXT, total_examples=9, epochs=1, none=1),
    "unknown words": lambda k: model(k).train([["x", "y"]], total_examples=1, epochs=2),
    "a single word": lambda k: model(k).train([["human"]], total_examples=1, epochs=2),
    "str": lambda k: str(model(k, alpha=0.025)),
    "layer1_size": lambda k: model(k).layer1_size,
    "effective_min_count": lambda k: model(k, max_final_vocab=4).effective_min_count,
    "raw_vocab": lambda k: dict(model(k).raw_vocab),
    "raw_vocab that is kept": counted,
    "scan_vocab": lambda k: k.Word2Vec().scan_vocab(TEXT),
    "prepare_vocab": lambda k: scanned(k, min_count=2).prepare_vocab(),
    "prepare_vocab of few words": lambda k: scanned(k, max_final_vocab=4).prepare_vocab(
        min_count=2, sample=0.05, dry_run=True
    ),
    "prepare_vocab of one word": lambda k: scanned(k, min_count=4).prepare_vocab(),
    "prepare_vocab, sample=2": lambda k: scanned(k, min_count=1).prepare_vocab(sample=2.0),
    "prepare_vocab of more words": updated,
    "estimate_memory": lambda k: [
        k.Word2Vec(hs=1).estimate_memory(100)[name] for name in ("vectors", "syn1", "syn1neg")
    ],
    "names of estimate_memory": lambda k: sorted(model(k, hs=1).estimate_memory(report={"x": 1})),
    "null_word": with_null_word,
    "reset_from": reset,
    "generators": generated,
    "vectors loaded as a model": "other kind",
    "streams": saved_to_a_stream,
    "shape of syn1": lambda k: model(k, hs=1, negative=0).syn1.shape,
    "vectors of another dimension": lambda k: model(k).wv.add_vectors(["x"], [np.ones(3)]),
}


def answer(call, kind):
    try:
        return call(kind)
    except Exception as error:
        return error


@pytest.mark.parametrize("name", CASES)
def test_answers_are_those_of_gensim(name, tmp_path, monkeypatch):
    theirs = pytest.importorskip("gensim.models.word2vec")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.txt").write_text("a b c\n")
    call = CASES[name]
    if call == "other kind":

        def call(kind):
            model(kind).wv.save("vectors")
            return kind.Word2Vec.load("vectors")

    found, right = answer(call, ours), answer(call, theirs)
    if isinstance(right, Exception):
        assert isinstance(found, type(right)), found
    else:
        assert found == right


def test_shares_of_draws_are_those_of_gensim():
    theirs = pytest.importorskip("gensim.models.word2vec")
    options = {"ns_exponent": 0.5}
    found, right = (model(kind, **options).cum_table for kind in (ours, theirs))
    counts = model(ours).wv.expandos["count"]
    assert found.dtype == right.dtype == np.uint32 and found[-1] == right[-1] == 2**31 - 1
    shares = np.sqrt(counts) / np.sqrt(counts).sum()
    np.testing.assert_allclose(np.diff(found, prepend=0) / (2**31 - 1), shares, atol=1e-9)
    np.testing.assert_allclose(np.sort(np.diff(right)), np.sort(np.diff(found)), atol=2)


# ---- the steps of build_vocab


def test_steps_make_the_model_of_build_vocab():
    whole, steps = Word2Vec(min_count=2, workers=1), Word2Vec(min_count=2, workers=1)
    whole.build_vocab(TEXT)
    assert steps.scan_vocab(TEXT) == (29, 9)
    assert steps.raw_vocab["system"] == 4 and len(steps.raw_vocab) == 12
    steps.prepare_vocab()
    steps.prepare_weights()
    assert steps.raw_vocab == {}
    for each in (whole, steps):
        each.train(TEXT, epochs=3)
    assert steps.wv.index_to_key == whole.wv.index_to_key
    np.testing.assert_array_equal(steps.wv.vectors, whole.wv.vectors)
    assert (steps.corpus_count, steps.corpus_total_words) == (9, 29)


def test_a_dry_run_changes_nothing():
    made = Word2Vec(TEXT, min_count=1)
    before = made.wv.vectors.copy()
    made.scan_vocab([["system", "new"]] * 9)
    report = made.prepare_vocab(min_count=9, dry_run=True)
    assert report["num_retained_words"] == 2 and report["retain_total"] == 18
    assert made.min_count == 1 and len(made.wv) == 12
    np.testing.assert_array_equal(made.wv.vectors, before)
    made.prepare_vocab(min_count=9)
    assert made.min_count == 9 and made.wv.index_to_key == ["system", "new"]
    with pytest.raises(ValueError, match="call scan_vocab"):
        made.prepare_vocab()
    made.scan_vocab(TEXT)
    with pytest.raises(RuntimeError, match="min_count: no word occurs 50 times"):
        made.prepare_vocab(min_count=50)
    assert made.min_count == 9 and made.wv.index_to_key == ["system", "new"]


def test_counts_may_be_assigned():
    made = Word2Vec(min_count=1)
    made.raw_vocab = {"a": 3, "b": 5}
    made.prepare_vocab(keep_raw_vocab=True)
    assert made.wv.index_to_key == ["b", "a"] and made.raw_vocab == {"a": 3, "b": 5}
    with pytest.raises(TypeError, match="word_freq: expected a dict"):
        made.raw_vocab = ["a"]


def test_weights_are_drawn_anew_or_get_rows():
    made = Word2Vec(TEXT, min_count=1, hs=1, workers=1)
    first = Word2Vec(min_count=1, hs=1)
    first.build_vocab(TEXT)
    made.wv.add_vector("added", np.ones(100))
    outputs = made.syn1neg.copy()
    made.update_weights()
    assert made.syn1neg.shape == made.syn1.shape == (13, 100)
    np.testing.assert_array_equal(made.syn1neg[:12], outputs)
    assert not made.syn1neg[12].any()
    made.train([["added", "human"]] * 5)
    made.init_weights()
    np.testing.assert_array_equal(made.wv.vectors[:12], first.wv.vectors)
    assert not made.syn1neg.any() and not made.syn1.any()


@pytest.mark.parametrize("hs", [0, 1])
def test_a_null_word_is_added_at_the_end(hs):
    made = Word2Vec(TEXT, min_count=1, hs=hs, negative=5)
    made.add_null_word()
    made.add_null_word()
    assert made.wv.index_to_key[-1] == NULL_WORD and len(made.wv) == 13
    made.train(TEXT)
    again = Word2Vec(TEXT, min_count=1, null_word=1)
    assert again.wv.index_to_key == made.wv.index_to_key


def test_reset_from_copies_words():
    other = Word2Vec(TEXT, min_count=2, vector_size=8)
    made = Word2Vec(TEXT, min_count=1, vector_size=5, hs=1, workers=1)
    vectors = made.wv
    made.reset_from(other)
    assert made.wv is vectors and made.wv.vectors.shape == made.syn1.shape == (12, 5)
    assert made.train(epochs=2)[1] == 58  # on the text of the other model
    made.wv.set_vecattr("human", "count", 77)
    assert other.wv.get_vecattr("human", "count") == 2
    with pytest.raises(TypeError, match="other_model: expected a Word2Vec, got KeyedVectors"):
        made.reset_from(other.wv)


def test_vectors_of_a_model_stay_one_object():
    made = Word2Vec(min_count=1)
    vectors = made.wv
    made.build_vocab(TEXT)
    made.train(TEXT)
    made.build_vocab([["new", "words"]], update=True)
    assert made.wv is vectors and "new" in vectors
    made.build_vocab(TEXT)
    assert made.wv is vectors and "new" not in vectors
    made.build_vocab_from_freq({"a": 3, "b": 2})
    assert made.wv is vectors and vectors.index_to_key == ["a", "b"]
    with pytest.raises(ValueError, match="no words at all"):
        made.build_vocab([])
    assert vectors.index_to_key == ["a", "b"]


def test_facts_stay_across_save_and_load(tmp_path):
    made = Word2Vec(TEXT, min_count=1, max_final_vocab=4, null_word=1)
    made.save(tmp_path / "m")
    again = Word2Vec.load(tmp_path / "m")
    assert again.effective_min_count == made.effective_min_count == 3
    assert again.min_alpha_yet_reached == made.min_alpha_yet_reached == pytest.approx(0.0001)
    assert again.null_word


# ---- scores


def path_of(ways, word):
    begin, end = ways.begins[word : word + 2]
    return ways.points[begin:end], ways.codes[begin:end]


@pytest.mark.parametrize("options", [{"sg": 1}, {"sg": 0}, {"sg": 0, "cbow_mean": 0}], ids=str)
def test_scores_are_log_probabilities(options):
    made = model(ours, hs=1, negative=0, window=2, vector_size=8, sample=0, epochs=20, **options)
    ways = engine.huffman(made.wv.expandos["count"])

    def log_p(word, hidden):
        points, codes = path_of(ways, made.wv.get_index(word))
        z = made.syn1[points].astype("f8") @ hidden * (1 - 2.0 * codes)
        return -np.logaddexp(0, -z).sum()

    assert np.exp([log_p(w, made.wv["eps"]) for w in made.wv.index_to_key]).sum() == pytest.approx(
        1, abs=1e-6
    )
    a, b, c = (made.wv[word].astype("f8") for word in ("system", "user", "human"))
    pair = log_p("system", b) + log_p("user", a)
    if options["sg"]:
        triple = sum(log_p("system", x) for x in (b, c)) + sum(log_p("user", x) for x in (a, c))
        triple += sum(log_p("human", x) for x in (a, b))
    else:
        scale = 0.5 if made.cbow_mean else 1
        triple = log_p("system", (b + c) * scale) + log_p("user", (a + c) * scale)
        triple += log_p("human", (a + b) * scale)
    text = [["system", "user"], ["system", "none", "user", "human"], ["eps"], [], ["none"]]
    found = made.score(iter(text))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, [pair, triple, 0, 0, 0], rtol=1e-5)


@pytest.mark.parametrize("options", [{"sg": 1}, {"sg": 0}, {"sg": 0, "cbow_mean": 0}], ids=str)
def test_scores_are_those_of_gensim(options):
    theirs = pytest.importorskip("gensim.models.word2vec")
    # Counts that are powers of 2 have one tree, but for its turns.
    counts = {f"w{i}": 2 ** (9 - i) for i in range(8)}
    made, other = (
        kind.Word2Vec(hs=1, negative=0, window=3, vector_size=8, min_count=1, seed=3, **options)
        for kind in (ours, theirs)
    )
    for each in (made, other):
        each.build_vocab_from_freq(counts)
    rng = np.random.default_rng(0)
    assert made.wv.index_to_key == other.wv.index_to_key
    other.wv.vectors = made.wv.vectors = rng.standard_normal((8, 8)).astype("f4") / 4
    other.syn1 = rng.standard_normal((8, 8)).astype("f4")
    ways = engine.huffman(made.wv.expandos["count"])
    for word in range(8):
        points, codes = path_of(ways, word)
        theirs_at, their_codes = (other.wv.get_vecattr(word, name) for name in ("point", "code"))
        assert len(points) == len(theirs_at)
        signs = np.where(codes == their_codes, 1, -1)[:, None]
        made.syn1[points] = other.syn1[theirs_at] * signs
    text = [rng.choice(list(counts), n).tolist() for n in (2, 3, 7, 12)]
    # gensim looks logarithms up in a table of 1000 numbers, and skips those outside.
    np.testing.assert_allclose(made.score(text), other.score(text), rtol=0.03)


def test_scores_of_a_long_text_are_cut(caplog):
    made = model(ours, hs=1, negative=0)
    assert len(made.score(TEXT, total_sentences=4)) == 4
    assert "only the first 4 sentences" in caplog.text
    with pytest.raises(TypeError, match="the str 'you' as sentence 1"):
        made.score([["a"], "you"])


# ---- warnings


def test_settings_that_are_hardly_meant_are_logged(caplog):
    made = model(ours, hs=1, negative=5)
    assert "(hs=1) and negative sampling (negative=5) are both trained" in caplog.text
    caplog.clear()
    made = Word2Vec(min_count=1, alpha=0.025)
    made.build_vocab(TEXT)
    made.train(TEXT, total_examples=9)
    assert caplog.text == ""
    made.train(TEXT, total_examples=10, total_words=7)
    assert "begins at 0.025, above the 0.0001 that an earlier training" in caplog.text
    assert "total_examples is 10, and the text has 9" in caplog.text
    assert "total_words is 7, and the text has 29" in caplog.text
    caplog.clear()
    made.train(TEXT, start_alpha=0.0001, end_alpha=0.00005)
    assert caplog.text == "" and made.min_alpha_yet_reached == 0.00005
    made.predict_output_word(["none"])
    assert "none of these words is known: ['none']" in caplog.text
    caplog.clear()
    Word2Vec(trim_rule=lambda *_: 0)
    assert "have no effect without sentences" in caplog.text
    assert logging.getLogger("fastw2v").level == logging.NOTSET


# ---- sentences


def columns():
    """Yield columns of a table that hold lists of words, by the library that makes them."""
    objects = np.empty(len(TEXT), object)
    objects[:] = TEXT
    yield "numpy", lambda: objects
    arrays = objects.copy()
    arrays[:] = [np.array(words) for words in TEXT]
    yield "numpy, arrays", lambda: arrays
    yield "tuples", lambda: tuple(map(tuple, TEXT))
    yield "pandas", lambda: pytest.importorskip("pandas").DataFrame({"t": TEXT})["t"]
    yield "pandas values", lambda: pytest.importorskip("pandas").DataFrame({"t": TEXT})["t"].values
    yield "pandas numpy", lambda: pytest.importorskip("pandas").Series(TEXT).to_numpy()
    yield "pyarrow", lambda: pytest.importorskip("pyarrow").array(TEXT)
    yield "pyarrow table", lambda: pytest.importorskip("pyarrow").table({"t": TEXT})["t"]
    yield "polars", lambda: pytest.importorskip("polars").Series(TEXT)
    yield "datasets", lambda: pytest.importorskip("datasets").Dataset.from_dict({"t": TEXT})["t"]


@pytest.mark.parametrize("make", [pytest.param(make, id=name) for name, make in columns()])
def test_a_column_of_lists_is_a_text(make):
    train = partial(Word2Vec, min_count=1, workers=1, vector_size=8)
    found, right = train(make()), train(TEXT)
    assert found.wv.index_to_key == right.wv.index_to_key
    np.testing.assert_array_equal(found.wv.vectors, right.wv.vectors)


@pytest.mark.parametrize("kind", ["O", "U", "T"])
def test_a_row_of_texts_is_no_text(kind):
    texts = np.array(["you say hello", "i say goodbye"], "U").astype(
        np.dtypes.StringDType() if kind == "T" else kind
    )
    with pytest.raises(TypeError, match="as sentence 0; .*split each text"):
        Word2Vec(texts)
    model = Word2Vec(np.array([["a", "b"], ["b", "c"]]).astype(texts.dtype), min_count=1)
    assert model.wv.index_to_key == ["b", "a", "c"]


def test_the_brown_corpus_is_read(tmp_path):
    (tmp_path / "ca01").write_text("The/at Jury/nn-tl said/vbd-x ,/, a/b/c plain\n\n./.\n")
    (tmp_path / "ca02").write_text("Two/cd\n")
    theirs = pytest.importorskip("gensim.models.word2vec")
    found = list(BrownCorpus(tmp_path))
    assert found == [["the/at", "jury/nn", "said/vb"], ["two/cd"]]
    assert list(theirs.BrownCorpus(str(tmp_path))) == found
    assert Word2Vec(BrownCorpus(dirname=tmp_path), min_count=1).corpus_count == 2


def test_text8_is_named_by_fname(tmp_path):
    (tmp_path / "t").write_text("a b c d e")
    assert list(Text8Corpus(fname=tmp_path / "t", max_sentence_length=3)) == [
        ["a", "b", "c"],
        ["d", "e"],
    ]


# ---- names and files


def test_old_keywords_and_attributes_name_the_new_ones():
    for keyword, new in (("size", "vector_size"), ("iter", "epochs"), ("vector_sise", "vector_si")):
        with pytest.raises(TypeError, match=f"unknown argument '{keyword}'; did you mean '{new}"):
            Word2Vec(TEXT, **{keyword: 5})
    made = model(ours)
    for name, new in (("iter", "epochs"), ("size", "vector_size"), ("syn0", "model.wv.vectors")):
        with pytest.raises(AttributeError, match=f"{name}: not supported; .*{new}"):
            getattr(made, name)
        with pytest.raises(AttributeError, match=f"{name}: not supported; .*{new}"):
            setattr(made, name, 5)
        assert not hasattr(made, name)
    with pytest.raises(AttributeError, match="call KeyedVectors.load_word2vec_format"):
        Word2Vec.load_word2vec_format("file")
    with pytest.raises(TypeError, match=r"use model.wv\['human'\]"):
        made["human"]
    with pytest.raises(AttributeError, match=r"call it on the class: model = Word2Vec.load"):
        made.load("file")


def test_models_and_vectors_are_saved_to_streams(tmp_path):
    made = model(ours)
    for thing in (made, made.wv):
        with open(tmp_path / "m", "wb") as stream:
            thing.save(stream)
        again = type(thing).load(tmp_path / "m")
        vectors = again if isinstance(again, KeyedVectors) else again.wv
        np.testing.assert_array_equal(vectors.vectors, made.wv.vectors)
        with (
            open(tmp_path / "t", "w") as stream,
            pytest.raises(TypeError, match="fname: .*got a text stream; open it with mode"),
        ):
            thing.save(stream)
