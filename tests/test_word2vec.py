"""Word2Vec: what it reads, what it learns, how it stops and goes on."""

import copy
import gc
import gzip
import os
import pickle
import signal
import subprocess
import sys
import tempfile
import threading
import time

import numpy as np
import pytest
from conftest import assert_same_bits
from test_build import run

import fastw2v
from fastw2v import KeyedVectors, _w2v_shards, _w2v_text, word2vec
from fastw2v import _w2v_engine as engine
from fastw2v.word2vec import (
    CallbackAny2Vec,
    LineSentence,
    Word2Vec,
    count_words,
    encode,
    train_ids,
)

TEXT = "you say goodbye and i say hello .\n\nhello goodbye hello\n   \nyou and i\nstray"
SENTENCES = [line.split() for line in TEXT.split("\n")]


def planted(rng, n=600, topics=6, size=5):
    """Sentences of words of one topic each."""
    words = [[f"t{t}w{i}" for i in range(size)] for t in range(topics)]
    return [rng.choice(words[rng.integers(topics)], 12).tolist() for _ in range(n)]


def same_model(model, other):
    assert model.wv.index_to_key == other.wv.index_to_key
    assert_same_bits(model.wv.vectors, other.wv.vectors)
    for name in ("syn1neg", "syn1"):
        table = getattr(model, name)
        if table is None:
            assert getattr(other, name) is None
        else:
            assert_same_bits(table, getattr(other, name))


@pytest.fixture
def many_slices(monkeypatch):
    """Every call of the kernel is as short as it can be."""
    monkeypatch.setattr(engine, "SLICE_SECONDS", 0.0)


# --- reading -------------------------------------------------------------------------------------


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "text.txt"
    path.write_text(TEXT, encoding="utf-8", newline="")
    return path


def test_files_and_sentences_are_the_same_corpus(file, tmp_path):
    packed = tmp_path / "packed"
    packed.write_bytes(gzip.compress(b"\xef\xbb\xbf" + TEXT.encode()))
    from_list = count_words(SENTENCES)
    assert from_list.words[:3] == ["you", "say", "goodbye"]
    assert (from_list.n_words, from_list.n_sentences) == (15, 6)
    vocabulary = from_list.vocabulary(min_count=2)
    assert vocabulary.words == ["hello", "you", "say", "goodbye", "and", "i"]
    assert vocabulary.counts.tolist() == [3, 2, 2, 2, 2, 2]
    ids = encode(SENTENCES, vocabulary=vocabulary)
    assert ids.ids.tolist() == [1, 2, 3, 4, 5, 2, 0, -1, 0, 3, 0, -1, 1, 4, 5, -1]
    assert (ids.n_words, ids.n_raw_words, ids.n_sentences) == (13, 15, 6)
    for source in (str(file), file, packed, [file]):
        counts = count_words(corpus_file=source)
        assert (counts.words, counts.n_sentences) == (from_list.words, 6)
        assert counts.counts.tolist() == from_list.counts.tolist()
        encoded = encode(corpus_file=source, vocabulary=vocabulary)
        assert_same_bits(encoded.ids, ids.ids)
        assert (encoded.n_words, encoded.n_raw_words, encoded.n_sentences) == (13, 15, 6)
    assert list(LineSentence(file)) == SENTENCES
    assert count_words(LineSentence(packed)).words == from_list.words
    assert count_words(LineSentence(packed, limit=1)).n_sentences == 1


def test_two_files_are_two_sentences_even_without_a_last_line_end(file):
    both = encode(corpus_file=[file, file], vocabulary=count_words(corpus_file=file).vocabulary(2))
    assert both.ids.tolist() == [1, 2, 3, 4, 5, 2, 0, -1, 0, 3, 0, -1, 1, 4, 5, -1] * 2
    assert both.n_sentences == 12


def test_running_text_is_one_sentence(file):
    vocabulary = count_words(corpus_file=file).vocabulary(2)
    ids = encode(corpus_file=file, vocabulary=vocabulary, running_text=True)
    assert ids.ids.tolist() == [1, 2, 3, 4, 5, 2, 0, 0, 3, 0, 1, 4, 5, -1]
    assert ids.n_sentences == 1
    assert count_words(word2vec.Text8Corpus(file)).n_sentences == 1


def test_a_folder_of_files_is_read_in_the_order_of_names(tmp_path):
    for name, text in (("b", "b c"), ("a", "a b")):
        (tmp_path / name).write_text(text)
    assert count_words(word2vec.PathLineSentences(tmp_path)).words == ["a", "b", "c"]


def test_marks_of_byte_order_are_no_part_of_words(tmp_path):
    for name in "ab":
        (tmp_path / name).write_bytes(b"\xef\xbb\xbfone two\n\xef\xbb\xbfx\n")
    folder = word2vec.PathLineSentences(tmp_path)
    assert list(folder) == [["one", "two"], ["\ufeffx"]] * 2
    assert count_words(folder).words == ["one", "two", "\ufeffx"]
    assert len(list(word2vec.PathLineSentences(tmp_path, limit=3))) == 3


def test_open_files_are_read_from_their_start(file):
    for options in ({"mode": "rb"}, {"encoding": "utf-8"}):
        with open(file, **options) as stream:
            stream.readline()
            lines = LineSentence(stream)
            assert list(lines) == list(lines) == SENTENCES
            assert count_words(lines).words == count_words(SENTENCES).words
            assert list(LineSentence(stream, limit=1)) == SENTENCES[:1]
            assert len(list(word2vec.Text8Corpus(stream))) == 1
            with pytest.raises(TypeError, match="source: expected the name of a folder, got"):
                word2vec.PathLineSentences(stream)
    with pytest.raises(TypeError, match="source: expected a file name or an open file, got list"):
        LineSentence(SENTENCES)


@pytest.mark.parametrize("workers", [1, 2, 3, 7])
def test_large_files_are_cut_where_no_word_is(tmp_path, rng, workers, monkeypatch):
    lines = [
        " ".join(f"wörd{n}\u3000x" for n in rng.zipf(1.3, rng.integers(0, 40)) % 1000)
        for _ in range(9000)
    ]
    path = tmp_path / "large.txt"
    path.write_text("\n".join(lines), encoding="utf-8", newline="")
    expected = count_words([line.split() for line in lines])
    monkeypatch.setattr(_w2v_text, "_PIECE", 100_003)
    monkeypatch.setattr(_w2v_text, "_LEAST_PART", 1000)
    found = count_words(corpus_file=path, workers=workers)
    assert found.words == expected.words
    assert_same_bits(found.counts, expected.counts)
    vocabulary = expected.vocabulary(3)
    assert_same_bits(
        encode(corpus_file=path, vocabulary=vocabulary, workers=workers).ids,
        encode([line.split() for line in lines], vocabulary=vocabulary).ids,
    )


def test_a_sentence_of_any_length_is_not_cut():
    words = [f"w{n % 7}" for n in range(30_000)]
    ids = encode([words], vocabulary=count_words([words]).vocabulary()).ids
    assert len(ids) == 30_001
    assert np.flatnonzero(ids < 0).tolist() == [30_000]


def test_integer_arrays_are_sentences():
    arrays = [np.array([5, 7, 5]), np.array([], np.int64), np.array([7, 9], np.uint8)]
    counts = count_words(arrays)
    assert (counts.words, counts.counts.tolist(), counts.n_sentences) == ([5, 7, 9], [2, 2, 1], 3)
    assert count_words(np.array([[1, 2], [2, 3]])).n_sentences == 2
    assert count_words(np.array([1, 2, 2, 3])).n_sentences == 1
    model = Word2Vec([np.array([5, 7, 5])] * 20, min_count=1, workers=1, epochs=1)
    assert set(model.wv.index_to_key) == {5, 7}
    assert model.wv[7].shape == (100,)


