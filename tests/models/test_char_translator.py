"""CharTranslator: gradients, padding, decoding, training, files, bad input."""

import itertools
import json
import sys
import zipfile

import numpy as np
import pytest
from conftest import assert_same_bits
from gradcheck import assert_gradients

from fastw2v.datasets import kanji_numbers
from fastw2v.functions import softmax
from fastw2v.keras import count_params, from_keras, summary, to_keras
from fastw2v.models import CharTranslator
from fastw2v.optimizer import Adam, RMSprop
from fastw2v.time_layers import TimeBiLSTM, TimeLSTM
from fastw2v.trainer import Trainer

PAIRS = [("ab", "xy"), ("abc", "x"), ("c", "zyxx"), ("bca", "yz"), ("cc", "zz")]
VARIANTS = [
    dict(zip(("embed_size", "bidirectional", "reverse", "attention"), values, strict=True))
    for values in itertools.product((None, 3), (False, True), (False, True), (False, True))
]


def name_of(variant):
    return "-".join(f"{name}" for name, value in variant.items() if value) or "plain"


every_variant = pytest.mark.parametrize("variant", VARIANTS, ids=name_of)


def small(variant=None, hidden_size=4, pairs=PAIRS, **options):
    rng = np.random.default_rng(3)
    model = CharTranslator.from_pairs(pairs, hidden_size, rng=rng, **(variant or {}), **options)
    for param in model.params:  # away from the initial zeros, so that everything matters
        param += 0.3 * rng.standard_normal(param.shape)
    return model


@pytest.fixture(scope="module")
def trained():
    """One that knows most numbers up to 99, and is unsure of the others."""
    np.random.seed(1)
    pairs = kanji_numbers(80, 99)
    model = CharTranslator.from_pairs(pairs, 24)
    model.fit(pairs, 30, 8, optimizer=Adam(0.01))
    return model, pairs


# Numbers ----------------------------------------------------------------------------------------


@every_variant
def test_gradients_are_finite_differences(variant):
    model = small(variant, hidden_size=2, dtype=np.float64)
    x, t = model.pair_ids(PAIRS[:3])

    def run():
        return 0.5 * float(model.forward(x, t))

    run()
    model.backward(0.5)
    assert_gradients(run, model.params, [np.array(g) for g in model.grads], rtol=1e-5)


