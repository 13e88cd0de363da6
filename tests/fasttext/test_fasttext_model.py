"""The class FastText: what it trains, its vocabulary, files, copies, and what it refuses."""

import copy
import pickle

import numpy as np
import pytest

from fastw2v import FastText, FastTextKeyedVectors, KeyedVectors, Word2Vec
from fastw2v.fasttext import NgramRows
from fastw2v.word2vec import merge_deltas, train_ids, weight_delta

ENDINGS = ("", "s", "ed", "ing", "er", "ness", "able", "ly")
STEMS = ("walk", "jump", "mark", "bond", "grid", "wind", "plum", "fork", "gild", "turb", "sank")


def inflected(seed=3, n=600):
    """Return sentences of inflected words, each about four neighbouring stems."""
    rng = np.random.default_rng(seed)
    first = rng.integers(0, len(STEMS), n)
    near = (first[:, None] + rng.integers(0, 3, (n, 8))) % len(STEMS)
    ending = rng.integers(0, len(ENDINGS), (n, 8))
    return [
        [STEMS[s] + ENDINGS[e] for s, e in zip(*row, strict=True)]
        for row in zip(near.tolist(), ending.tolist(), strict=True)
    ]


TEXT = inflected()
SETTINGS = {"vector_size": 20, "min_count": 1, "sample": 0, "bucket": 5000, "workers": 1}


def bits(model):
    tables = model.wv.vectors_vocab, np.asarray(model.wv.vectors_ngrams), model.wv.vectors
    outputs = [table for table in (model.syn1neg, model.syn1) if table is not None]
    return [
        model.wv.index_to_key,
        *(np.ascontiguousarray(t).tobytes() for t in (*tables, *outputs)),
    ]


METHODS = [
    {"sg": 1},
    {"sg": 0},
    {"sg": 0, "cbow_mean": 0, "alpha": 0.01},
    {"sg": 0, "cbow_grad": "exact"},
    {"sg": 1, "hs": 1, "negative": 0},
    {"sg": 0, "hs": 1, "negative": 3},
]


@pytest.mark.parametrize("method", METHODS)
def test_the_vectors_are_composed_of_what_was_trained(method):
    model = FastText(TEXT, **SETTINGS, **method, epochs=2, compute_loss=True)
    first, last = model.epoch_losses
    assert 0 < last < first < 50
    wv = model.wv
    rows = wv.get_subwords("walked")[1]
    table = np.vstack([wv.vectors_vocab, np.asarray(wv.vectors_ngrams)])
    np.testing.assert_allclose(wv["walked"], table[rows].mean(axis=0), rtol=1e-4, atol=1e-6)
    assert len(wv.vectors_ngrams.used) < 1500
    start = FastText(**SETTINGS, **method)
    start.build_vocab(TEXT)
    for now, then in ((wv.vectors_ngrams, start.wv.vectors_ngrams), (wv, start.wv)):
        assert now is not then
    moved = np.asarray(wv.vectors_ngrams) != np.asarray(start.wv.vectors_ngrams)
    assert moved[wv.vectors_ngrams.used].any(axis=1).all()
    unused = np.setdiff1d(np.arange(5000), wv.vectors_ngrams.used)
    assert not moved[unused].any()


@pytest.mark.parametrize("method", METHODS)
def test_compact_and_full_tables_agree_bit_for_bit(method):
    compact, full = FastText(**SETTINGS, **method), FastText(**SETTINGS, **method)
    for model in (compact, full):
        model.build_vocab(TEXT)
    full.wv.vectors_ngrams = np.asarray(full.wv.vectors_ngrams)
    more = [["walkathon", "jumpsuit", "walks"]] * 20
    for model in (compact, full):
        model.train(epochs=1)
        model.build_vocab(more, update=True)
        model.train(more, epochs=1)
    assert isinstance(full.wv.vectors_ngrams, np.ndarray)
    assert bits(compact) == bits(full)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("D", [20, 100])
