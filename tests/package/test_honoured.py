"""Every row of docs/honoured.md holds."""

import re

import numpy as np
import pytest
from places import ROOT

from fastw2v import KeyedVectors, Word2Vec, config, util
from fastw2v.keras import from_keras
from fastw2v.layers import Affine, Dropout, Embedding, Sigmoid, SoftmaxWithLoss
from fastw2v.models import CBOW, Rnnlm
from fastw2v.negative_sampling_layer import EmbeddingDot, NegativeSamplingLoss, UnigramSampler
from fastw2v.optimizer import SGD, AdaGrad, Adam, Momentum, Nesterov, RMSprop
from fastw2v.time_layers import TimeDropout, TimeEmbedding, TimeGRU, TimeLSTM, TimeRNN
from fastw2v.trainer import RnnlmTrainer, Trainer
from fastw2v.word2vec import LineSentence

LSTM = [np.full(shape, 0.3, np.float32) for shape in ((2, 12), (3, 12), (12,))]
CORPUS = np.array([0, 1, 2, 3, 4, 5, 6, 0])
ROWS = {}


def row(option):
    def add(test):
        ROWS[option] = test
        return test

    return add


def refuse(error, words, call, *arguments, **options):
    with pytest.raises(error, match=words):
        call(*arguments, **options)


@row(
    "tables of whole numbers, bool or float16 in `Embedding`, `TimeEmbedding`, `EmbeddingDot`, "
    "`NegativeSamplingLoss`"
)
def tables(tmp_path):
    for dtype in (np.int64, np.int8, bool, np.float16):
        W = np.arange(21).reshape(7, 3).astype(dtype)
        layer = Embedding(W)
        np.testing.assert_array_equal(layer.forward([1, 6]), W[[1, 6]])
        assert layer.grads[0].dtype == TimeEmbedding(W).grads[0].dtype == dtype
        np.testing.assert_array_equal(TimeEmbedding(W).forward([[1, 6]])[0], W[[1, 6]])
        h = np.array([[0.5, 1, 2], [1, 0, 1]])
        np.testing.assert_array_equal(EmbeddingDot(W).forward(h, [1, 6]), (h * W[[1, 6]]).sum(1))
        loss = NegativeSamplingLoss(W, CORPUS, sample_size=2)
        assert loss.forward(h, [1, 6]) > 0
        if dtype != np.float16:
            refuse(TypeError, "dout: expected", layer.backward, np.full((2, 3), 0.5))


@row("`dtype=` of layers over time")
def dtype_of_sequences(tmp_path):
    for dtype in (None, np.float32, np.float64):
        layer = TimeLSTM(*LSTM, dtype=dtype)
        assert layer.forward(np.ones((1, 2, 2))).dtype == (dtype or np.float32)
    refuse(TypeError, "dtype: expected", TimeLSTM, *LSTM, dtype=np.float16)


@row("`rng=`")
def rng(tmp_path):
    x = np.ones((20, 20))

    def draws(seed):
        rng = np.random.default_rng(seed)
        yield TimeDropout(rng=rng).forward(x)
        yield Dropout(rng=rng).forward(x)
        yield UnigramSampler(CORPUS, 0.75, 3, rng=rng).get_negative_sample(CORPUS)
        yield CBOW(7, 3, 1, CORPUS, rng=rng).word_vecs

    before = np.random.get_state()[1].tolist()
    for first, same, other in zip(draws(1), draws(1), draws(2), strict=True):
        assert np.array_equal(first, same) and not np.array_equal(first, other)
    assert np.random.get_state()[1].tolist() == before


@row("`TimeDropout` without `rng=`")
def mask(tmp_path):
    np.random.seed(3)
    out = TimeDropout(0.25).forward(np.ones((3, 4)))
    np.random.seed(3)
    np.testing.assert_array_equal(out != 0, np.random.rand(3, 4) > 0.25)