def test_ids_beyond_the_memory_limit_are_in_a_file_that_goes_with_them():
    vocabulary = count_words(SENTENCES).vocabulary()
    expected = encode(SENTENCES, vocabulary=vocabulary)
    corpus = encode(SENTENCES, vocabulary=vocabulary, memory_limit=20)
    assert isinstance(corpus.ids, np.memmap)
    assert_same_bits(np.array(corpus.ids), expected.ids)
    path = corpus.ids.filename
    assert os.path.exists(path)
    del corpus
    assert os.name == "nt" or not os.path.exists(path)


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError])
def test_no_file_of_ids_is_left_by_what_ends_early(file, tmp_path, monkeypatch, error):
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    vocabulary = count_words(SENTENCES).vocabulary()
    end_sentence, seen = _w2v_text.IdWriter.end_sentence, []

    def fails(writer):
        end_sentence(writer)
        seen.extend(os.listdir(folder))
        raise error("disk full, or a key")

    monkeypatch.setattr(_w2v_text.IdWriter, "end_sentence", fails)
    for source in ({"sentences": SENTENCES}, {"corpus_file": file}):
        with pytest.raises(error):
            encode(**source, vocabulary=vocabulary, memory_limit=20)
    with pytest.raises(TypeError, match="got float"):
        encode([*SENTENCES, [1.5]], vocabulary=vocabulary, memory_limit=0)
    gc.collect()  # the ids of the first pass, which were whole
    assert len(seen) >= 2
    assert os.name == "nt" or os.listdir(folder) == []


def test_exactly_the_most_frequent_words():
    counts = word2vec.WordCounts(list("abcdef"), np.array([3, 9, 3, 1, 3, 7]), 1)
    assert counts.vocabulary(max_words=4).words == ["b", "f", "a", "c"]
    assert counts.vocabulary(3).words == ["b", "f", "a", "c", "e"]
    assert counts.vocabulary(3, by_count=False).words == ["a", "b", "c", "e", "f"]
    rule = {"a": 1, "d": 2}
    chosen = counts.vocabulary(3, trim_rule=lambda word, count, least: rule.get(word, 0))
    assert chosen.words == ["b", "f", "c", "e", "d"]


def test_policies_for_bytes_that_are_no_utf8(tmp_path):
    path = tmp_path / "broken.txt"
    path.write_bytes(b"good bad\xff good\nbad\xfe \xff good")
    with pytest.raises(ValueError, match=r"broken\.txt: byte 8: 0xff is not UTF-8.*unicode_errors"):
        count_words(corpus_file=path)
    for limit in (2, None):
        with pytest.raises(ValueError, match=r"broken\.txt: line 1: 0xff is not.*corpus_file="):
            list(LineSentence(path, limit=limit))
    replaced = count_words(corpus_file=path, unicode_errors="replace")
    assert dict(zip(replaced.words, replaced.counts.tolist(), strict=True)) == {
        "good": 3,
        "bad\ufffd": 2,
        "\ufffd": 1,
    }
    ignored = count_words(corpus_file=path, unicode_errors="ignore")
    assert dict(zip(ignored.words, ignored.counts.tolist(), strict=True)) == {"good": 3, "bad": 2}
    ids = encode(corpus_file=path, vocabulary=ignored.vocabulary(), unicode_errors="ignore").ids
    assert ids.tolist() == [0, 1, 0, -1, 1, 0, -1]


# --- bad input -----------------------------------------------------------------------------------


def generator():
    yield ["a", "b"]


@pytest.mark.parametrize(
    ("sentences", "error", "message"),
    [
        (generator(), TypeError, "used up after one epoch; pass a list"),
        (iter([["a"]]), TypeError, "used up after one epoch"),
        ("you say hello", TypeError, r"corpus_file=, or \[text.split\(\)\]"),
        (["you", "say"], TypeError, r"got the str 'you' as sentence 0; pass \[sentence\]"),
        ([["a"], "b c"], TypeError, "got the str 'b c' as sentence 1"),
        ([1, 2, 3], TypeError, r"got int as sentence 0; pass \[sentence\]"),
        ([["a", ["b"]]], TypeError, "got one that cannot be one"),
        ([["a", 1.5]], TypeError, "got float 1.5"),
        ([["a", 1]], TypeError, "all str or all int"),
        ([np.array([0.5])], TypeError, "got dtype float64 in sentence 0"),
        (np.zeros((2, 2)), TypeError, "got dtype float64"),
        (np.zeros((2, 2, 2), int), ValueError, "one or two dimensions, got 3"),
        (7, TypeError, "expected lists of words, got int"),
        ([], ValueError, "got no words at all"),
        ([[], []], ValueError, "got no words at all"),
        ([["a", "b"]], ValueError, "min_count: no word occurs 5 times, the most frequent one of 2"),
        ([["a"] * 9], ValueError, "expected a vocabulary of two words or more, got 1"),
        ([["the quick brown fox"], ["jumps over"]] * 9, ValueError, "no word has a neighbour; sp"),
    ],
)
def test_what_is_no_corpus_is_refused_with_the_cure(sentences, error, message):
    with pytest.raises(error, match=message):
        Word2Vec(sentences)


def test_files_that_are_no_text_are_refused(tmp_path):
    (tmp_path / "empty").touch()
    (tmp_path / "zero").write_bytes(b"abc \0 def")
    (tmp_path / "utf16").write_bytes("abc".encode("utf-16"))
    (tmp_path / "cut.gz").write_bytes(gzip.compress(b"a b c " * 1000)[:-30])
    for name, message in (
        ("empty", "the file is empty"),
        ("zero", "byte 4: a zero byte"),
        ("utf16", "is UTF-16, expected UTF-8"),
        ("cut.gz", "gzip data is damaged"),
    ):
        with pytest.raises(ValueError, match=message):
            Word2Vec(corpus_file=tmp_path / name)
    with pytest.raises(FileNotFoundError, match="no such file"):
        Word2Vec(corpus_file=tmp_path / "missing")
    with pytest.raises(IsADirectoryError, match="is a folder"):
        Word2Vec(corpus_file=tmp_path)
    with pytest.raises(ValueError, match="at least one file, got none"):
        Word2Vec(corpus_file=[])