def test_deterministic_models_have_equal_bits_for_any_number_of_workers(method, D):
    settings = {**SETTINGS, **method, "vector_size": D, "deterministic": True, "epochs": 1}
    found = [bits(FastText(TEXT, **{**settings, "workers": n})) for n in (1, 2, 3)]
    assert found[0] == found[1] == found[2]


@pytest.mark.parametrize("method", [{"sg": 1}, {"sg": 0}, {"sg": 0, "cbow_mean": 0}])
def test_sentences_of_words_without_common_ngrams_train_as_in_gensim(method):
    gensim = pytest.importorskip("gensim.models")
    # One window and no draws. No n-gram is in two words or twice in one, and contexts of CBOW do
    # not stand still for so few words, so each step sees all steps before it.
    settings = {"vector_size": 12, "min_count": 1, "sample": 0, "window": 1, "hs": 1, "negative": 0}
    settings |= {"bucket": 100_000, "workers": 1, "min_n": 2, "max_n": 4, **method}
    ours, theirs = FastText(**settings), gensim.FastText(**settings)
    nodes = np.random.default_rng(1).normal(0, 1, (3, 12)).astype(np.float32)
    for model in (ours, theirs):
        model.build_vocab_from_freq({"night": 8, "blob": 4, "cdef": 2, "yxwvu": 1})
        model.syn1[:3] = nodes
    theirs.wv.vectors_vocab[:] = ours.wv.vectors_vocab
    theirs.wv.vectors_ngrams[:] = np.asarray(ours.wv.vectors_ngrams)
    before = ours.wv.vectors_vocab.copy()
    text = [["night", "blob"], ["cdef", "yxwvu"], ["blob", "cdef"]]
    if not method["sg"]:
        text = [["night", "blob", "cdef"]]
    # A word predicts its neighbours there, and is predicted by them here.
    for model, sentences in (
        (ours, text),
        (theirs, [words[:: 1 - 2 * method["sg"]] for words in text]),
    ):
        for words in sentences:  # one round each
            model.train([words], total_examples=1, total_words=3, epochs=1, start_alpha=0.1)
    # gensim reads its sigmoid from a table with steps of 0.012.
    moved = np.abs(ours.wv.vectors_vocab - before).max()
    assert moved > 0.005
    for name in ("vectors_vocab", "vectors_ngrams", "vectors"):
        found, wanted = (np.asarray(getattr(model.wv, name)) for model in (ours, theirs))
        np.testing.assert_allclose(found, wanted, rtol=0, atol=0.05 * moved, err_msg=name)
    near = 0.05 * np.abs(ours.syn1[:3] - nodes).max()
    np.testing.assert_allclose(ours.syn1[:3], theirs.syn1[:3], rtol=0, atol=near)


def test_without_ngrams_it_trains_as_word2vec_does():
    text = inflected(n=200)
    settings = {**SETTINGS, "epochs": 2}
    del settings["bucket"]
    plain = Word2Vec(text, **settings, sg=1)
    for given in ({"bucket": 0}, {"min_n": 5, "max_n": 4}):
        model = FastText(text, **settings, **given, sg=1)
        assert model.wv.bucket == 0
        np.testing.assert_allclose(model.wv.vectors, plain.wv.vectors, rtol=1e-3, atol=1e-5)
        with pytest.raises(KeyError, match="jumpings"):
            model.wv["jumpings"]


@pytest.mark.parametrize("method", [{"sg": 1}, {"sg": 0}])
def test_unseen_inflections_are_near_to_those_of_the_text(method):
    held_out = {stem + ending for stem, ending in zip(STEMS, ENDINGS * 2, strict=False) if ending}
    text = [[word for word in sentence if word not in held_out] for sentence in inflected(n=2000)]
    model = FastText(text, **{**SETTINGS, "vector_size": 40}, epochs=10, **method)
    right = [
        near.startswith(next(stem for stem in STEMS if word.startswith(stem)))
        for word in sorted(held_out)
        for near, _ in model.wv.most_similar(word, topn=3)
    ]
    assert not held_out & set(model.wv.index_to_key)
    assert np.mean(right) > 0.8