@every_variant
def test_padding_has_no_effect(variant):
    """A batch is the sum of its rows, by loss and by gradient, and wider padding is nothing."""
    model = small(variant, dtype=np.float64)
    x, t = model.pair_ids(PAIRS)
    counts = (t[:, 1:] >= 0).sum(axis=1)
    total, sums = 0.0, [np.zeros(param.shape) for param in model.params]
    for n, count in enumerate(counts):
        total += model.forward(x[n : n + 1], t[n : n + 1]) * count
        model.backward(count / counts.sum())
        for s, grad in zip(sums, model.grads, strict=True):
            s += grad
    for pad in (0, 5):
        wide = [np.pad(ids, ((0, 0), (0, pad)), constant_values=-1) for ids in (x, t)]
        assert model.forward(*wide) == pytest.approx(total / counts.sum(), rel=1e-12)
        model.backward()
        for s, grad in zip(sums, model.grads, strict=True):
            np.testing.assert_allclose(grad, s, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("reverse", [False, True])
def test_forward_is_that_of_the_layers(bidirectional, reverse):
    """One-hot rows through TimeLSTM and TimeBiLSTM, h and c handed over, a dense layer on top."""
    model = small({"bidirectional": bidirectional, "reverse": reverse}, dtype=np.float64)
    source, target = PAIRS[0]
    x = np.eye(3)[[model.source_characters.index(char) for char in source]][None]
    if reverse:
        x = x[:, ::-1]
    encoder = model.encoder
    if bidirectional:
        first, second = encoder.lstm, encoder.backward_lstm
        layer = TimeBiLSTM(*first.params, *second.params, dtype=np.float64)
    else:
        layer = TimeLSTM(*encoder.lstm.params, dtype=np.float64)
    layer.forward(x)
    h, c = (np.hstack(s) if bidirectional else s for s in (layer.h, layer.c))
    decoder = TimeLSTM(*model.decoder.lstm.params, stateful=True, dtype=np.float64)
    decoder.set_state(h, c)
    text = "\t" + target + "\n"
    ids = [model.target_characters.index(char) for char in text]
    hs = decoder.forward(np.eye(5)[ids[:-1]][None])[0]
    W, b = model.decoder.affine.params
    p = softmax(hs @ W + b)
    losses = -np.log(p[np.arange(len(ids) - 1), ids[1:]])
    found = model.forward(*model.pair_ids([(source, target)]))
    assert found == pytest.approx(losses.mean(), rel=1e-10)
    assert model.score(source, target) == pytest.approx(-losses.sum(), rel=1e-10)
    # encode and step, as the note writes its decoder
    h, c = model.encode(source)
    for k, id in enumerate(ids[:-1]):
        probabilities, h, c = model.step(id, h, c)
        assert probabilities.shape == (1, 1, 5) and h.shape == c.shape
        np.testing.assert_allclose(probabilities[0, 0], p[k], rtol=1e-9)


def test_attention_is_that_of_the_real_steps():
    model = small({"attention": True}, dtype=np.float64)
    x, t = model.pair_ids(PAIRS)
    model.forward(x, t)
    lengths = (x >= 0).sum(axis=1)
    for weights in model.decoder.attention.attention_weights:
        for row, n in zip(weights, lengths, strict=True):
            assert row[:n].sum() == pytest.approx(1) and not row[n:].any()
    h, c = model.encode("abc")
    p, *_ = model.step(model.target_characters.index("\t"), h, c)
    loss, _, _ = model._score(*model.pair_ids([("abc", "x")]), train=False)
    first = np.log(p[0, 0, model.target_characters.index("x")])
    p, *_ = model.step(model.target_characters.index("x"), *model.step(0, h, c)[1:])
    assert loss == pytest.approx(-(first + np.log(p[0, 0, 1])) / 2, rel=1e-9)


def test_the_summary_lists_all_parameters(capsys):
    model = CharTranslator("abc", "xyz", 4, embed_size=2, bidirectional=True, attention=True)
    assert count_params(model) == sum(param.size for param in model.params)
    summary(model)
    lines = capsys.readouterr().out.splitlines()
    names = [line.split()[0] for line in lines[3:-2]]
    assert names == [
        *("encoder.embed", "encoder.lstm", "encoder.backward_lstm"),
        *("decoder.embed", "decoder.lstm", "decoder.affine"),
    ]
    assert "(N, T, 8)" in lines[7]
    lstm = small().encoder.lstm
    for mine, back in zip(lstm.params, from_keras("LSTM", to_keras(lstm)).params, strict=True):
        assert_same_bits(mine, back)


def test_initial_weights_are_kerass():
    model = CharTranslator("abc", "xyz", 20)
    Wx, Wh, b = model.encoder.lstm.params
    assert abs(Wx).max() <= (6 / 83) ** 0.5
    np.testing.assert_allclose(Wh @ Wh.T, np.eye(20), atol=1e-5)
    np.testing.assert_array_equal(b, np.repeat([1, 0, 0, 0], 20))
    np.random.seed(1)
    first = CharTranslator("abc", "xyz", 20).params
    np.random.seed(1)
    for mine, again in zip(first, CharTranslator("cba", "zzyx\n", 20).params, strict=True):
        assert_same_bits(mine, again)


# Alphabets --------------------------------------------------------------------------------------


def test_alphabets_are_sorted_by_code_point_and_marks_are_added():
    model = CharTranslator.from_pairs([("Go.", "行け。"), ("!Z", "あ")], 3)
    assert model.source_characters == ["!", ".", "G", "Z", "o"]
    assert model.target_characters == ["\t", "\n", "。", "あ", "け", "行"]
    assert (model.max_source_length, model.max_target_length) == (3, 5)
    assert CharTranslator("ab", ["\n", "x"], 3).target_characters == ["\t", "\n", "x"]
    x, t = model.pair_ids([("Go.", "行け。"), ("o", "あ")])
    assert x.tolist() == [[2, 4, 1], [4, -1, -1]] and x.dtype == t.dtype == np.int32
    assert t.tolist() == [[0, 5, 4, 2, 1], [0, 3, 1, -1, -1]]
    longer = CharTranslator.from_pairs([("a", "b")], 3, max_source_length=9)
    assert (longer.max_source_length, longer.max_target_length) == (9, 3)


# Decoding ---------------------------------------------------------------------------------------


@every_variant
def test_width_one_is_greedy_and_wider_is_never_worse(variant):
    model = small(variant)
    texts = ["a", "b", "c", "abc", "cab", "bb"]
    greedy = model.decode(texts)
    for text, found in zip(texts, greedy, strict=True):
        assert model.decode(text) == model.decode(text, beam_width=1)
        assert model.decode(text).text == found.text == model.translate(text)
        assert found.score == pytest.approx(model.score(text, found.text), abs=1e-4)
        for width in (2, 3, 7):
            wide = model.decode(text, width)
            assert wide.score >= model.decode(text).score
            assert wide.score == pytest.approx(model.score(text, wide.text), abs=1e-4)
    assert model.translate(texts, 3) == [model.translate(text, 3) for text in texts]


@pytest.mark.parametrize("variant", VARIANTS[:3], ids=name_of)
def test_a_wide_beam_finds_the_best_text_of_all(variant):
    model = small(variant, max_target_length=5)
    every = ["".join(chars) for n in range(4) for chars in itertools.product("xyz", repeat=n)]
    for text in ("a", "bca"):
        scores = {t: model.score(text, t) for t in every}
        best = max(scores, key=scores.get)
        found = model.decode(text, beam_width=200)
        assert found.text == best
        assert found.score == pytest.approx(scores[best], abs=1e-4)


def test_greedy_is_the_most_probable_character_at_each_step():
    model = small({"attention": True})
    for text in ("a", "cab"):
        h, c = model.encode(text)
        id, written = model.target_characters.index("\t"), ""
        while True:
            p, h, c = model.step(id, h, c)
            p[0, 0, 0] = 0  # the start mark is never written
            id = int(p[0, 0].argmax())
            char = model.target_characters[id]
            if char == "\n" or len(written) == model.max_target_length - 2:
                break
            written += char
        assert model.translate(text) == written


def test_no_translation_is_longer_than_the_longest_target():
    model = small()
    model.decoder.affine.params[1][model.target_characters.index("\n")] = -50
    for width in (1, 3):
        assert len(model.translate("ab", width)) == 4
        assert len(model.translate("ab", width)) == max(len(target) for _, target in PAIRS)


def test_many_texts_are_read_side_by_side(trained):
    model, pairs = trained
    texts = [source for source, _ in pairs] * 4  # more than one batch
    assert model.translate(texts) == [model.translate(text) for text in texts[:80]] * 4


# Training ---------------------------------------------------------------------------------------


def test_it_generalises_to_unseen_numbers():
    np.random.seed(0)
    pairs = kanji_numbers(990, 999)
    model = CharTranslator.from_pairs(pairs, 48)
    model.fit(pairs, 16, 16, optimizer=Adam(0.005), keep_best=True)
    held_out = pairs[int(0.8 * len(pairs)) :]
    assert model.exact(held_out) > 0.9
    assert model.exact(held_out, beam_width=3) > 0.9
    losses = model.history["loss"]
    assert len(losses) == 16 and losses[-1] < losses[0] / 5
    assert model.history["val_accuracy"][-1] > 0.95


@pytest.mark.parametrize(
    "options",
    [
        {"embed_size": 8, "reverse": True},
        {"bidirectional": True},
        {"attention": True},
    ],
    ids=name_of,
)
def test_every_variant_learns(options):
    np.random.seed(0)
    pairs = kanji_numbers(100, 99)
    model = CharTranslator.from_pairs(pairs, 24, **options)
    model.fit(pairs, 25, 8, 0, optimizer=Adam(0.01), max_grad=5.0)
    assert model.exact(pairs) > 0.9
    assert model.history["val_loss"] == []


def test_history_is_kept_over_several_fits(capsys):
    pairs = kanji_numbers(40, 99, rng=1)
    model = small(pairs=pairs, hidden_size=8)
    before = model.evaluate(pairs[32:])
    model.fit(pairs, 2, 8)
    assert capsys.readouterr().out == ""
    model.fit(pairs, 1, 8, validation_split=0.5)
    assert [len(model.history[name]) for name in ("loss", "accuracy")] == [3, 3]
    assert [len(model.history[name]) for name in ("val_loss", "val_accuracy")] == [3, 3]
    assert model.evaluate(pairs[20:]) == (
        pytest.approx(model.history["val_loss"][-1]),
        pytest.approx(model.history["val_accuracy"][-1]),
    )
    assert before != model.evaluate(pairs[32:])
    model.fit(pairs, 1, progress=True)
    assert "1/1" in capsys.readouterr().err


def test_loss_and_accuracy_are_those_of_the_characters():
    model = small(dtype=np.float64)
    losses = {pair: -model.score(*pair) for pair in PAIRS}
    count = sum(len(target) + 1 for _, target in PAIRS)
    loss, accuracy = model.evaluate(PAIRS)
    assert loss == pytest.approx(sum(losses.values()) / count, rel=1e-9)
    right = 0
    for source, target in PAIRS:
        h, c = model.encode(source)
        id = 0
        for char in target + "\n":
            p, h, c = model.step(id, h, c)
            id = model.target_characters.index(char)
            right += p[0, 0].argmax() == id
    assert accuracy == pytest.approx(right / count)


def test_the_default_is_rmsprop_and_the_last_pairs_validate():
    pairs = kanji_numbers(50, 99, rng=1)
    first, second = small(pairs=pairs), small(pairs=pairs)
    np.random.seed(2)
    first.fit(pairs, 2, 8)
    np.random.seed(2)
    trainer = Trainer(second, RMSprop(0.001, 0.9))
    x, t = second.pair_ids(pairs[:40])
    for _ in range(2):
        trainer.fit(x, t, 1, 8, eval_interval=None)
    for mine, other in zip(first.params, second.params, strict=True):
        assert_same_bits(mine, other)


def test_the_best_weights_are_kept_even_when_it_is_stopped(monkeypatch):
    pairs = kanji_numbers(60, 99, rng=2)
    model = small(pairs=pairs, hidden_size=8)
    seen = []
    evaluate = CharTranslator._evaluate

    def watch(self, x, t):
        _, accuracy = evaluate(self, x, t)
        # The second of four epochs is said to be the best one.
        seen.append([param.copy() for param in self.params])
        if len(seen) == 4:
            raise KeyboardInterrupt
        return [5.0 if len(seen) == 2 else 6.0, accuracy]

    monkeypatch.setattr(CharTranslator, "_evaluate", watch)
    with pytest.raises(KeyboardInterrupt):
        model.fit(pairs, 5, 8, optimizer=Adam(0.01), keep_best=True)
    for mine, best, last in zip(model.params, seen[1], seen[3], strict=True):
        assert_same_bits(mine, best)
        assert not np.array_equal(mine, last)
    assert model.history["val_loss"] == [6.0, 5.0, 6.0] and model._tally is None


def test_a_source_may_have_several_targets():
    pairs = [("Go.", "行け。"), ("Go.", "行きなさい。"), ("Hi.", "やっほー。")]
    np.random.seed(0)
    model = CharTranslator.from_pairs(pairs, 16)
    model.fit(pairs, 60, 3, 0, optimizer=Adam(0.02))
    assert model.translate("Go.") in ("行け。", "行きなさい。")
    assert model.exact(pairs) == 1.0
    assert model.exact([("Go.", "やっほー。"), ("Hi.", "やっほー。")]) == 0.5


def test_history_is_drawn(tmp_path, monkeypatch, capsys):
    pairs = kanji_numbers(30, 99, rng=1)
    model = small(pairs=pairs)
    model.fit(pairs, 3, 8)
    assert model.plot(tmp_path / "history.png")
    assert (tmp_path / "history.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    assert not model.plot(tmp_path / "none.png")
    assert "pip install matplotlib" in capsys.readouterr().err
    assert not (tmp_path / "none.png").exists()


# Files ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@every_variant
def test_a_loaded_model_equals_the_saved_one(variant, dtype, tmp_path):
    model = small(variant, dtype=dtype)
    model.save(tmp_path / "model.npz")
    state = np.random.get_state()[1].copy()
    again = CharTranslator.load(tmp_path / "model.npz")
    assert_same_bits(np.random.get_state()[1], state)
    for mine, other in zip(model.params, again.params, strict=True):
        assert_same_bits(mine, other)
    for name in ("source_characters", "target_characters", "hidden_size", "max_source_length",
                 "max_target_length", *variant):  # fmt: skip
        assert getattr(again, name) == getattr(model, name)
    assert again.decode(["ab", "c"], 2) == model.decode(["ab", "c"], 2)
    again.fit(PAIRS, 1, 2)


def test_save_params_writes_the_weights_alone(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    model, other = small(), small(hidden_size=4)
    model.save_params()
    for param in other.params:
        param[...] = 0
    other.load_params()
    for mine, theirs in zip(model.params, other.params, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-3, atol=1e-3)


def rewritten(path, **changes):
    """Rewrite the archive with other members; a function changes the settings."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    arrays = dict(np.load(path))
    for name, change in changes.items():
        if name == "settings" and change is not None:
            settings = json.loads(arrays["settings"].tobytes())
            text = json.dumps(change(settings)).encode("ascii")
            arrays["settings"] = np.frombuffer(text, np.uint8)
        elif change is None:
            del arrays[name]
        else:
            arrays[name] = change
    assert len(members) > 3
    np.savez(path, **arrays)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"param0": np.ones((4, 16), "f")}, r"expected shape \(3, 16\) for array 0 by its sett"),
        ({"settings": lambda s: s | {"hidden_size": 5}}, r"expected shape \(3, 20\) for array 0"),
        ({"settings": lambda s: s | {"attention": True}}, r"expected shape \(8, 5\) for array 6"),
        ({"settings": lambda s: s | {"hidden_size": "big"}}, "setting hidden_size is 'big'"),
        ({"settings": lambda s: s | {"hidden_size": 0}}, "setting hidden_size is 0"),
        ({"settings": lambda s: s | {"hidden_size": 10**9}}, r"expected shape \(3, 4000000000\)"),
        ({"settings": lambda s: s | {"format": "x"}}, "no settings of 'fastw2v CharTranslator 1'"),
        ({"settings": lambda s: []}, "no settings of"),
        ({"settings": lambda s: s | {"more": 1}}, r"settings \['more'\] missing or unknown"),
        ({"settings": None}, "expected a file that CharTranslator.save wrote, got a dam"),
        ({"param7": None}, "expected 8 arrays by its settings, got 7"),
        ({"param3": None}, "got a damaged or foreign one"),
        ({"param8": np.ones(2)}, "expected 8 arrays by its settings, got 9"),
        ({"param1": np.array(["a"])}, "got a damaged or foreign one"),
    ],
)
def test_files_whose_arrays_do_not_match_their_settings_are_refused(tmp_path, changes, words):
    path = tmp_path / "model.npz"
    small().save(path)
    rewritten(path, **changes)
    with pytest.raises(ValueError, match=words) as caught:
        CharTranslator.load(path)
    assert str(path) in str(caught.value)


def test_files_of_another_kind_are_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="No file: .*nothing.npz"):
        CharTranslator.load(tmp_path / "nothing.npz")
    path = tmp_path / "model.npz"
    path.write_text("no archive")
    with pytest.raises(
        ValueError, match="model.npz: expected a file that CharTranslator.save wrote"
    ):
        CharTranslator.load(path)
    small().save(path)
    path.write_bytes(path.read_bytes()[:-500])
    with pytest.raises(
        ValueError, match="model.npz: expected a file that CharTranslator.save wrote"
    ):
        CharTranslator.load(path)


# Bad input --------------------------------------------------------------------------------------

MODEL = small()
make = CharTranslator.from_pairs
ids = MODEL.pair_ids(PAIRS)
CASES = [
    (lambda: make([]), ValueError, "pairs: expected at least one pair, got none"),
    (lambda: make(3), TypeError, "pairs: expected a list of .source, target. pairs"),
    (lambda: make([("a", "b"), ("c", "")]), ValueError, r"pairs\[1\]: target: .* an empty one"),
    (lambda: make([("", "b")]), ValueError, r"pairs\[0\]: source: expected a text, got an empty"),
    (lambda: make([("a",)]), ValueError, r"pairs\[0\]: expected .source, target., got"),
    (lambda: make(["ab"]), ValueError, r"pairs\[0\]: expected .source, target., got 'ab'"),
    (lambda: make([("a", 5)]), TypeError, r"pairs\[0\]: target: expected str, got int"),
    (lambda: make([("a\tb", "c")]), ValueError, r"pairs\[0\]: source: expected no tab and no newl"),
    (lambda: make([("a", "c\n")]), ValueError, r"pairs\[0\]: target: expected no tab and no newl"),
    (lambda: CharTranslator("", "b"), ValueError, "source_characters: .* at least one character"),
    (lambda: CharTranslator("a", ["bc"]), ValueError, "target_characters: expected single charac"),
    (
        lambda: CharTranslator("a", 3),
        TypeError,
        "target_characters: expected a list of characters, got int",
    ),
    (lambda: CharTranslator("a", "b", 0), ValueError, "hidden_size: expected at least 1, got 0"),
    (
        lambda: CharTranslator("a", "b", max_target_length=2),
        ValueError,
        "max_target_length: expected at least 3, got 2",
    ),
    (lambda: CharTranslator("a", "b", embed_size=0), ValueError, "embed_size: expected at least 1"),
    (lambda: CharTranslator("a", "b", dtype=int), TypeError, "dtype: expected None, np.float32"),
    (lambda: CharTranslator("a", "b", rng=1), TypeError, "rng: expected None or a numpy.random"),
    (lambda: MODEL.translate("aq"), ValueError, "text: character 'q' in 'aq' is not among the 3"),
    (lambda: MODEL.translate(["a", "日"]), ValueError, r"text\[1\]: character '日' in '日' is not"),
    (lambda: MODEL.translate("aaaa"), ValueError, "text: expected at most 3 characters, .* got 4"),
    (lambda: MODEL.translate(""), ValueError, "text: expected a text, got an empty one"),
    (lambda: MODEL.translate([]), ValueError, "text: expected at least one text, got none"),
    (lambda: MODEL.translate([3]), TypeError, r"text\[0\]: expected str, got int"),
    (lambda: MODEL.translate("a", 0), ValueError, "beam_width: expected at least 1, got 0"),
    (lambda: MODEL.encode(b"a"), TypeError, "text: expected str, got bytes"),
    (lambda: MODEL.score("a", "q"), ValueError, "target: character 'q' in 'q' is not among the 5"),
    (lambda: MODEL.score("a", "xxxxx"), ValueError, "target: expected at most 6 characters"),
    (lambda: MODEL.exact([]), ValueError, "pairs: expected at least one pair"),
    (lambda: MODEL.fit([("a", "q")]), ValueError, "target: character 'q'"),
    (
        lambda: MODEL.fit([("a", "x"), ("aaaa", "x")]),
        ValueError,
        r"source\[1\]: expected at m",
    ),
    (lambda: MODEL.fit(PAIRS, -1), ValueError, "epochs: expected at least 0, got -1"),
    (lambda: MODEL.fit(PAIRS, 1, 0), ValueError, "batch_size: expected at least 1, got 0"),
    (lambda: MODEL.fit(PAIRS, 1, 2, 1.0), ValueError, "validation_split: .* from 0 to below 1"),
    (lambda: MODEL.fit(PAIRS, 1, optimizer=3), TypeError, "optimizer: expected an object with up"),
    (lambda: MODEL.forward(ids[0], ids[1][:3]), ValueError, "targets: expected 5 rows, one for ea"),
    (
        lambda: MODEL.forward(ids[0][0], ids[1]),
        ValueError,
        r"sources: expected ids of shape",
    ),
    (lambda: MODEL.forward(ids[0] + 3, ids[1]), IndexError, "sources: id .* for 3 characters"),
    (
        lambda: MODEL.forward(0 * ids[0] - 1, ids[1]),
        ValueError,
        "sources: expected at least 1 ids in",
    ),
    (lambda: MODEL.forward(ids[0] * 1.0, ids[1]), TypeError, "sources: expected integer ids"),
    (lambda: MODEL.forward(ids[0], ids[1][:, :1]), ValueError, "targets: expected at least 2 ids"),
    (lambda: small().backward(), RuntimeError, "CharTranslator.backward: nothing to go back"),
    (lambda: MODEL.step(9, *MODEL.encode("a")), IndexError, "id: id 9"),
    (
        lambda: small({"attention": True}).step(0, np.zeros((1, 4)), np.zeros((1, 4))),
        RuntimeError,
        r"step: no states to attend to; call encode\(text\) first",
    ),
]


@pytest.mark.parametrize(("call", "error", "words"), CASES)
def test_bad_input_is_named(call, error, words):
    with pytest.raises(error, match=words):
        call()


def test_a_wrong_call_changes_nothing():
    model = small()
    before = [param.copy() for param in model.params]
    x, t = model.pair_ids(PAIRS)
    model.forward(x, t)
    model.backward()
    grads = [np.array(grad) for grad in model.grads]
    for wrong in (
        lambda: model.fit([("a", "x"), ("b", "q")]),
        lambda: model.forward(x, t + 5),
        lambda: model.translate("q"),
    ):
        with pytest.raises((ValueError, IndexError)):
            wrong()
        model.backward()
        for grad, old in zip(model.grads, grads, strict=True):
            np.testing.assert_array_equal(grad, old)
    for param, old in zip(model.params, before, strict=True):
        assert_same_bits(param, old)
    model.evaluate(PAIRS)
    with pytest.raises(RuntimeError, match="call forward first, with train=True"):
        model.backward()