@pytest.mark.parametrize(
    ("argument", "error", "message"),
    [
        ({"vector_size": 0}, ValueError, "vector_size: expected at least 1, got 0"),
        ({"window": 2.5}, TypeError, "window: expected a whole number"),
        ({"negative": 0}, ValueError, "negative: expected 1 or more where hs is 0"),
        ({"alpha": -1}, ValueError, "alpha: expected 0 or more"),
        ({"sample": float("nan")}, ValueError, "sample: expected 0 or more"),
        ({"epochs": 0}, ValueError, "epochs: expected at least 1"),
        ({"workers": 0}, ValueError, "workers: expected at least 1"),
        ({"cbow_grad": "mean"}, ValueError, "cbow_grad: expected 'word2vec' or 'exact'"),
        ({"unicode_errors": "?"}, ValueError, "unicode_errors: expected 'strict' or"),
        ({"max_final_vocab": 0}, ValueError, "max_final_vocab: expected at least 1"),
        ({"seed": -1}, ValueError, "seed: expected at least 0"),
        ({"corpus_file": "x"}, TypeError, "expected one of them, got both"),
        ({"window": 2**31}, ValueError, "window: expected at most 2147483647, got 2147483648"),
        ({"negative": 100_001}, ValueError, "negative: expected at most 100000, got 100001"),
        ({"ns_exponent": float("nan")}, ValueError, "ns_exponent: expected a number from -10 to"),
        ({"ns_exponent": -float("inf")}, ValueError, "ns_exponent: .* got -inf; pass e.g. 0.75"),
        ({"ns_exponent": 11}, ValueError, "ns_exponent: .* got 11; pass"),
        ({"comment": b"x"}, TypeError, "comment: expected what JSON can hold.*got bytes"),
        ({"callbacks": 7}, TypeError, "callbacks: expected objects with .* got int"),
        ({"callbacks": [print]}, TypeError, "callbacks: expected objects with methods such as"),
        ({"callbacks": CallbackAny2Vec}, TypeError, "got the class CallbackAny2Vec; pass an obj"),
        ({"every": -1}, ValueError, "every: expected 0 or more, got -1"),
        ({"interval": 0}, ValueError, "interval: expected at least 1, got 0"),
        ({"checkpoint": 7}, TypeError, "checkpoint: expected the name of a file, got int"),
        ({"checkpoint": "no/such/file"}, FileNotFoundError, "there is no folder"),
    ],
)
def test_arguments_are_checked_before_anything_is_read(argument, error, message):
    class Unread(list):
        def __iter__(self):
            raise AssertionError("the sentences were read")

    with pytest.raises(error, match=message):
        Word2Vec(Unread(SENTENCES), **argument)
    with pytest.raises(error, match=message):
        Word2Vec(**({"sentences": SENTENCES} if "corpus_file" in argument else {}), **argument)


@pytest.mark.parametrize(
    ("counts", "error", "message"),
    [
        ({"a": 3, "b": 4.7}, TypeError, "word_freq.'b'.: expected a whole number, got 4.7"),
        ({"a": 3, "b": -4}, ValueError, "word_freq.'b'.: expected at least 0, got -4"),
        ({"a": 3, "b": "4"}, TypeError, "word_freq.'b'.: expected a whole number"),
        ({"a": 3, "b": 2**70}, ValueError, "word_freq.'b'.: expected at most"),
        ({"a": [3], "b": [4, 5]}, TypeError, "word_freq.'a'.: expected a whole number"),
        (["a", "b"], TypeError, "word_freq: expected a dict of counts, got list; pass coll"),
        ({"a": 3, 5: 4}, TypeError, "words: expected"),
    ],
)
def test_counts_are_whole_numbers(counts, error, message):
    model = Word2Vec(min_count=1)
    model.build_vocab_from_freq({"x": 2.0, "y": np.int32(3)}, corpus_count=2)
    assert model.wv.get_vecattr("x", "count") == 2
    with pytest.raises(error, match=message):
        model.build_vocab_from_freq(counts)
    with pytest.raises(ValueError, match="corpus_count: expected at least 0, got -1"):
        model.build_vocab_from_freq({"a": 3, "b": 2}, corpus_count=-1)
    assert model.wv.index_to_key == ["y", "x"]
    assert model.corpus_count == 2


def test_train_wants_a_vocabulary_and_words_of_it():
    model = Word2Vec(min_count=1)
    with pytest.raises(RuntimeError, match="call build_vocab first"):
        model.train(SENTENCES)
    model.build_vocab(SENTENCES)
    with pytest.raises(ValueError, match="expected words of the vocabulary, got none"):
        model.train([["other", "words"]])
    with pytest.raises(ValueError, match="so no word has a neighbour"):
        model.train([["you"], ["i", "unknown"]])
    assert model._corpus.n_raw_words == 15  # still that of build_vocab
    with pytest.raises(TypeError, match="used up after one epoch"):
        model.train(generator())
    model.build_vocab_from_freq({"a": 3, "b": 2})
    with pytest.raises(RuntimeError, match="there is no text"):
        model.train()


@pytest.mark.parametrize("n", [0, 1, 2, 1024, 1025, 9 * 1024, 9 * 1024 + 1, 30_000])
def test_a_single_pair_is_found_wherever_it_stands(n):
    alone = np.tile(np.array([0, -1], np.int32), 15_001)
    assert not _w2v_text.has_pairs(alone[: n + 1])
    alone[n : n + 2] = 1
    alone[n + 2 : n + 3] = alone[n - 1 : n] = -1
    assert _w2v_text.has_pairs(alone)


# --- what is learned -----------------------------------------------------------------------------

KINDS = {
    "cbow": {"alpha": 0.05},
    "cbow_shared": {"alpha": 0.05, "shared_negatives": True},
    "cbow_exact": {"cbow_grad": "exact"},
    "cbow_sum": {"cbow_mean": 0},
    "cbow_hs": {"hs": 1, "negative": 0, "alpha": 0.05},
    "skip_gram": {"sg": 1, "shared_negatives": True},
    "skip_gram_fresh": {"sg": 1, "shared_negatives": False},
    "skip_gram_hs": {"sg": 1, "hs": 1, "negative": 0},
    "skip_gram_both": {"sg": 1, "hs": 1, "negative": 4},
    "deterministic_cbow": {"deterministic": True, "alpha": 0.05},
    "deterministic_skip_gram": {"deterministic": True, "sg": 1},
}
FAST = {"vector_size": 20, "min_count": 1, "sample": 0, "workers": 2, "window": 4}


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_planted_topics_are_found(rng, kind):
    sentences = planted(rng, 1500)
    model = Word2Vec(sentences, **FAST, **kind, epochs=12, compute_loss=True)
    right = total = 0
    for word in model.wv.index_to_key:
        nearest = [other for other, _ in model.wv.most_similar(word, topn=4)]
        right += sum(other[:2] == word[:2] for other in nearest)
        total += 4
    assert right / total > 0.95
    assert len(model.epoch_losses) == 12
    assert model.epoch_losses[-1] < model.epoch_losses[0]
    assert model.held_out_loss(planted(rng, 50)) < model.epoch_losses[0]


def test_every_word_of_the_text_is_trained_on_once_per_epoch_by_any_number_of_workers(rng):
    sentences = planted(rng, 700)
    n = sum(map(len, sentences))
    for workers in (1, 2, 3, 7):
        for deterministic in (False, True):
            model = Word2Vec(min_count=1, sample=0, workers=workers, deterministic=deterministic)
            model.build_vocab(sentences)
            assert model.train(epochs=3) == (3 * n, 3 * n)


def test_thinning_keeps_as_many_words_as_it_should(rng):
    words = np.minimum(rng.zipf(1.3, 200_000), 2000)
    model = Word2Vec(min_count=1, sample=1e-3, workers=2, vector_size=4)
    model.build_vocab(words)
    trained, raw = model.train(epochs=1)
    assert raw == 200_000
    counts = model.wv.expandos["count"]
    share = counts / counts.sum()
    keep = np.minimum(1, np.sqrt(1e-3 / share) + 1e-3 / share)
    expected, variance = (counts * keep).sum(), (counts * keep * (1 - keep)).sum()
    assert abs(trained - expected) < 5 * np.sqrt(variance)


def test_sample_of_one_and_more_is_a_count():
    keep, threshold = engine.keep_thresholds(np.array([1000, 10]), 20)
    limit = int(20 * (3 + np.sqrt(5)) / 2)
    np.testing.assert_allclose(keep, [np.sqrt(limit / 1000) + limit / 1000, 1])
    assert threshold.tolist()[1] == 2**32 - 1


def test_first_vectors_are_small_uniform_and_those_of_the_seed():
    model = Word2Vec(min_count=1, vector_size=50, seed=3)
    model.build_vocab([[f"w{n}" for n in range(400)]])
    vectors = model.wv.vectors * 50
    assert abs(vectors.mean()) < 0.01
    assert 0.99 < np.abs(vectors).max() <= 1
    assert not model.syn1neg.any()
    other = Word2Vec(min_count=1, vector_size=50, seed=4)
    other.build_vocab([[f"w{n}" for n in range(400)]])
    assert (model.wv.vectors != other.wv.vectors).mean() > 0.9