@row("`lengths=` of layers over time")
def lengths(tmp_path):
    for kind, n in ((TimeRNN, 1), (TimeGRU, 3), (TimeLSTM, 4)):
        layer = kind(*(W[..., : 3 * n] for W in LSTM))
        xs = np.random.default_rng(0).standard_normal((2, 4, 2))
        hs = layer.forward(xs, lengths=[1, 3])
        np.testing.assert_array_equal(layer.h, hs[[0, 1], [0, 2]].astype(layer.h.dtype))
        assert not hs[0, 1:].any() and not hs[1, 3:].any()
        xs[0, 1:] = np.nan
        np.testing.assert_array_equal(layer.forward(xs, lengths=[1, 3]), hs)


@row("`sampler.sample_size`, `sampler.word_p`")
def sampler(tmp_path):
    sampler = UnigramSampler(CORPUS, 0.75, 2)
    sampler.sample_size = 4
    assert sampler.get_negative_sample([0, 1]).shape == (2, 4)
    sampler.word_p = [0, 1, 1, 1, 1, 0, 0]
    assert set(sampler.get_negative_sample([0] * 9).ravel().tolist()) == {1, 2, 3, 4}
    sampler.sample_size = 5
    refuse(ValueError, "sample_size: expected at most 4", sampler.get_negative_sample, [0])
    refuse(ValueError, "word_p: expected", setattr, sampler, "word_p", [np.nan])


@row("`sampler.vocab_size`")
def vocab_size(tmp_path):
    refuse(AttributeError, "vocab_size", setattr, UnigramSampler(CORPUS, 0.75, 2), "vocab_size", 9)


@row(
    "`params`, `grads`, `idx`, `x`, `t`, `y`, `out`, `mask`, `cache`, `h`, `c` replaced between "
    "calls"
)
def replaced(tmp_path):
    affine, x = Affine(np.ones((2, 3)), np.ones(3)), np.ones((4, 2))
    affine.forward(x)
    affine.params[0], affine.x = np.full((2, 3), 2.0), 3 * x
    assert affine.backward(np.ones((4, 3))).tolist() == [[6, 6]] * 4
    assert affine.grads[0].tolist() == [[12] * 3] * 2
    for name, value in (("x", np.ones(7)), ("params", [np.ones((9, 9)), np.ones(9)])):
        affine.forward(x)
        setattr(affine, name, value)
        refuse(ValueError, "expected shape", affine.backward, np.ones((4, 3)))
        affine.params, affine.x = [np.ones((2, 3)), np.ones(3)], x
    sigmoid, loss, embed = Sigmoid(), SoftmaxWithLoss(), Embedding(np.ones((3, 2)))
    sigmoid.forward(x)
    sigmoid.out = np.full((4, 2), 0.5)
    assert (sigmoid.backward(x) == 0.25).all()
    loss.forward(x, [0, 1, 0, 1])
    loss.t = [0, 0, 0, 7]
    refuse(IndexError, "t: id 7", loss.backward)
    embed.forward([0])
    embed.idx = [2]
    embed.backward(np.ones((1, 2)))
    assert embed.grads[0].tolist() == [[0, 0], [0, 0], [1, 1]]
    lstm = TimeLSTM(*LSTM, stateful=True)
    lstm.h, lstm.c = np.ones((1, 3)), None
    assert lstm.forward(np.zeros((1, 1, 2))).any()
    lstm.c = np.ones((3, 1))
    refuse(ValueError, "c: expected a state", lstm.forward, np.zeros((1, 1, 2)))


@row("`config.GPU = True`")
def gpu(tmp_path):
    config.GPU = True
    try:
        refuse(RuntimeError, "GPU", Sigmoid)
    finally:
        config.GPU = False


@row("`lr`, `momentum`, `beta1` and other settings assigned between updates")
def settings(tmp_path):
    for kind in (SGD, Momentum, Nesterov, AdaGrad, RMSprop, Adam):
        for name in set(vars(kind())) - {"row_sparse", "iter", "m", "v", "h"}:
            w, g, optimizer = np.ones(2), np.ones(2), kind()
            for bad in (np.nan, np.inf, None, "x", 1j):
                setattr(optimizer, name, bad)
                refuse((ValueError, TypeError), f"{name}: expected", optimizer.update, [w], [g])
            assert w.tolist() == [1, 1]
        optimizer = kind(0.5)
        optimizer.lr = 0.0
        optimizer.update([w], [g])
        assert w.tolist() == [1, 1]


