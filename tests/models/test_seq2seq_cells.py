"""Seq2seq models that a reader builds from TimeGRU or TimeRNN, by the book's pattern."""

import numpy as np
import pytest

import fastw2v.reference.optimizer
import fastw2v.reference.trainer
from fastw2v import models, optimizer, trainer
from fastw2v.reference import attention_seq2seq, seq2seq
from fastw2v.reference import time_layers as slow
from fastw2v.time_layers import TimeGRU, TimeRNN

V, D, H = 9, 4, 6
QUESTIONS = np.random.default_rng(0).integers(0, V, (60, 7))
ANSWERS = np.random.default_rng(1).integers(0, V, (60, 5))
ANSWERS[:, 0] = 8  # the start mark
FAST = trainer.Trainer, optimizer.Adam
REFERENCE = fastw2v.reference.trainer.Trainer, fastw2v.reference.optimizer.Adam
GRU, RNN = (TimeGRU, slow.TimeGRU, 3, {}), (TimeRNN, slow.TimeRNN, 1, {})
AFTER = (TimeGRU, slow.TimeGRU, 3, {"reset_after": True})
CELLS = {"GRU": GRU, "reset_after": AFTER, "RNN": RNN}
every_cell = pytest.mark.parametrize("cell", CELLS)


def weights(D, H, n_gates, options):
    """Draw Wx, Wh and b from numpy's global stream, as the book does."""
    biases = (2, n_gates * H) if options else (n_gates * H,)
    shapes = (D, n_gates * H), (H, n_gates * H), biases
    return [(np.random.randn(*shape) / np.sqrt(H)).astype("f") for shape in shapes]


def put_in_place(part, cell, n_gates, options, stateful):
    """Replace the LSTM of an encoder or decoder, as a subclass of the reader's would."""
    part.lstm = cell(*weights(D, H, n_gates, options), stateful=stateful, **options)
    layers = [part.embed, part.lstm, *([part.affine] if stateful else [])]
    part.params = [param for layer in layers for param in layer.params]
    part.grads = [grad for layer in layers for grad in layer.grads]


def with_cell(model_class, which, cell):
    """Return a Seq2seq whose encoder and decoder run on another cell, fast (0) or reference (1)."""
    np.random.seed(3)
    model = model_class(V, D, H)
    *kinds, n_gates, options = CELLS[cell]
    put_in_place(model.encoder, kinds[which], n_gates, options, stateful=False)
    put_in_place(model.decoder, kinds[which], n_gates, options, stateful=True)
    model.params = model.encoder.params + model.decoder.params
    model.grads = model.encoder.grads + model.decoder.grads
    return model


class Encoder:
    """An encoder that a reader writes from layers alone."""

    def __init__(self, embed, gru):
        self.embed, self.gru = embed, gru
        self.params, self.grads = embed.params + gru.params, embed.grads + gru.grads

    def forward(self, xs):
        self.hs = self.gru.forward(self.embed.forward(xs))
        return self.hs[:, -1, :]

    def backward(self, dh):
        dhs = np.zeros_like(self.hs)
        dhs[:, -1, :] = dh
        self.embed.backward(self.gru.backward(dhs))


class Decoder:
    def __init__(self, embed, gru, affine):
        self.layers = embed, gru, affine
        self.params = [param for layer in self.layers for param in layer.params]
        self.grads = [grad for layer in self.layers for grad in layer.grads]

    def forward(self, xs, h):
        self.layers[1].set_state(h)
        for layer in self.layers:
            xs = layer.forward(xs)
        return xs

    def backward(self, dscore):
        for layer in reversed(self.layers):
            dscore = layer.backward(dscore)
        return self.layers[1].dh

    def generate(self, h, start_id, sample_size):
        embed, gru, affine = self.layers
        gru.set_state(h)
        ids = [start_id]
        for _ in range(sample_size):
            x = np.array(ids[-1]).reshape((1, 1))
            ids.append(int(affine.forward(gru.forward(embed.forward(x))).argmax()))
        return ids[1:]


def written_by_hand(which, cell):
    """Return a Seq2seq of the reader's own Encoder and Decoder."""
    from fastw2v import time_layers as fast

    np.random.seed(3)
    layers = (fast, slow)[which]
    *kinds, n_gates, options = CELLS[cell]

    def draw(*shape):
        return (np.random.randn(*shape) / 10).astype("f")

    model = (models.Seq2seq, seq2seq.Seq2seq)[which](V, D, H)
    recurrent = [kinds[which](*weights(D, H, n_gates, options), s, **options) for s in (0, 1)]
    model.encoder = Encoder(layers.TimeEmbedding(draw(V, D)), recurrent[0])
    model.decoder = Decoder(
        layers.TimeEmbedding(draw(V, D)),
        recurrent[1],
        layers.TimeAffine(draw(H, V), np.zeros(V, "f")),
    )
    model.params = model.encoder.params + model.decoder.params
    model.grads = model.encoder.grads + model.decoder.grads
    return model


def assert_trains_like_the_reference(make):
    results = []
    for which, (make_trainer, make_optimizer) in enumerate((FAST, REFERENCE)):
        model = make(which)
        fit = make_trainer(model, make_optimizer(0.01))
        np.random.seed(4)
        fit.fit(QUESTIONS, ANSWERS, 3, 12, 0.5, eval_interval=1)
        for param in model.params:
            param *= 3  # answers that differ from question to question
        answers = [list(model.generate(xs[None], 8, 4)) for xs in QUESTIONS[:20]]
        results.append((fit.loss_list, answers, model))
    (losses, answers, model), (expected_losses, expected_answers, expected) = results
    np.testing.assert_allclose(losses, expected_losses, rtol=1e-4)
    for param, wanted in zip(model.params, expected.params, strict=True):
        np.testing.assert_allclose(param, wanted, rtol=1e-2, atol=1e-3)
    assert answers == expected_answers
    assert len(set(map(tuple, answers))) > 1
    return model


@every_cell
@pytest.mark.parametrize("pair", ["Seq2seq", "AttentionSeq2seq"])
def test_our_encoder_and_decoder_run_on_another_cell(cell, pair, capsys):
    classes = {
        "Seq2seq": (models.Seq2seq, seq2seq.Seq2seq),
        "AttentionSeq2seq": (models.AttentionSeq2seq, attention_seq2seq.AttentionSeq2seq),
    }[pair]
    model = assert_trains_like_the_reference(lambda which: with_cell(classes[which], which, cell))
    together = model.generate_batch(QUESTIONS, 8, 4)
    assert together.tolist() == [model.generate(xs[None], 8, 4) for xs in QUESTIONS]


@every_cell
def test_a_readers_own_encoder_and_decoder(cell, capsys):
    assert_trains_like_the_reference(lambda which: written_by_hand(which, cell))


@every_cell
def test_generating_keeps_nothing_for_backward(cell):
    model = with_cell(models.Seq2seq, 0, cell)
    model.generate_batch(QUESTIONS, 8, 2)
    with pytest.raises(RuntimeError, match="forward"):
        model.decoder.lstm.backward(np.ones((60, 1, H), "f"))


def test_the_cell_state_of_a_cell_without_one_is_refused(capsys):
    model = with_cell(models.Seq2seq, 0, "GRU")
    model.hand_over_c = True
    with pytest.raises(AttributeError, match="c"):
        model.forward(QUESTIONS, ANSWERS)
