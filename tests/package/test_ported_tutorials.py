"""Keras and TensorFlow tutorials, ported: sizes, printed numbers and what the models learn.

The tutorials print eight digits.
"""

import copy

import numpy as np
import pytest

from fastw2v.candidate_sampling import LogUniformSampler, NCELoss, sigmoid_cross_entropy
from fastw2v.datasets import build_vocab, read_pairs, skip_gram_batches
from fastw2v.keras import count_params, from_keras, summary
from fastw2v.keyed_vectors import KeyedVectors
from fastw2v.layers import Embedding
from fastw2v.models import CBOW, CharTranslator, NCESkipGram, SequenceRegressor
from fastw2v.optimizer import SGD, Adam
from fastw2v.time_layers import TimeEmbedding
from fastw2v.trainer import Trainer
from fastw2v.util import create_contexts_target

# The Embedding layer of Keras --------------------------------------------------------------------


@pytest.mark.parametrize("steps", [1, 2, 7])
def test_keras_embedding_takes_any_length(steps, rng):
    table = rng.uniform(-0.05, 0.05, (50_000, 128)).astype(np.float32)
    layer = from_keras("Embedding", [table])
    assert count_params(layer) == 6_400_000
    found = layer.forward(np.zeros((3, steps), int))
    assert found.shape == (3, steps, 128)
    assert (found == found[0, 0]).all() and (found[0, 0] == table[0]).all()


def test_embedding_of_ids_equals_time_embedding(rng):
    table = rng.uniform(-0.05, 0.05, (13, 16)).astype(np.float32)  # the addition note's
    assert count_params(TimeEmbedding(table)) == 208
    ids = np.array([4, 0, 4])
    found = Embedding(table).forward(ids)
    assert found.shape == (3, 16) and (found[0] == found[2]).all()
    assert (found == TimeEmbedding(table).forward(ids[:, None])[:, 0]).all()


# Character-level translation ---------------------------------------------------------------------

NOTE_PAIRS = [
    ("Go.", "行け。"),
    ("Go.", "行きなさい。"),
    ("Hi.", "やっほー。"),
    ("Hi.", "こんにちは!"),
    ("She is mad at me.", "彼女は私に怒っています。"),
    ("She is obstinate.", "彼女は強情です。"),
    ("She is on a diet.", "彼女はダイエットをしている。"),
]


def test_pairs_of_a_file_become_ids(tmp_path):
    path = tmp_path / "note.txt"
    path.write_text("".join(f"{a}\t{b}\n" for a, b in NOTE_PAIRS), encoding="utf-8")
    assert b"\t\xe8\xa1\x8c" in path.read_bytes()  # 行 in UTF-8
    pairs = read_pairs(path)
    assert pairs == NOTE_PAIRS
    model = CharTranslator.from_pairs(pairs, 8)
    source, target = pairs[0]
    assert len(source) == 3 and len("\t" + target + "\n") == 5
    assert model.source_characters == sorted(model.source_characters)
    assert model.target_characters[:2] == ["\t", "\n"]
    assert (model.max_source_length, model.max_target_length) == (17, 16)
    x, t = model.pair_ids(pairs[:1])
    assert x.shape == (1, 3) and t.shape == (1, 5)
    written = "".join(model.target_characters[id] for id in t[0])
    assert written == "\t行け。\n"
    # Inputs and targets are one step apart, and the start mark is never a target.
    model.forward(x, t)
    targets = model.loss_layer.cache[0]
    np.testing.assert_array_equal(targets, t[0, 1:])


def note_model(**options):
    """Alphabets of the note's 5,000 pairs by their numbers of characters: 70 and 1,123."""
    source = [chr(0x20 + k) for k in range(70)]
    target = ["\t", "\n", *(chr(0x4E00 + k) for k in range(1121))]
    lengths = {"max_source_length": 18, "max_target_length": 28}
    return CharTranslator(source, target, 256, **lengths, **options)


def test_parameter_counts_of_the_translator(capsys):
    model = note_model()
    shapes = [param.shape for param in model.params]
    assert shapes == [
        *((70, 1024), (256, 1024), (1024,)),
        *((1123, 1024), (256, 1024), (1024,)),
        *((256, 1123), (1123,)),
    ]
    encoder, decoder = model.encoder, model.decoder
    counts = [count_params(part) for part in (encoder.lstm, decoder.lstm, decoder.affine)]
    assert counts == [334_848, 1_413_120, 288_611]
    assert count_params(model) == sum(counts) == 2_036_579
    summary(model)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[-1] for line in lines[3:6]] == ["334,848", "1,413,120", "288,611"]
    assert lines[-1].split() == ["Total", "2,036,579"]


def test_the_translator_encodes_and_decodes_step_by_step():
    model = note_model()
    h, c = model.encode("$$$")
    assert h.shape == c.shape == (1, 256)
    p, h, c = model.step(model.target_characters.index("\t"), h, c)
    assert p.shape == (1, 1, 1123) and h.shape == c.shape == (1, 256)
    assert p.sum() == pytest.approx(1, abs=1e-5)
    assert len(model.translate("$$$")) <= 26