# ---- course of a training


class Watch:
    """A callback that reads the composed vectors, and stops at a call of on_interval."""

    def __init__(self, stop=None):
        self.stop, self.calls, self.seen = stop, 0, []

    def on_interval(self, model):
        self.calls += 1
        self.seen.append(model.wv["walking"].copy())
        assert (self.seen[-1] == model.wv.vectors[model.wv.key_to_index["walking"]]).all()
        return self.calls == self.stop


@pytest.mark.parametrize("method", [{"sg": 1}, {"sg": 0, "deterministic": True, "workers": 2}])
def test_a_stopped_training_continues_with_equal_bits(tmp_path, method):
    settings = {**SETTINGS, "epochs": 3, **method}
    whole = FastText(TEXT, **settings)
    file, watch = tmp_path / "run.fw2v", Watch(stop=4)
    model = FastText(**settings)
    model.build_vocab(TEXT)
    model.train(callbacks=watch, interval=1000, checkpoint=file, every=0)
    assert 0.1 < model.progress < 0.9
    assert len({vector.tobytes() for vector in watch.seen}) == 4
    again = FastText.resume(file)
    assert type(again) is FastText
    model.train()
    assert bits(again) == bits(whole) == bits(model)


def test_callbacks_must_not_replace_tables():
    class Replace:
        def __init__(self, name):
            self.name = name

        def on_epoch_end(self, model):
            setattr(model.wv, self.name, copy.deepcopy(getattr(model.wv, self.name)))

    for name in ("vectors_vocab", "vectors_ngrams"):
        with pytest.raises(RuntimeError, match=f"another {name}"):
            FastText(TEXT[:50], **SETTINGS, callbacks=Replace(name))


def test_numbers_written_by_a_callback_are_trained_further():
    class Write:
        def on_epoch_begin(self, model):
            if model.epochs_done == 1:
                model.wv.vectors_vocab[:] = 0
                model.wv.vectors_ngrams.rows[:] = 0

    model = FastText(TEXT[:50], **SETTINGS, callbacks=Write(), epochs=2)
    plain = FastText(TEXT[:50], **SETTINGS, epochs=2)
    assert np.abs(model.wv.vectors_ngrams.rows).max() < np.abs(plain.wv.vectors_ngrams.rows).max()


# ---- the vocabulary


def test_new_words_bring_the_initial_rows_of_their_ngrams():
    model = FastText(TEXT, **SETTINGS)
    before = copy.deepcopy(model)
    model.build_vocab([["walkway", "moonlight"]] * 3, update=True)
    n = len(before.wv)
    assert model.wv.index_to_key[:n] == before.wv.index_to_key
    assert set(model.wv.index_to_key[n:]) == {"walkway", "moonlight"}
    assert (model.wv.vectors_vocab[:n] == before.wv.vectors_vocab).all()
    # All rows have their bits, and those of new n-grams are kept from now on.
    assert (
        np.asarray(model.wv.vectors_ngrams).tobytes()
        == np.asarray(before.wv.vectors_ngrams).tobytes()
    )
    assert set(model.wv.vectors_ngrams.used) > set(before.wv.vectors_ngrams.used)
    assert (model.syn1neg[n:] == 0).all()
    model.train([["walkway", "moonlight", "walks"]] * 30, epochs=1)
    assert (model.wv.vectors_vocab[n:] != 0).any()


def test_words_are_added_reset_and_drawn_anew():
    model = FastText(TEXT, **SETTINGS)
    model.add_null_word()
    assert model.wv.index_to_key[-1] == "\0"
    assert model.wv.get_vecattr("\0", "count") == 1
    model.train(TEXT[:20], epochs=1)
    other = FastText(**{**SETTINGS, "vector_size": 7, "bucket": 99})
    other.reset_from(model)
    assert other.wv.vectors_ngrams.shape == (99, 7)
    assert other.wv.vectors.shape == (len(model.wv), 7)
    other.train(TEXT[:20], epochs=1)
    trained = model.wv.vectors.copy()
    model.init_weights()
    assert np.abs(model.wv.vectors).max() < np.abs(trained).max()
    assert np.abs(model.wv.vectors_ngrams.rows).max() <= 1 / 20