@row(
    "unknown keywords of `fit`, `fit_batches`, `update`, `clip_grads`, `eval_perplexity`, "
    "`eval_seq2seq`"
)
def keywords(tmp_path):
    trainer, language = Trainer(None, SGD()), RnnlmTrainer(None, SGD())
    for call in (
        *(trainer.fit, trainer.fit_batches, language.fit, SGD().update, Adam().update),
        *(util.clip_grads, util.eval_perplexity, util.eval_seq2seq),
    ):
        refuse(TypeError, "epoch", call, epoch=50)


@row("`batch_size`, `max_epoch`, `time_size` below their least value or not whole")
def sizes(tmp_path):
    x = np.zeros((8, 2), int)
    trainer = Trainer(CBOW(7, 3, 1, CORPUS), SGD())
    language = RnnlmTrainer(Rnnlm(7, 3, 3), SGD())
    for bad in (-1, 1.5, "2", None):
        for name in ("batch_size", "max_epoch"):
            for call in (trainer.fit, language.fit):
                refuse(
                    (ValueError, TypeError), f"{name}: expected", call, x, x[:, 0], **{name: bad}
                )
        refuse((ValueError, TypeError), "time_size: ", language.fit, x[0], x[0], time_size=bad)
    refuse(ValueError, "batch_size: expected", trainer.fit, x, x[:, 0], batch_size=0)


@row("`clip_grads(grads, max_norm)` below 0")
def negative_norm(tmp_path):
    g = np.array([3.0, 4.0])
    util.clip_grads([g], -5)
    np.testing.assert_allclose(g, [-3, -4], rtol=1e-6)


@row("`create_contexts_target` with a window beyond the corpus")
def window(tmp_path):
    contexts, target = util.create_contexts_target(np.arange(4), 2)
    assert contexts.shape == target.shape == (0,)


class Layer:
    """A stand-in for a layer of Keras; subclasses have the names of its classes."""

    def __init__(self, weights, **config):
        self.weights, self.config = weights, {"activation": "tanh"} | config
        if type(self).__name__ != "SimpleRNN":
            self.config.setdefault("recurrent_activation", "sigmoid")

    def get_config(self):
        return self.config

    def get_weights(self):
        return self.weights


def keras(kind, weights, **config):
    return type(kind, (Layer,), {})(weights, **config)


@row("`Embedding(mask_zero=True)`")
def mask_zero(tmp_path):
    refuse(ValueError, "mask_zero", from_keras, keras("Embedding", LSTM[:1], mask_zero=True))
    assert from_keras(keras("Embedding", LSTM[:1], mask_zero=False)).forward([[0, 1]]).all()


@row("`zero_output_for_mask=True`")
@row("`zero_output_for_mask=False`, the default of Keras")
def zero_output(tmp_path):
    for given in (True, False):
        layer = from_keras(keras("LSTM", LSTM, zero_output_for_mask=given))
        for rows in ({"lengths": [2]}, {"mask": [[1, 1, 0]]}):
            hs = layer.forward(np.ones((1, 3, 2)), **rows)
            last = 0 if given or "lengths" in rows else hs[0, 1]
            assert hs[0, :2].all() and (hs[0, 2] == last).all()
            np.testing.assert_allclose(layer.h[0], hs[0, 1], rtol=1e-6)


@row("`return_sequences`, `return_state`")
@row("`dropout`, `recurrent_dropout`")
def no_difference(tmp_path):
    xs = np.ones((1, 3, 2))
    expected = from_keras(keras("LSTM", LSTM)).forward(xs)
    assert expected.shape == (1, 3, 3)
    for name, value in (
        *(("return_sequences", False), ("return_state", True)),
        *(("dropout", 0.5), ("recurrent_dropout", 0.5)),
    ):
        layer = from_keras(keras("LSTM", LSTM, **{name: value}))
        np.testing.assert_array_equal(layer.forward(xs), expected)