def test_one_worker_gives_the_same_bits_without_any_environment(tmp_path):
    code = (
        "from fastw2v import Word2Vec; import zlib\n"
        "text = [[f'w{i * j % 13}' for i in range(1, 30)] for j in range(1, 40)]\n"
        "print(zlib.crc32(Word2Vec(text, min_count=1, workers=1).wv.vectors.tobytes()))"
    )
    found = {run(code, PYTHONHASHSEED=seed).stdout for seed in ("1", "2")}
    assert len(found) == 1
    assert found.pop().strip().isdigit()


@pytest.mark.parametrize(
    "kind", [{}, {"sg": 1}, {"sg": 1, "shared_negatives": False}, {"hs": 1, "negative": 2}]
)
def test_deterministic_gives_the_same_bits_for_any_number_of_workers(rng, kind):
    sentences = planted(rng, 300)
    models = [
        Word2Vec(sentences, **FAST | kind | {"workers": n}, deterministic=True, epochs=2)
        for n in (1, 2, 3, 7)
    ]
    for model in models[1:]:
        same_model(model, models[0])
        assert model.epoch_losses == models[0].epoch_losses


def test_losses_are_means_per_pair(rng):
    sentences = planted(rng, 400)
    whole = Word2Vec(sentences, **FAST | {"workers": 1}, epochs=3, compute_loss=True)
    some = Word2Vec(sentences, **FAST | {"workers": 1}, epochs=3)
    same_model(whole, some)
    np.testing.assert_allclose(some.epoch_losses, whole.epoch_losses, rtol=0.2)
    # Weights of zero say one half to everything.
    fresh = Word2Vec(**FAST)
    fresh.build_vocab(sentences)
    assert fresh.held_out_loss(sentences) == pytest.approx(np.log(2))
    assert whole.get_latest_training_loss() > 1000
    assert some.get_latest_training_loss() == 0
    with pytest.raises(ValueError, match="two words of the vocabulary in one sentence"):
        whole.held_out_loss([["t0w0"], ["unknown"]])


def test_held_out_text_teaches_nothing(rng):
    model = Word2Vec(planted(rng), **FAST)
    before = model.wv.vectors.copy(), model.syn1neg.copy()
    losses = {model.held_out_loss(planted(rng, 20), seed=5) for _ in range(1)}
    assert_same_bits(model.wv.vectors, before[0])
    assert_same_bits(model.syn1neg, before[1])
    assert losses.pop() > 0


def test_callbacks_may_ask_anything_of_the_model(rng, tmp_path, many_slices):
    sentences = planted(rng, 200)

    class Asks(CallbackAny2Vec):
        def __init__(self):
            self.losses = []

        def on_interval(self, model):
            model.wv.most_similar("t0w0", topn=2)
            model.predict_output_word(["t0w0"])
            copy.deepcopy(model)
            model.save(tmp_path / "model")
            self.losses.append(model.held_out_loss(sentences[:9]))

    asks = Asks()
    settings = FAST | {"workers": 1}
    whole = Word2Vec(sentences, **settings)
    asked = Word2Vec(sentences, **settings, callbacks=[asks], interval=1000)
    same_model(asked, whole)
    assert len(asks.losses) > 5
    assert asks.losses[-1] < asks.losses[0]


def test_weights_that_run_away_are_an_error(rng):
    with pytest.raises(FloatingPointError, match="with a smaller alpha"):
        Word2Vec(planted(rng), **FAST, alpha=1e30)


def test_vectors_are_contiguous_and_as_wide_as_asked(rng):
    for size in (5, 16, 100):
        model = Word2Vec(planted(rng, 20), min_count=1, vector_size=size, hs=1, workers=1)
        for table in (model.wv.vectors, model.syn1neg, model.syn1):
            assert table.flags.c_contiguous and table.shape[1] == size
            assert np.isfinite(table).all()


def test_huffman_ways_are_a_prefix_code_with_short_ways_for_frequent_words(rng):
    counts = np.sort(rng.zipf(1.5, 300))[::-1]
    ways = engine.huffman(counts)
    codes = [ways.codes[a:b].tobytes() for a, b in zip(ways.begins, ways.begins[1:], strict=False)]
    assert len(set(codes)) == 300
    assert sum(0.5 ** len(code) for code in codes) == 1
    assert not any(b.startswith(a) for a in codes for b in codes if a is not b)
    lengths = np.diff(ways.begins)
    assert lengths.max() == ways.longest
    entropy = -(counts / counts.sum() * np.log2(counts / counts.sum())).sum()
    assert entropy <= (counts * lengths).sum() / counts.sum() < entropy + 1
    roots = ways.points[ways.begins[:-1]]
    assert set(roots.tolist()) == {298}
    assert set(ways.points.tolist()) == set(range(299))
    # A node is reached in one way only.
    reached = {}
    for v in range(300):
        way = slice(ways.begins[v], ways.begins[v + 1])
        for depth, point in enumerate(ways.points[way].tolist()):
            prefix = ways.codes[way][:depth].tobytes()
            assert reached.setdefault(point, prefix) == prefix


def test_predict_output_word(rng):
    model = Word2Vec(planted(rng, 1500), **FAST, epochs=10, alpha=0.05)
    found = model.predict_output_word(["t0w1", "t0w2", "unknown"], topn=5)
    assert {word[:2] for word, _ in found} == {"t0"}
    assert sum(share for _, share in model.predict_output_word(["t0w1"], 30)) == pytest.approx(1)
    assert model.predict_output_word(["unknown"]) is None
    with pytest.raises(RuntimeError, match="negative sampling"):
        Word2Vec(SENTENCES, min_count=1, hs=1, negative=0).predict_output_word(["you"])


# --- callbacks, stopping, going on ---------------------------------------------------------------


class Log(CallbackAny2Vec):
    def __init__(self, stop_at=None):
        self.calls, self.stop_at = [], stop_at

    def note(self, name):
        self.calls.append(name)
        return self.stop_at == len(self.calls)

    def on_train_begin(self, model):
        return self.note("begin")

    def on_train_end(self, model):
        return self.note("end")

    def on_epoch_begin(self, model):
        return self.note("epoch")

    def on_epoch_end(self, model):
        assert model.wv.most_similar(model.wv.index_to_key[0])  # usable in the middle of a training
        return self.note("epoch end")

    def on_interval(self, model):
        return self.note("interval")


def test_callbacks_are_called_in_order():
    log = Log()
    Word2Vec(SENTENCES, min_count=1, epochs=2, callbacks=[log], workers=1)
    assert log.calls == ["begin", *["epoch", "epoch end"] * 2, "end"]


@pytest.mark.parametrize("n", range(1, 7))
def test_every_call_may_stop_the_training(n):
    names = ["begin", *["epoch", "epoch end"] * 2, "end"]
    log = Log(stop_at=n)
    model = Word2Vec(SENTENCES, min_count=1, epochs=2, callbacks=[log], workers=1)
    assert log.calls == [*names[:n], "end"][:6]
    assert model.epochs_done == names[:n].count("epoch end")


def test_callbacks_of_gensim_are_called(rng):
    gensim = pytest.importorskip("gensim.models.callbacks")

    class Losses(gensim.CallbackAny2Vec):
        seen = ()

        def on_epoch_end(self, model):
            self.seen = (*self.seen, model.get_latest_training_loss())

    losses = Losses()
    Word2Vec(planted(rng, 50), min_count=1, callbacks=[losses], compute_loss=True, epochs=3)
    assert len(losses.seen) == 3
    assert 0 < losses.seen[0] < losses.seen[1] < losses.seen[2]