def test_the_translator_reproduces_its_training_pairs():
    np.random.seed(0)
    model = CharTranslator.from_pairs(NOTE_PAIRS, 48)
    model.fit(NOTE_PAIRS, 80, 7, 0, optimizer=Adam(0.02))
    assert model.exact(NOTE_PAIRS) == 1.0
    assert model.translate("She is on a diet.") == "彼女はダイエットをしている。"


# The bidirectional encoder -----------------------------------------------------------------------


def test_a_bidirectional_encoder_makes_the_decoder_twice_as_wide():
    model = note_model(bidirectional=True)
    encoder, decoder = model.encoder, model.decoder
    both = count_params(encoder.lstm) + count_params(encoder.backward_lstm)
    assert both == 669_696
    assert count_params(decoder.lstm) == 3_350_528 and len(decoder.lstm.params[1]) == 512
    assert count_params(decoder.affine) == 576_099
    assert count_params(model) == 4_596_323
    h, c = model.encode("$%&")
    assert h.shape == c.shape == (1, 512)
    # The second LSTM reads the text backwards.
    back, forth = model.encode("&%$")[0], h
    encoder.lstm.params[0][...], encoder.lstm.params[1][...] = encoder.backward_lstm.params[:2]
    np.testing.assert_allclose(model.encode("$%&")[0][:, :256], back[:, 256:], rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(model.encode("$%&")[0][:, 256:], forth[:, 256:])


# TensorFlow's word2vec_basic ---------------------------------------------------------------------

PRINTED_COUNTS = {
    0: 0.9905478,
    1: 0.92956346,
    2: 0.84463996,
    4: 0.6892732,
    6: 0.5735737,
    7: 0.5279828,
    12: 0.37532815,
    17: 0.2901329,
    24: 0.21983916,
    30: 0.18194638,
    31: 0.17686114,
    33: 0.16749582,
    49: 0.11761837,
    54: 0.10759848,
    90: 0.06667874,
    92: 0.06529876,
    114: 0.05318905,
    150: 0.04080481,
    182: 0.03380741,
    183: 0.0336272,
    208: 0.02967292,
    212: 0.02912493,
    221: 0.02796301,
}
TRUE_LOGITS = [0.75966, 2.434282, 2.1441886, 1.2829933, -0.1432182, -0.2673956]
TRUE_LOSSES = [0.38378218, 0.08402921, 0.1107925, 0.24467511, 0.767318, 0.83575606]
SAMPLED_LOGITS = [
    *(1.3191822, 3.09035, 2.6109805, 0.7031988, 3.1732008, 2.9454582),
    *(1.6065203, 3.2463934, 2.426865, 0.5460663, 2.9791045, 3.5856936),
]
SAMPLED_LOSSES = [
    *(1.5561134, 3.134832, 2.68187, 1.1053246, 3.2142174, 2.9967005),
    *(1.7893287, 3.2845697, 2.5114942, 1.0029998, 3.0286927, 3.6130338),
]


def test_expected_counts_of_log_uniform_candidates():
    sampler = LogUniformSampler(300, num_sampled=24)
    found = sampler.expected_count(list(PRINTED_COUNTS), tries=36)
    np.testing.assert_allclose(found, list(PRINTED_COUNTS.values()), rtol=2e-7)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sigmoid_cross_entropy_of_printed_logits(dtype):
    for logits, label, losses in (
        (TRUE_LOGITS, 1, TRUE_LOSSES),
        (SAMPLED_LOGITS, 0, SAMPLED_LOSSES),
    ):
        x = np.array(logits, dtype)
        found = sigmoid_cross_entropy(x, label)
        np.testing.assert_allclose(found, losses, rtol=2e-7, atol=1e-7)
        # the note's own formula
        np.testing.assert_allclose(x - x * label + np.log(1 + np.exp(-x)), losses, rtol=1e-6)


def test_shapes_of_nce_loss(rng):
    V, D = 50_000, 128
    W = (rng.standard_normal((V, D)) / np.sqrt(D)).astype(np.float32)
    layer = NCELoss(W, np.zeros(V, np.float32), num_sampled=64)
    x = np.repeat(rng.uniform(-1, 1, (50, D)), 2, axis=0)  # each centre word is listed twice
    loss = layer.forward(x, rng.integers(0, V, (100, 1)))
    assert layer.sampled.shape == (64,) and len(set(layer.sampled.tolist())) == 64
    assert layer.true_expected_count.shape == (100, 1)
    assert layer.sampled_expected_count.shape == (64,)
    assert layer.logits.shape == layer.labels.shape == (100, 65)
    assert (layer.labels == [1] + [0] * 64).all()
    np.testing.assert_array_equal(layer.logits[::2, 1:], layer.logits[1::2, 1:])
    assert (layer.logits[::2, 0] != layer.logits[1::2, 0]).all()
    by_row = sigmoid_cross_entropy(layer.logits, layer.labels).sum(axis=1)
    assert loss == pytest.approx(by_row.mean(), rel=1e-5)


def test_nearest_words_by_cosine(rng):
    table = rng.uniform(-1, 1, (300, 128)).astype(np.float32)
    embeddings = table / np.linalg.norm(table, axis=1, keepdims=True)
    similarity = embeddings[76] @ embeddings.T
    assert similarity[76] == pytest.approx(1, abs=1e-6)
    nearest = similarity.argsort()[295:][::-1]
    assert nearest[0] == 76
    words = [str(k) for k in range(300)]
    found = KeyedVectors.from_words(words, table).most_similar("76", topn=4)
    assert [int(word) for word, _ in found] == nearest[1:].tolist()
    np.testing.assert_allclose([cosine for _, cosine in found], similarity[nearest[1:]], atol=1e-6)


def test_word2vec_basic_learns():
    np.random.seed(0)
    text = "the cat sat on the mat the dog sat on the rug a cat and a dog ran home rarely".split()
    vocabulary = build_vocab(text * 150, max_size=12)
    assert vocabulary.id_to_word[0] == "UNK" and len(vocabulary.counts) == 12
    model = NCESkipGram(12, 16, num_sampled=6)
    batches = skip_gram_batches(vocabulary.ids, 64, num_skips=2, skip_window=1)
    trainer = Trainer(model, SGD(lr=1.0))
    first = trainer.fit_batches(batches, 20, eval_interval=None)
    last = [trainer.fit_batches(batches, 150, eval_interval=None) for _ in range(3)][-1]
    assert last < 0.7 * first


# SimpleRNN and LSTM ------------------------------------------------------------------------------


def test_parameter_counts_of_simple_rnn_and_lstm(capsys):
    for cell, count in (("rnn", "440"), ("lstm", "1,760")):
        summary(SequenceRegressor(cell, input_size=1, hidden_size=20))
        lines = capsys.readouterr().out.splitlines()
        assert [line.split()[-1] for line in lines[3:5]] == [count, "21"]
    per_gate = 20 + 400 + 20
    assert count_params(SequenceRegressor("lstm").rnn) == 4 * per_gate
    assert count_params(SequenceRegressor("rnn").rnn) == per_gate


@pytest.mark.parametrize("gate", ["sigmoid", "hard_sigmoid_keras2", "hard_sigmoid_keras3"])
def test_keras_lstm_follows_the_formulas_gate_by_gate(gate, rng):
    """kernel_i, kernel_f, kernel_z, kernel_o as the note calls them: the i, f, c, o of Keras."""
    units, gates = 20, {
        "sigmoid": lambda a: 1 / (1 + np.exp(-a)),
        "hard_sigmoid_keras2": lambda a: np.clip(0.2 * a + 0.5, 0, 1),
        "hard_sigmoid_keras3": lambda a: np.clip(a + 3, 0, 6) / 6,
    }  # fmt: skip
    kernel, recurrent, bias = (
        dict(zip("ifzo", rng.standard_normal((4, *shape)), strict=True))
        for shape in ((1, units), (units, units), (units,))
    )
    inputs, y, c = rng.standard_normal((3, 25, 1)), np.zeros((3, units)), np.zeros((3, units))
    keras = [np.concatenate([w[g] for g in "ifzo"], axis=-1) for w in (kernel, recurrent, bias)]
    layer = from_keras("LSTM", keras, recurrent_activation=gate, dtype=np.float64)
    hs = layer.forward(inputs)
    for t in range(25):
        a = {g: inputs[:, t] @ kernel[g] + bias[g] + y @ recurrent[g] for g in "ifzo"}
        i, f, o = (gates[gate](a[g]) for g in "ifo")
        c = f * c + i * np.tanh(a["z"])
        y = o * np.tanh(c)
        np.testing.assert_allclose(hs[:, t], y, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(layer.c, c, rtol=1e-10, atol=1e-12)


# Where the word vectors change -------------------------------------------------------------------


def test_word_vecs_is_the_table_that_training_moves():
    corpus = np.array([0, 1, 2, 3, 4, 5, 1, 0, 3, 4, 5, 0, 6])
    model = CBOW(7, 3, window_size=1, corpus=corpus, sample_size=2)
    W_in = model.params[0]
    assert model.word_vecs is W_in
    row, before = model.word_vecs[2], copy.copy(W_in)
    Trainer(model, Adam()).fit(*create_contexts_target(corpus), 5, 4, eval_interval=None)
    assert model.word_vecs is W_in is model.params[0]
    assert not np.array_equal(W_in, before)
    np.testing.assert_array_equal(row, W_in[2])  # the view was taken before


# A single id and an integer gradient -------------------------------------------------------------


def test_a_single_id_and_an_integer_gradient(rng):
    W = rng.standard_normal((10, 3))
    layer = Embedding(W)
    out = layer.forward(2)
    assert out.shape == (3,) and (out == W[2]).all()
    layer.backward(np.arange(3))
    expected = np.zeros((10, 3))
    expected[2] = 0, 1, 2
    np.testing.assert_array_equal(layer.grads[0], expected)