@row("`GRU(reset_after=True)`, the default of Keras")
def reset_after(tmp_path):
    gru = [W[..., :9] for W in LSTM]
    assert not from_keras(keras("GRU", gru, reset_after=False)).reset_after
    refuse(ValueError, "reset_after", from_keras, keras("GRU", gru, reset_after=True))
    gru[2] = np.stack([gru[2], gru[2]])
    assert from_keras(keras("GRU", gru, reset_after=True)).reset_after


@row("`time_major=True`, an activation other than tanh")
def no_counterpart(tmp_path):
    refuse(ValueError, "time_major", from_keras, keras("LSTM", LSTM, time_major=True))
    refuse(ValueError, "activation", from_keras, keras("LSTM", LSTM, activation="relu"))


@row("`Bidirectional` of any cells and settings, with concatenation")
@row("`Bidirectional` with another `merge_mode`")
def halves(tmp_path):
    inner = {"class_name": "LSTM", "config": keras("LSTM", LSTM).config}
    backwards = {"stateful": True, "go_backwards": True}
    other = {"class_name": "GRU", "config": inner["config"] | backwards}
    gru = [W[..., :9] for W in LSTM]
    both = from_keras(keras("Bidirectional", LSTM + gru, layer=inner, backward_layer=other))
    assert both.backward_layer.stateful and not both.forward_layer.stateful
    refuse(
        *(ValueError, "merge_mode", from_keras),
        keras("Bidirectional", LSTM * 2, merge_mode="ave", layer=inner),
    )


@row(
    "`stateful=`, `go_backwards=`, `recurrent_activation=`, `reset_after=`, `dtype=` of "
    "`from_keras`"
)
def arguments(tmp_path):
    layer = from_keras("LSTM", LSTM, stateful=True, go_backwards=True, dtype=np.float64)
    assert layer.stateful and layer.go_backwards and layer.dtype == np.float64
    refuse(ValueError, "stateful", from_keras, "Dense", LSTM[::2], stateful=True)
    refuse(ValueError, "go_backwards", from_keras, keras("LSTM", LSTM), go_backwards=True)
    refuse(ValueError, "dtype", from_keras, "Dense", LSTM[::2], dtype=np.float64)


@row("`encoding=` of `evaluate_word_pairs`, `load_word2vec_format`")
def encoding(tmp_path):
    kv = KeyedVectors.from_words(["café", "thé", "lait"], np.eye(3, dtype=np.float32) + 0.1)
    pairs = tmp_path / "pairs.tsv"
    pairs.write_text("café\tthé\t1\nthé\tlait\t2\ncafé\tlait\t3\n", encoding="latin-1")
    refuse(ValueError, "utf", kv.evaluate_word_pairs, pairs)
    *_, unknown = kv.evaluate_word_pairs(pairs, encoding="latin-1")
    assert unknown == 0
    refuse((ValueError, LookupError), "klingon", kv.evaluate_word_pairs, pairs, encoding="klingon")
    path = tmp_path / "vectors.txt"
    path.write_text("1 2\ncafé 1 2\n", encoding="latin-1")
    try:
        read = KeyedVectors.load_word2vec_format(path, encoding="latin-1")
    except ValueError as error:
        assert "encoding: expected" in str(error)
    else:
        assert read.index_to_key == ["café"]


SENTENCES = [["you", "say", "goodbye"], ["i", "say", "hello"]] * 20


def trained(**options):
    return Word2Vec(SENTENCES, min_count=1, vector_size=4, workers=1, **options)


@row("`wv.vectors_lockf`")
def lockf(tmp_path):
    model = trained()
    before = model.wv.vectors.copy()
    model.wv.vectors_lockf = np.ones(len(model.wv))
    model.wv.vectors_lockf[1] = 0
    model.train(epochs=3, start_alpha=0.1)
    moved = (model.wv.vectors != before).any(axis=1)
    assert not moved[1] and moved[0]


@row("`model.running_training_loss = 0`")
def running_loss(tmp_path):
    model = trained(compute_loss=True)
    assert model.running_training_loss > 0
    model.running_training_loss = 0
    assert model.get_latest_training_loss() == 0
    refuse(ValueError, "expected 0", setattr, model, "running_training_loss", 3)