def test_a_callback_may_stop_and_training_goes_on_to_the_same_bits(rng):
    sentences = planted(rng, 100)
    whole = Word2Vec(sentences, **FAST | {"workers": 1}, epochs=5)
    stopped = Word2Vec(sentences, **FAST | {"workers": 1}, epochs=5, callbacks=Log(stop_at=5))
    assert stopped.epochs_done == 2
    stopped.train()
    assert stopped.epochs_done == 5
    same_model(stopped, whole)
    assert stopped.epoch_losses == whole.epoch_losses


def test_intervals_of_words(rng, many_slices):
    sentences = planted(rng, 2000)
    n = sum(map(len, sentences))
    log = Log()
    model = Word2Vec(**FAST)
    model.build_vocab(sentences)
    model.train(epochs=2, callbacks=[log], interval=n // 5)
    assert 8 <= log.calls.count("interval") <= 11
    stopping = Log(stop_at=4)
    model.train(epochs=2, callbacks=[stopping], interval=n // 5)
    assert stopping.calls == ["begin", "epoch", "interval", "interval", "end"]


def test_an_exception_in_a_callback_loses_nothing(rng, many_slices):
    class Fails(CallbackAny2Vec):
        def on_interval(self, model):
            raise RuntimeError("mine")

    sentences = planted(rng, 500)
    whole = Word2Vec(sentences, **FAST | {"workers": 1}, epochs=2)
    model = Word2Vec(**FAST | {"workers": 1}, epochs=2)
    model.build_vocab(sentences)
    with pytest.raises(RuntimeError, match="mine"):
        model.train(callbacks=[Fails()], interval=1000)
    assert model.wv.vectors.flags.c_contiguous
    model.train()
    same_model(model, whole)


def test_ctrl_c_keeps_what_was_learned_and_training_goes_on(rng):
    sentences = planted(rng, 3000)
    settings = FAST | {"workers": 1, "vector_size": 100, "sg": 1}
    model = Word2Vec(**settings, epochs=40)
    model.build_vocab(sentences)
    timer = threading.Timer(0.3, lambda: os.kill(os.getpid(), signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        model.train()
    timer.join()
    done = model._schedule.progress
    assert 0 < done < 1
    assert np.isfinite(model.wv.vectors).all()
    short = Word2Vec(**settings, epochs=40)
    short.build_vocab(sentences)
    short._set_schedule(None, None, None, None, None, None)
    # As far as the other came, without being interrupted.
    weights = short._weights()
    schedule = short._schedule
    engine.run(
        schedule,
        weights,
        short._corpus.ids,
        1,
        lambda: schedule.progress >= done,
        lambda: schedule.progress >= done,
        lambda: None,
        1,
    )
    short._settle()
    assert schedule.progress == done
    same_model(model, short)


def test_ctrl_c_in_the_constructor_keeps_the_model(rng):
    def interrupt(model):
        os.kill(os.getpid(), signal.SIGINT)

    log = Log()
    log.on_epoch_end = interrupt
    with pytest.warns(RuntimeWarning, match=r"stopped by Ctrl-C in epoch 2 of 9.*model.train"):
        model = Word2Vec(planted(rng, 50), **FAST, epochs=9, callbacks=[log])
    assert model.epochs_done == 1
    model.train()
    assert model.epochs_done == 9


def test_the_bar_tells_words_and_loss(rng, capsys):
    model = Word2Vec(planted(rng, 2000), **FAST, epochs=3, progress=True)
    shown = capsys.readouterr().err
    assert "word/s" in shown
    assert shown.splitlines()[-1].startswith("100%")
    assert f"loss {model.epoch_losses[-1]:.4f}" in shown
    assert model.epochs_done == 3


@pytest.mark.parametrize("kind", [{"workers": 1}, {"workers": 2, "deterministic": True, "sg": 1}])
def test_resume_gives_the_bits_of_an_uninterrupted_training(rng, tmp_path, many_slices, kind):
    sentences = planted(rng, 800)
    path = tmp_path / "run.fw2v"
    settings = FAST | kind
    whole = Word2Vec(sentences, **settings, epochs=3)
    for stop_at in rng.integers(2, 60, 4).tolist():
        model = Word2Vec(**settings, epochs=3)
        model.build_vocab(sentences)
        model.train(checkpoint=path, every=0, callbacks=[Log(stop_at)], interval=300)
        resumed = Word2Vec.resume(path)
        same_model(resumed, whole)
        assert resumed.epoch_losses == whole.epoch_losses
        assert resumed.epochs_done == 3


KILLED = """
import sys, time
from fastw2v import Word2Vec, _w2v_engine
_w2v_engine.SLICE_SECONDS = 0.0
text = [[f"w{i * j % 101}" for i in range(1, 40)] for j in range(1, 60)]
class Slow:
    def on_interval(self, model):
        time.sleep(0.002)
Word2Vec(text, min_count=1, workers=1, epochs=400, seed=5, vector_size=20,
         checkpoint=sys.argv[1], every=0, callbacks=[Slow()], interval=10)
"""


def test_resume_after_a_kill_at_a_random_moment(tmp_path, rng):
    path = tmp_path / "run.fw2v"
    child = subprocess.Popen([sys.executable, "-c", KILLED, str(path)], cwd=tmp_path)
    end = time.monotonic() + 60
    while not path.exists() and time.monotonic() < end:
        time.sleep(0.01)
    time.sleep(float(rng.uniform(0, 0.5)))
    child.kill()
    child.wait(60)
    before = Word2Vec.load(path)
    assert not before._schedule.done
    resumed = Word2Vec.resume(path)
    text = [[f"w{i * j % 101}" for i in range(1, 40)] for j in range(1, 60)]
    whole = Word2Vec(text, min_count=1, workers=1, epochs=400, seed=5, vector_size=20)
    same_model(resumed, whole)


def test_resume_says_what_is_missing(rng, tmp_path):
    path = tmp_path / "run.fw2v"
    model = Word2Vec(**FAST)
    model.build_vocab(planted(rng, 60))
    model.save(path)
    with pytest.raises(ValueError, match="was not being trained; use load"):
        Word2Vec.resume(path)
    model.train(checkpoint=path, every=0, callbacks=[Log(3)])
    ids = tmp_path / "run.fw2v.ids"
    whole = ids.read_bytes()
    ids.write_bytes(whole[:-40])
    with pytest.raises(ValueError, match="was cut off"):
        Word2Vec.resume(path)
    ids.unlink()
    with pytest.raises(FileNotFoundError, match="needs the ids"):
        Word2Vec.resume(path)


class Dies(CallbackAny2Vec):
    def on_train_begin(self, model):
        raise RuntimeError("mine")


def test_a_checkpoint_never_stands_beside_the_ids_of_another_text(rng, tmp_path):
    path, ids = tmp_path / "run.fw2v", tmp_path / "run.fw2v.ids"
    text, other = planted(rng, 60), planted(rng, 60)
    settings = FAST | {"workers": 1}
    model = Word2Vec(**settings)
    model.build_vocab(text)
    model.train(checkpoint=path, callbacks=[Log(3)])
    first = ids.read_bytes()
    # Dies before its first slice, let alone before `every` seconds have passed.
    with pytest.raises(RuntimeError, match="mine"):
        Word2Vec(other, **settings, checkpoint=path, callbacks=[Dies()])
    same_model(Word2Vec.resume(path), Word2Vec(other, **settings))
    model = Word2Vec(**settings)
    model.build_vocab(other)
    model.train(checkpoint=path, callbacks=[Log(3)])
    second = ids.read_bytes()
    assert len(first) == len(second)
    changed = bytearray(second)
    changed[-40] ^= 1
    for content in (first, bytes(changed)):
        ids.write_bytes(content)
        with pytest.raises(ValueError, match="does not belong to the checkpoint .they are of anot"):
            Word2Vec.resume(path)
    ids.unlink()
    Word2Vec.load(path).train(other)
    ids.write_bytes(second)
    same_model(Word2Vec.resume(path), Word2Vec(other, **settings))


def test_later_trainings_draw_anew(rng):
    sentences = planted(rng, 60)
    model = Word2Vec(sentences, **FAST | {"workers": 1})
    other = copy.deepcopy(model)
    model.train(sentences, epochs=2)
    other.train(sentences, epochs=2)
    same_model(model, other)
    assert model.train_count == 2


# --- growing -------------------------------------------------------------------------------------


def test_update_adds_words_behind_those_that_are_there(rng):
    model = Word2Vec(planted(rng, 200), **FAST, hs=1)
    old_words, old = list(model.wv.index_to_key), model.wv.vectors.copy()
    model.build_vocab([["new", "t0w0", "newer"]] * 9, update=True)
    assert model.wv.index_to_key == [*old_words, "new", "newer"]
    assert_same_bits(model.wv.vectors[: len(old)], old)
    assert model.syn1neg.shape == (len(old) + 2, 20)
    assert model.wv.get_vecattr("new", "count") == 9
    model.train()
    assert np.isfinite(model.wv["new"]).all()
    before = model.wv.vectors.copy()
    model.build_vocab([["t0w0", "t0w1"]] * 9, update=True)
    assert_same_bits(model.wv.vectors, before)


def test_limits_count_the_words_that_were_there():
    model = Word2Vec(min_count=1, max_final_vocab=3, vector_size=4)
    model.build_vocab([["a", "b"]] * 2)
    model.build_vocab([["c", "d", "d"]] * 2, update=True)
    assert model.wv.index_to_key == ["a", "b", "d"]
    model.build_vocab([["e", "a"]] * 9, update=True)
    assert model.wv.index_to_key == ["a", "b", "d"]
    assert model.wv.get_vecattr("a", "count") == 11


# --- files ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [{}, {"hs": 1, "negative": 0}, {"sg": 1, "hs": 1}])
def test_save_and_load(rng, tmp_path, kind):
    sentences = planted(rng, 80)
    model = Word2Vec(sentences, **FAST | {"workers": 1}, **kind, comment="mine")
    model.save(tmp_path / "model")
    for other in (Word2Vec.load(tmp_path / "model"), pickle.loads(pickle.dumps(model))):
        same_model(model, other)
        assert vars(other).keys() == vars(model).keys()
        for name in word2vec._SETTINGS:
            assert getattr(other, name) == getattr(model, name)
        assert other.epoch_losses == model.epoch_losses
        assert other.corpus_total_words == model.corpus_total_words
        again = copy.deepcopy(model)
        again.train(sentences)
        other.train(sentences)
        same_model(again, other)


def test_a_model_without_vocabulary_and_one_of_integers_are_saved(tmp_path):
    Word2Vec(window=3).save(tmp_path / "empty")
    assert Word2Vec.load(tmp_path / "empty").window == 3
    model = Word2Vec([[1, 2], [2, 3]] * 9, min_count=1)
    model.save(tmp_path / "numbers")
    assert Word2Vec.load(tmp_path / "numbers").wv.index_to_key == model.wv.index_to_key


def test_damaged_models_are_refused(rng, tmp_path):
    path = tmp_path / "model"
    model = Word2Vec(planted(rng, 80), **FAST)
    model.save(path)
    whole = path.read_bytes()
    for content, message in (
        (whole[:-5000], "was cut off"),
        (whole[:10], "ends inside its header"),
        (b"FASTW2V\x02" + whole[8:], "version 2"),
        (b"other" + whole, "is not a fastw2v file"),
        (whole[:16] + b"x" + whole[17:], "header is damaged"),
        (whole.replace(b'"vector_size": 20', b'"vector_size": 21'), "shapes of the arrays"),
        (whole.replace(b'"Word2Vec"', b'"KeyVectr"'), "holds a KeyVectr"),
    ):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=message):
            Word2Vec.load(path)
    model.wv.vectors[2, 3] = np.nan
    model.save(path)
    with pytest.raises(ValueError, match="vectors: row 2 holds a number that is not finite"):
        Word2Vec.load(path)


def test_files_of_gensim_are_refused_with_the_cure(rng, tmp_path):
    gensim = pytest.importorskip("gensim.models")
    theirs = gensim.Word2Vec(planted(rng, 20), vector_size=8, min_count=1, workers=1)
    theirs.save(str(tmp_path / "model"))
    theirs.wv.save(str(tmp_path / "wv"))
    for load in (Word2Vec.load, KeyedVectors.load, Word2Vec.resume):
        for name in ("model", "wv"):
            with pytest.raises(ValueError, match=r"saved by gensim.*KeyedVectors.from_gensim\(mod"):
                load(tmp_path / name)


def test_rows_of_a_model_are_not_sorted_alone(tmp_path):
    model = Word2Vec(SENTENCES, min_count=1, sorted_vocab=0, vector_size=4)
    words = list(model.wv.index_to_key)
    model.save(tmp_path / "model")
    for other in (model, Word2Vec.load(tmp_path / "model"), copy.deepcopy(model)):
        with pytest.raises(RuntimeError, match="train with sorted_vocab=1"):
            other.wv.sort_by_descending_frequency()
        assert other.wv.index_to_key == words
    vectors = KeyedVectors.load(tmp_path / "model")
    vectors.sort_by_descending_frequency()
    assert vectors.index_to_key[0] == "hello" != words[0]
    np.testing.assert_array_equal(vectors["hello"], model.wv["hello"])
    sorted_model = Word2Vec(SENTENCES, min_count=1, vector_size=4)
    sorted_model.wv.sort_by_descending_frequency()  # as they are


def test_a_full_disk_leaves_the_old_file(rng, tmp_path, monkeypatch):
    path = tmp_path / "model"
    model = Word2Vec(planted(rng, 80), **FAST)
    model.save(path)
    before = path.read_bytes()
    model.train()

    def full(stream, array, dtype):
        stream.write(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(word2vec._container, "_write_array", full)
    with pytest.raises(OSError, match="No space left"):
        model.save(path)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["model"]
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        model.train(checkpoint=tmp_path / "none" / "model")


# --- the steps on their own ----------------------------------------------------------------------


def test_counts_of_shards_add_up(rng):
    sentences = planted(rng, 90)
    whole = count_words(sentences)
    total = count_words(sentences[:30]) + count_words(sentences[30:])
    assert total.words == whole.words
    assert_same_bits(total.counts, whole.counts)
    assert total.n_sentences == 90


def test_a_shard_is_trained_for_so_many_words(rng):
    sentences = planted(rng, 90)
    model = Word2Vec(**FAST)
    model.build_vocab(sentences)
    ids = model._corpus.ids
    touched = np.zeros(30, np.uint32), np.zeros(30, np.uint32)
    before = model.wv.vectors.copy(), model.syn1neg.copy()
    loss, stop = word2vec.train_ids(model, ids, 100, start=13, key=3, touched=touched)
    assert 0 < loss < 1
    assert stop == 13 + 108  # of every 13 positions one is the end of a sentence
    words = set(ids[13:stop].tolist())
    moved = set(np.flatnonzero((model.wv.vectors != before[0]).any(axis=1)).tolist())
    assert moved <= words - {-1}
    assert set(np.flatnonzero(touched[0]).tolist()) <= words
    delta = word2vec.weight_delta(model, before, touched)
    assert_same_bits(delta.inputs, model.wv.vectors - before[0])
    other = Word2Vec(**FAST)
    other.build_vocab(sentences)
    word2vec.merge_deltas(other, before, [delta])
    np.testing.assert_allclose(other.wv.vectors, model.wv.vectors, atol=1e-7)
    for bad, error, message in (
        ([0, 30], IndexError, "id 30 at position 1 is out of range for 30 words"),
        ([0, -2], IndexError, "id -2 at position 1 is negative"),
        ([], ValueError, "expected shape"),
        ([[0, 1]], ValueError, "expected shape"),
        ([0.5], TypeError, "expected integer ids"),
    ):
        with pytest.raises(error, match=message):
            word2vec.train_ids(model, bad)
    before = model.wv.vectors.copy()
    for options, error, message in (
        ({"start_alpha": float("nan")}, ValueError, "start_alpha: expected 0 or more, got nan"),
        ({"end_alpha": "0.1"}, TypeError, "end_alpha: expected a number, got str"),
        ({"end_alpha": -0.1}, ValueError, "end_alpha: expected 0 or more, got -0.1"),
        ({"key": -1}, ValueError, "key: expected at least 0, got -1"),
        ({"key": 2**64}, ValueError, "key: expected at most"),
        ({"start": 10**6}, ValueError, f"start: expected at most {len(ids)}, got 1000000"),
        ({"start": -1}, ValueError, "start: expected at least 0"),
        ({"n_words": 0}, ValueError, "n_words: expected at least 1"),
    ):
        with pytest.raises(error, match=message):
            word2vec.train_ids(model, ids, **options)
    assert_same_bits(model.wv.vectors, before)
    with pytest.raises(RuntimeError, match="no vocabulary yet; call build_vocab"):
        word2vec.train_ids(Word2Vec(), ids)
    with pytest.raises(TypeError, match="touched.0.: expected a uint32 array, got int64"):
        word2vec.train_ids(model, ids, touched=(np.zeros(30, np.int64), touched[1]))


@pytest.mark.parametrize("most_at_once", [3, 100, 1 << 20])
def test_a_driver_walks_a_shard_from_stop_to_stop(rng, monkeypatch, most_at_once):
    monkeypatch.setattr(_w2v_shards, "_MOST_AT_ONCE", most_at_once)
    model = Word2Vec(**FAST)
    model.build_vocab(planted(rng, 40))
    ids = model._corpus.ids.copy()
    seen, stop = [], 0
    while stop < len(ids):
        begin, (loss, stop) = stop, word2vec.train_ids(model, ids, 77, start=stop)
        assert loss > 0
        seen.append(int((ids[begin:stop] >= 0).sum()))
    assert seen == [77] * 6 + [480 - 6 * 77]
    loss, stop = word2vec.train_ids(model, ids, start=stop)
    assert np.isnan(loss) and stop == len(ids)
    # What is not trained on is not looked at.
    ids[:20] = ids[60:] = 10**6
    assert word2vec.train_ids(model, ids, 20, start=20).stop < 60
    with pytest.raises(IndexError, match="id 1000000 at position 60 is out of range"):
        word2vec.train_ids(model, ids, start=20)


def test_deltas_that_are_not_sound_are_not_merged(rng):
    model = Word2Vec(**FAST)
    model.build_vocab(planted(rng, 90))
    before = model.wv.vectors.copy(), model.syn1neg.copy()
    change, counts = np.ones((30, 20), np.float32), np.ones(30, np.uint32)
    bad = change.copy()
    bad[7, 3] = np.nan
    for delta, message in (
        ((bad, change, counts, counts), r"deltas.1..inputs: expected finite numbers, row 7"),
        ((change, bad, counts, counts), r"deltas.1..outputs: expected finite numbers, row 7"),
        ((change, change, counts, counts[:9]), r"deltas.1..touched_outputs: .* shape .9,.;"),
        ((change, change, counts[:, None], counts), r"touched_inputs: .* got uint32 of shape"),
        ((change, change, counts * 1.0, counts), r"touched_inputs: .* got float64"),
        ((change, change, -counts.astype(int), counts), r"counts of 0 and more"),
        ((change, change, None, counts), r"touched_inputs: .* got object"),
    ):
        deltas = [word2vec.WeightDelta(change, change, counts, counts)]
        with pytest.raises(ValueError, match=message):
            word2vec.merge_deltas(model, before, [*deltas, word2vec.WeightDelta(*delta)])
    assert_same_bits(model.wv.vectors, before[0])
    assert_same_bits(model.syn1neg, before[1])


def test_deltas_of_trees_and_of_other_models(rng, tmp_path):
    sentences = planted(rng, 90)
    model = Word2Vec(**FAST | {"workers": 1}, hs=1, negative=2)
    model.build_vocab(sentences)
    tables = [table.copy() for table in (model.wv.vectors, model.syn1neg, model.syn1)]
    touched = [np.zeros(len(table), np.uint32) for table in tables]
    ids = model._corpus.ids
    with pytest.raises(ValueError, match="touched: expected 3 arrays for this model, got 2"):
        word2vec.train_ids(model, ids, touched=touched[:2])
    word2vec.train_ids(model, ids, touched=touched)
    for table, before, count in zip(
        (model.wv.vectors, model.syn1neg, model.syn1), tables, touched, strict=True
    ):
        # Rows that were touched, and no others, have moved.
        assert ((table != before).any(axis=1) == (count > 0)).all()
    assert touched[2][-1] == max(touched[2]) > 0  # the root is on every way
    delta = word2vec.weight_delta(model, tables, touched)
    delta.save(tmp_path / "delta")
    again = word2vec.WeightDelta.load(tmp_path / "delta")
    for name, array in vars(delta).items():
        assert_same_bits(getattr(again, name), array)
    other = Word2Vec(**FAST, hs=1, negative=2)
    other.build_vocab(sentences)
    word2vec.merge_deltas(other, tables, [again])
    np.testing.assert_allclose(other.syn1, model.syn1, atol=1e-7)
    plain = Word2Vec(**FAST)
    plain.build_vocab(sentences)
    bare = word2vec.WeightDelta(delta.inputs, None, touched[0], None)
    with pytest.raises(ValueError, match=r"deltas.0..outputs: expected shape .30, 20., got none"):
        word2vec.merge_deltas(plain, tables, [bare])
    with pytest.raises(ValueError, match=r"before.2.: expected a copy of syn1 .* got none"):
        word2vec.weight_delta(model, tables[:2], touched)
    path = tmp_path / "delta"
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(ValueError, match="was cut off"):
        word2vec.WeightDelta.load(path)


def test_merging_neither_diverges_for_frequent_rows_nor_stalls_for_rare_ones(rng):
    # Eight trainings from the same start, merged, again and again. The sum of their changes would
    # make steps of eight times the size; the plain mean would slow down words that one shard has.
    sentences = planted(rng, 1600) + [["rare0", "rare1", "rare2"]] * 20
    model = Word2Vec(**FAST | {"workers": 1}, alpha=0.05)
    model.build_vocab(sentences)
    index = count_words(sentences).vocabulary()
    shards = [encode(sentences[i::8], vocabulary=index).ids for i in range(7)]
    shards.append(encode([["rare0", "rare1", "rare2"]] * 20, vocabulary=index).ids)
    V = len(model.wv)
    for turn in range(20):
        before = model.wv.vectors.copy(), model.syn1neg.copy()
        deltas = []
        for shard in shards:
            touched = np.zeros(V, np.uint32), np.zeros(V, np.uint32)
            word2vec.train_ids(model, shard, key=turn, touched=touched)
            deltas.append(word2vec.weight_delta(model, before, touched))
            model.wv.vectors[:], model.syn1neg[:] = before
        word2vec.merge_deltas(model, before, deltas)
    assert np.abs(model.wv.vectors).max() < 10
    assert {word for word, _ in model.wv.most_similar("rare0", topn=2)} == {"rare1", "rare2"}
    assert {word[:2] for word, _ in model.wv.most_similar("t1w1", topn=4)} == {"t1"}


# --- scripts for gensim --------------------------------------------------------------------------

SCRIPT = """
from {module} import Word2Vec
sentences = [["cat", "say", "meow"], ["dog", "say", "woof"]] * 50
model = Word2Vec(sentences=sentences, vector_size=10, window=5, min_count=1, workers=4)
model.save("word2vec.model")
model = Word2Vec.load("word2vec.model")
model.train([["cat", "say", "purr"]], total_examples=1, epochs=1)
vector = model.wv["cat"]
sims = model.wv.most_similar("cat", topn=3)
model = Word2Vec(min_count=1, vector_size=10)
model.build_vocab(sentences)
print(model.corpus_count, model.corpus_total_words, len(model.wv))
result = model.train(sentences, total_examples=model.corpus_count, epochs=model.epochs)
print(result[1], vector.shape, len(sims), "cat" in model.wv, model.wv.key_to_index["say"])
model.build_vocab([["bird", "say", "tweet"]], update=True)
print(model.wv.index_to_key[-2:], len(model.wv), model.vector_size, model.window)
"""


@pytest.mark.parametrize("module", ["fastw2v", "gensim.models"])
def test_a_script_for_gensim_runs_with_the_import_changed(module, tmp_path, monkeypatch, capsys):
    pytest.importorskip(module)
    monkeypatch.chdir(tmp_path)
    exec(SCRIPT.format(module=module), {})
    assert capsys.readouterr().out == ("100 300 5\n1500 (10,) 3 True 0\n['bird', 'tweet'] 7 10 5\n")


def test_the_constructor_takes_gensims_arguments_in_gensims_order():
    import inspect

    gensim = pytest.importorskip("gensim.models")
    for name in ("__init__", "train", "build_vocab", "build_vocab_from_freq"):
        theirs = inspect.signature(getattr(gensim.Word2Vec, name)).parameters
        ours = inspect.signature(getattr(Word2Vec, name)).parameters
        names = [n for n, p in theirs.items() if p.kind is not p.VAR_KEYWORD]
        assert list(ours)[: len(names)] == names
        for n in names:
            if n not in ("alpha", "workers", "hashfxn", "compute_loss"):
                assert ours[n].default == theirs[n].default, n
        extra = list(ours.values())[len(names) :]
        assert all(p.kind in (p.KEYWORD_ONLY, p.VAR_KEYWORD) for p in extra)


def test_it_is_there_at_the_top():
    assert fastw2v.Word2Vec is Word2Vec
    assert "Word2Vec" in dir(fastw2v)


# ---- what the kernel's pointers rely on


def test_tables_of_other_sizes_are_refused_before_training(rng):
    sentences = planted(rng, 80)
    changes = {
        "wv.vectors|syn1neg": lambda m: m.wv.add_vectors(["new"], np.zeros((1, 20))),
        "syn1neg": lambda m: setattr(m, "syn1neg", m.syn1neg[:2]),
        "syn1: ": lambda m: setattr(m, "hs", 1),
        "syn1neg: expected shape None": lambda m: setattr(m, "negative", 0),
        "window": lambda m: setattr(m, "window", -5),
        "negative": lambda m: setattr(m, "negative", -1),
    }
    for message, change in changes.items():
        model = Word2Vec(sentences, **FAST)
        change(model)
        before = model.wv.vectors.copy()
        with pytest.raises(ValueError, match=message):
            model.train(sentences, epochs=1)
        with pytest.raises(ValueError, match=message):
            train_ids(model, [0, 1, -1])
        assert_same_bits(model.wv.vectors, before)


@pytest.mark.parametrize("options", [{"sg": 1}, {"deterministic": True}, {}])
def test_windows_of_whole_sentences(rng, options):
    """A huge window is the longest sentence, and takes no more memory than that."""
    sentences = [rng.permutation(30).tolist() for _ in range(30)]
    models = [
        Word2Vec(
            sentences, window=window, min_count=1, vector_size=8, workers=1, epochs=1,
            shrink_windows=False, **options,
        )
        for window in (29, 2**31 - 1)
    ]  # fmt: skip
    assert_same_bits(models[0].wv.vectors, models[1].wv.vectors)


SCHEDULES = {
    "next_block": [-1, 1 << 40, 1.5, "1"],
    "block": [0, -256, None],
    "epoch": [-5, 99, 0.5],
    "epochs": [-1, "x"],
    "losses": [5, ["x"]],
    "start_alpha": ["x", float("inf"), None],
    "sums": [{"loss": -1, "loss_pairs": 0, "pairs": 0, "words": 0}, 7],
    "n": [-1],
}


@pytest.mark.parametrize("name", SCHEDULES)
def test_schedules_of_files_are_not_trusted(rng, tmp_path, name):
    path = tmp_path / "checkpoint"
    model = Word2Vec(planted(rng, 80), **FAST)
    model.save(path)
    content = word2vec._container.read(path, "Word2Vec", None)
    for value in SCHEDULES[name]:
        facts = content.facts | {"schedule": content.facts["schedule"] | {name: value}}
        word2vec._container.write(path, "Word2Vec", facts, content.arrays)
        with pytest.raises(ValueError, match="the model is damaged"):
            Word2Vec.load(path)


def test_two_threads_learn_as_much_as_one(rng):
    """On a vocabulary whose frequent rows threads have copies of."""
    n = 200_000
    ids = np.minimum(rng.zipf(1.2, n), 5000) - 1
    topic = rng.integers(0, 2, n // 20)  # words of one sentence are all even or all odd
    ids = (ids // 2 * 2 + np.repeat(topic, 20)).reshape(-1, 20)
    sentences = [row.tolist() for row in np.concatenate([ids, np.arange(5000).reshape(-1, 20)])]
    losses = []
    for workers in (1, 2):
        model = Word2Vec(
            sentences, min_count=1, vector_size=16, sample=0, workers=workers, epochs=2
        )
        assert len(engine.near_shares(model.wv.expandos["count"], 0)) > 50
        losses.append(model.epoch_losses[-1])
    assert losses[1] == pytest.approx(losses[0], rel=0.03)


def test_who_shares_negatives(rng, tmp_path):
    def shared(model):
        return bool(model._mode() & engine.SHARED), bool(model._mode() & engine.FRESH)

    model = Word2Vec(planted(rng, 80), **FAST)
    found = {}
    for n_words in (499_999, 500_000):
        for sg in (0, 1):
            for choice in (None, True, False):
                model.corpus_total_words, model.sg, model.shared_negatives = n_words, sg, choice
                found[n_words, sg, choice] = shared(model)
    assert [key for key, (four, _) in found.items() if four] == [
        (499_999, 0, True), (500_000, 0, None), (500_000, 0, True)
    ]  # fmt: skip
    assert [key for key, (_, each) in found.items() if each] == [
        (499_999, 1, None), (499_999, 1, False), (500_000, 1, False)
    ]  # fmt: skip
    model.deterministic, model.sg, model.shared_negatives = True, 0, True
    assert shared(model) == (False, False)
    model.sg, model.shared_negatives, model.corpus_total_words = 1, None, 9
    assert shared(model) == (False, False)
    model.shared_negatives = True
    model.save(tmp_path / "model")
    assert Word2Vec.load(tmp_path / "model").shared_negatives is True