def test_counts_and_steps_of_gensim():
    model = FastText(**SETTINGS)
    model.scan_vocab(TEXT)
    model.prepare_vocab()
    model.prepare_weights()
    model.train(TEXT, epochs=1)
    other = FastText(**SETTINGS)
    other.build_vocab_from_freq({"night": 5, "nights": 4, "day": 3})
    assert other.estimate_memory()["total"] > 0
    assert other.wv["nightly"].any()


# ---- files, copies, questions


def test_files_and_copies_hold_everything(tmp_path):
    model = FastText(TEXT, **SETTINGS, hs=1, epochs=1)
    model.wv.line_end = None
    file = tmp_path / "model.fw2v"
    model.save(file)
    for mmap in ("c", "r", None):
        again = FastText.load(file, mmap=mmap)
        assert type(again) is FastText
        assert bits(again) == bits(model)
        assert (again.wv.min_n, again.wv.max_n, again.wv.bucket) == (3, 6, 5000)
        again.train(TEXT[:30], epochs=1)
        other = copy.deepcopy(model)
        other.train(TEXT[:30], epochs=1)
        assert bits(again) == bits(other)
    assert bits(pickle.loads(pickle.dumps(model))) == bits(model)
    with pytest.warns(UserWarning, match="FastTextKeyedVectors"):
        plain = KeyedVectors.load(file)
    assert (plain.vectors == model.wv.vectors).all()
    with pytest.raises(ValueError, match="FastText"):
        Word2Vec.load(file)
    Word2Vec(TEXT, min_count=1, vector_size=4).save(tmp_path / "plain.fw2v")
    with pytest.raises(ValueError, match="Word2Vec"):
        FastText.load(tmp_path / "plain.fw2v")


def test_a_full_table_is_saved_as_one(tmp_path):
    model = FastText(TEXT, **SETTINGS, epochs=1)
    model.wv.vectors_ngrams = np.asarray(model.wv.vectors_ngrams)
    model.save(tmp_path / "full.fw2v")
    again = FastText.load(tmp_path / "full.fw2v")
    assert isinstance(again.wv.vectors_ngrams, np.ndarray)
    assert bits(again) == bits(model)


def test_a_model_without_words_is_saved(tmp_path):
    FastText(bucket=77, min_n=2).save(tmp_path / "empty.fw2v")
    again = FastText.load(tmp_path / "empty.fw2v")
    assert (again.wv.bucket, again.wv.min_n, len(again.wv)) == (77, 2, 0)
    again.build_vocab(TEXT)
    again.train()


def test_questions_to_a_model():
    model = FastText(TEXT, **SETTINGS, hs=1, epochs=2)
    assert model.predict_output_word(["walking", "jumped"], topn=3)[0][1] > 0
    scores = model.score([["walking", "jumped"], ["walking"]])
    assert scores[0] < 0
    assert scores[1] == 0
    before = bits(model)
    assert 0 < model.held_out_loss(TEXT[:20]) < 5
    assert bits(model) == before
    assert "FastText<" in repr(model)
    assert "FastText" in model._repr_html_()


def test_memory_is_taken_for_the_ngrams_of_the_vocabulary_alone():
    model = FastText(TEXT[:50], **{**SETTINGS, "bucket": 2**31 - 1})
    assert isinstance(model.wv.vectors_ngrams, NgramRows)
    assert len(model.wv.vectors_ngrams.rows) < 1500


# ---- what is refused