@row("unknown keywords of `Word2Vec.train` and `build_vocab`")
def unknown_keywords(tmp_path):
    model = trained()
    refuse(TypeError, "epochs", model.train, SENTENCES, total_examples=40, epoch=5)
    refuse(TypeError, "keep_raw_vocab", model.build_vocab, SENTENCES, keep_raw_voc=True)


@row("`LineSentence(max_sentence_length=)`")
def sentence_length(tmp_path):
    path = tmp_path / "text.txt"
    path.write_text("a b c d e\n")
    assert list(LineSentence(path)) == [["a", "b", "c", "d", "e"]]
    cut = LineSentence(path, max_sentence_length=2)
    assert list(cut) == [["a", "b"], ["c", "d"], ["e"]]


@row("`max_vocab_size`")
def vocabulary_size(tmp_path):
    model = Word2Vec([["a", "b", "b", "c", "c", "c"]] * 9, min_count=1, max_vocab_size=2)
    assert model.wv.index_to_key == ["c", "b"]


@row("settings assigned between two calls, such as `model.window`")
def model_settings(tmp_path):
    model = trained()
    model.window = 2
    model.train(SENTENCES, total_examples=40, epochs=1)
    for name, value in (("window", 0), ("negative", 2**62), ("epochs", -3), ("sample", -1)):
        model = trained()
        with pytest.raises(ValueError, match=name):
            setattr(model, name, value)
            model.train(SENTENCES, total_examples=40, epochs=model.epochs)


@row("attributes and subclasses of a model across `save` and `load`")
def kept(tmp_path):
    model = trained()
    model.note = {"text": "a note"}
    model.save(tmp_path / "model.fw2v")
    assert Word2Vec.load(tmp_path / "model.fw2v").note == {"text": "a note"}
    model.note = open
    refuse((TypeError, ValueError), "note", model.save, tmp_path / "other.fw2v")
    assert not (tmp_path / "other.fw2v").exists()


@row("`set_vecattr` across `save` and `build_vocab(update=True)`")
def word_attributes(tmp_path):
    model = trained()
    model.wv.set_vecattr("say", "seen", 7)
    model.build_vocab([["new", "say"]] * 5, update=True)
    model.save(tmp_path / "model.fw2v")
    wv = Word2Vec.load(tmp_path / "model.fw2v").wv
    assert (wv.get_vecattr("say", "seen"), wv.get_vecattr("new", "seen")) == (7, 0)


@row('`wv["word"]` and results of queries')
def copies(tmp_path):
    wv = trained().wv
    before = wv.vectors.copy()
    for found in (wv["say"], wv.get_vector("say"), wv[["say", "you"]]):
        found += 1
    assert np.array_equal(wv.vectors, before)
    wv.vectors[:] = 1
    assert (wv["say"] == 1).all()


@row("`wv.key_to_index`, `wv.index_to_key`, `wv.vectors`, `model.syn1neg` replaced or edited")
def tables_of_a_model(tmp_path):
    model = trained()
    model.syn1neg = model.syn1neg.copy()
    model.train(SENTENCES, total_examples=40, epochs=1)
    model.wv.key_to_index["you"] = 10**9
    refuse(ValueError, "key_to_index", model.train, SENTENCES, total_examples=40, epochs=1)


@row('`wv.save(dtype="float16")` and `"int8"`')
def compressed(tmp_path):
    wv = trained().wv
    wv.save(tmp_path / "small.fw2v", dtype="int8")
    small = KeyedVectors.load(tmp_path / "small.fw2v")
    assert "int8" in repr(small.vectors)
    assert small.most_similar("say", topn=1)[0][0] == wv.most_similar("say", topn=1)[0][0]


def listed():
    text = (ROOT / "docs" / "honoured.md").read_text(encoding="utf-8")
    cells = re.findall(r"^\| (.*?) \| (honoured|refused|different) \| .* \|$", text, re.M)
    return [option for option, _ in cells]


def test_each_row_has_a_test_and_each_test_a_row():
    assert sorted(listed()) == sorted(ROWS)


@pytest.mark.parametrize("option", ROWS)
def test_the_row_holds(option, tmp_path):
    ROWS[option](tmp_path)