@pytest.mark.parametrize(
    ("error", "message", "given"),
    [
        (ValueError, "word_ngrams: expected 1, got 2", {"word_ngrams": 2}),
        (ValueError, "min_n", {"min_n": -1}),
        (TypeError, "max_n", {"max_n": "6"}),
        (ValueError, "bucket", {"bucket": 2**31}),
        (TypeError, "did you mean 'max_n'", {"maxn": 3}),
        (TypeError, "did you mean 'vector_size'", {"dim": 3}),
        (TypeError, "did you mean 'alpha'", {"lr": 0.1}),
        (TypeError, "did you mean 'window'", {"ws": 3}),
        (TypeError, "did you mean 'corpus_file'", {"input": "text.txt"}),
        (TypeError, "did you mean 'sg'", {"model": "skipgram"}),
        (TypeError, "did you mean 'workers'", {"thread": 3}),
        (ValueError, "vector_size", {"vector_size": 0}),
        (ValueError, "negative", {"negative": 0}),
    ],
)
def test_arguments_are_checked(error, message, given):
    with pytest.raises(error, match=message):
        FastText(TEXT, **{**SETTINGS, **given})


def test_words_must_be_texts():
    with pytest.raises(TypeError, match="expected words that are str, .* got int"):
        FastText([[1, 2, 1, 2]], **SETTINGS)
    model = FastText(TEXT, **SETTINGS, epochs=1)
    before = bits(model)
    with pytest.raises(TypeError, match="str"):
        model.build_vocab([[1, 2]] * 5, update=True)
    assert bits(model) == before


def test_what_does_not_work_with_ngrams_is_refused():
    model = FastText(TEXT, **SETTINGS, epochs=1)
    counts = [np.zeros(len(model.wv), np.uint32)] * 2
    tables = model.wv.vectors.copy(), model.syn1neg.copy()
    for call in (
        lambda: train_ids(model, [0, 1]),
        lambda: weight_delta(model, tables, counts),
        lambda: merge_deltas(model, tables, [None]),
    ):
        with pytest.raises(TypeError, match="expected a Word2Vec, got a FastText"):
            call()
    model.wv.vectors_lockf = np.zeros(len(model.wv), np.float32)
    with pytest.raises(ValueError, match="vectors_lockf"):
        model.train(TEXT, epochs=1)
    del vars(model.wv)["vectors_lockf"]
    with pytest.raises(TypeError, match="wv: expected FastTextKeyedVectors, got KeyedVectors"):
        model.wv = KeyedVectors(20)


@pytest.mark.parametrize(
    ("error", "message", "damage"),
    [
        (
            ValueError,
            "vectors_vocab",
            lambda wv: setattr(wv, "vectors_vocab", wv.vectors_vocab[1:]),
        ),
        (TypeError, "vectors_vocab", lambda wv: setattr(wv, "vectors_vocab", [[1.0]])),
        (ValueError, "vectors_ngrams", lambda wv: setattr(wv, "vectors_ngrams", NgramRows(3, 20))),
        (ValueError, "key_to_index", lambda wv: wv.key_to_index.pop("walks")),
        (ValueError, "vector_size", lambda wv: setattr(wv, "vector_size", 21)),
    ],
)
def test_parts_that_no_longer_fit_are_refused(error, message, damage):
    model = FastText(TEXT[:50], **SETTINGS, epochs=1)
    damage(model.wv)
    with pytest.raises(error, match=message):
        model.train(TEXT, epochs=1)


def test_words_that_a_user_gives_are_trained():
    model = FastText(TEXT, **SETTINGS, epochs=1)
    rows = np.asarray(model.wv.vectors_ngrams)[:, :]
    rows.flags.writeable = False
    own = model.wv.vectors_vocab.copy(order="F")
    vectors = FastTextKeyedVectors.from_parts(model.wv.index_to_key, own, rows, 3, 6)
    vectors.expandos["count"] = model.wv.expandos["count"]
    other = copy.deepcopy(model)
    other.wv = vectors
    for each in (model, other):
        each.train(TEXT[:30], epochs=1)
    assert bits(model) == bits(other)
    assert not rows.flags.writeable
