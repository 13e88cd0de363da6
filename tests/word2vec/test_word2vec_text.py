"""Word2Vec's input: reading, counting and encoding, and the refusal of bad input."""

import gc
import gzip
import os
import tempfile

import numpy as np
import pytest
from conftest import assert_same_bits
from corpora import SENTENCES, TEXT
from fresh_interpreter import run

from fastw2v import word2vec
from fastw2v.word2vec import (
    CallbackAny2Vec,
    LineSentence,
    Word2Vec,
    count_words,
    encode,
)
from fastw2v.word2vec import corpus as corpus_module

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


def test_byte_order_marks_are_not_part_of_words(tmp_path):
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
def test_pieces_of_large_files_end_between_words(tmp_path, rng, workers, monkeypatch):
    lines = [
        " ".join(f"wörd{n}\u3000x" for n in rng.zipf(1.3, rng.integers(0, 40)) % 1000)
        for _ in range(9000)
    ]
    path = tmp_path / "large.txt"
    path.write_text("\n".join(lines), encoding="utf-8", newline="")
    expected = count_words([line.split() for line in lines])
    monkeypatch.setattr(corpus_module, "_PIECE", 100_003)
    monkeypatch.setattr(corpus_module, "_LEAST_PART", 1000)
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


def test_ids_beyond_the_memory_limit_are_in_a_file_deleted_with_them():
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
def test_an_interrupted_encoding_removes_its_temporary_file(file, tmp_path, monkeypatch, error):
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    vocabulary = count_words(SENTENCES).vocabulary()
    end_sentence, seen = corpus_module.IdWriter.end_sentence, []

    def fails(writer):
        end_sentence(writer)
        seen.extend(os.listdir(folder))
        raise error("disk full, or a key")

    monkeypatch.setattr(corpus_module.IdWriter, "end_sentence", fails)
    for source in ({"sentences": SENTENCES}, {"corpus_file": file}):
        with pytest.raises(error):
            encode(**source, vocabulary=vocabulary, memory_limit=20)
    with pytest.raises(TypeError, match="got float"):
        encode([*SENTENCES, [1.5]], vocabulary=vocabulary, memory_limit=0)
    gc.collect()  # of the ids of the first pass, which was complete
    assert len(seen) >= 2
    assert os.name == "nt" or os.listdir(folder) == []


def test_a_limit_keeps_exactly_the_most_frequent_words():
    counts = word2vec.WordCounts(list("abcdef"), np.array([3, 9, 3, 1, 3, 7]), 1)
    assert counts.vocabulary(max_words=4).words == ["b", "f", "a", "c"]
    assert counts.vocabulary(3).words == ["b", "f", "a", "c", "e"]
    assert counts.vocabulary(3, by_count=False).words == ["a", "b", "c", "e", "f"]
    rule = {"a": 1, "d": 2}
    for wrong in (3, "keep"):
        with pytest.raises(TypeError, match="trim_rule: expected a function"):
            counts.vocabulary(3, trim_rule=wrong)
    chosen = counts.vocabulary(3, trim_rule=lambda word, count, least: rule.get(word, 0))
    assert chosen.words == ["b", "f", "c", "e", "d"]


def test_policies_for_bytes_that_are_not_utf8(tmp_path):
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
        ((words for words in ["you", "say"]), TypeError, "got the str 'you' as sentence 0"),
        (({"tokens": ["a"]} for _ in range(3)), TypeError, r"dict as sentence 0; .*\['tokens'\]"),
        ({"a": ["b"]}, TypeError, "expected lists of words, got dict"),
        (np.array(["you say", "hello"]), TypeError, "the str_? .*'you say'.* as sentence 0"),
        (np.array(["you", "say"], object), TypeError, "the str 'you' as sentence 0"),
        ("you say hello", TypeError, r"corpus_file=, or \[text.split\(\)\]"),
        (["you", "say"], TypeError, r"got the str 'you' as sentence 0; pass \[sentence\]"),
        ([["a"], "b c"], TypeError, "got the str 'b c' as sentence 1"),
        ([1, 2, 3], TypeError, r"got int as sentence 0; pass \[sentence\]"),
        ([["a", ["b"]]], TypeError, "got an unhashable item"),
        ([["a", 1.5]], TypeError, "got float 1.5"),
        ([["a", 1]], TypeError, "all str or all int"),
        ([np.array([0.5])], TypeError, r"got dtype float64 of shape \(1,\) in sentence 0"),
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
def test_invalid_sentences_are_refused_with_a_cure(sentences, error, message):
    with pytest.raises(error, match=message):
        Word2Vec(sentences)


def test_files_without_text_are_refused(tmp_path):
    (tmp_path / "empty").touch()
    (tmp_path / "utf16").write_bytes("abc".encode("utf-16"))
    (tmp_path / "cut.gz").write_bytes(gzip.compress(b"a b c " * 1000)[:-30])
    for name, message in (
        ("empty", "the file is empty"),
        ("utf16", "is UTF-16 text, expected UTF-8"),
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
        ({"negative": 100_001}, ValueError, "negative: expected at most 1000, got 100001"),
        ({"ns_exponent": float("nan")}, ValueError, "ns_exponent: expected a number from -10 to"),
        ({"ns_exponent": -float("inf")}, ValueError, "ns_exponent: .* got -inf; pass e.g. 0.75"),
        ({"ns_exponent": 11}, ValueError, "ns_exponent: .* got 11; pass"),
        ({"comment": b"x"}, TypeError, "comment: expected a value that JSON can hold.*got bytes"),
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
def test_counts_must_be_whole_numbers(counts, error, message):
    model = Word2Vec(min_count=1)
    model.build_vocab_from_freq({"x": 2.0, "y": np.int32(3)}, corpus_count=2)
    assert model.wv.get_vecattr("x", "count") == 2
    with pytest.raises(error, match=message):
        model.build_vocab_from_freq(counts)
    with pytest.raises(ValueError, match="corpus_count: expected at least 0, got -1"):
        model.build_vocab_from_freq({"a": 3, "b": 2}, corpus_count=-1)
    assert model.wv.index_to_key == ["y", "x"]
    assert model.corpus_count == 2


def test_train_requires_a_vocabulary_and_words_of_it():
    model = Word2Vec(min_count=1)
    with pytest.raises(RuntimeError, match="call build_vocab first"):
        model.train(SENTENCES)
    model.build_vocab(SENTENCES)
    assert model.train(epochs=1)[1] == 15  # the text is that of build_vocab
    model.build_vocab_from_freq({"a": 3, "b": 2})
    with pytest.raises(RuntimeError, match="there is no text"):
        model.train()


@pytest.mark.parametrize(
    ("text", "n"),
    [([["other", "words"]], 2), ([["you"], ["i", "unknown"]], 3), ([], 0), (iter(()), 0)],
)
def test_a_text_without_pairs_trains_nothing_and_a_warning_says_so(text, n, caplog):
    model = Word2Vec(min_count=1, epochs=4)
    model.build_vocab(SENTENCES)
    before = model.wv.vectors.copy(), model.train_count
    assert model.train(text) == (0, 4 * n)
    assert f"neighbours in this text of {n} words" in caplog.text
    np.testing.assert_array_equal(model.wv.vectors, before[0])
    assert model.train_count == before[1]
    assert model.train(epochs=1)[1] == 15  # the text is still that of build_vocab


def test_one_pass_over_a_text_is_enough():
    options = {"min_count": 1, "workers": 1, "vector_size": 8}
    model = Word2Vec(iter(SENTENCES), **options)
    expected = Word2Vec(SENTENCES, **options)
    np.testing.assert_array_equal(model.wv.vectors, expected.wv.vectors)
    for each, text in ((model, iter(SENTENCES)), (expected, SENTENCES)):
        each.train(text, epochs=3)
    np.testing.assert_array_equal(model.wv.vectors, expected.wv.vectors)


@pytest.mark.parametrize("n", [0, 1, 2, 1024, 1025, 9 * 1024, 9 * 1024 + 1, 30_000])
def test_a_single_pair_is_found_anywhere(n):
    alone = np.tile(np.array([0, -1], np.int32), 15_001)
    assert not corpus_module.has_pairs(alone[: n + 1])
    alone[n : n + 2] = 1
    alone[n + 2 : n + 3] = alone[n - 1 : n] = -1
    assert corpus_module.has_pairs(alone)


def lines_of_log(caplog, run):
    with caplog.at_level("INFO", "fastw2v"):
        run()
    return [record.getMessage() for record in caplog.records if record.name.startswith("fastw2v")]


@pytest.mark.parametrize("kind", ["file", "sentences"])
def test_the_log_tells_what_was_read_kept_and_trained(caplog, tmp_path, kind):
    sentences = [["sun", "moon", f"star{n % 7}", f"rare{n}"] for n in range(300)]
    text = {"sentences": sentences}
    if kind == "file":
        (tmp_path / "text").write_text("\n".join(" ".join(words) for words in sentences))
        text = {"corpus_file": str(tmp_path / "text")}
    told = lines_of_log(
        caplog,
        lambda: Word2Vec(**text, vector_size=8, min_count=2, workers=1, epochs=2, sample=1e-2),
    )
    assert told[0] == "reading a text and counting its words"
    assert len(set(told[:5])) == 5
    told = "\n".join(told)
    assert "read 1200 words in 300 sentences, 309 of them different" in told
    assert "effective min_count=2 keeps 9 of them (2.9%)" in told
    assert "they occur 900 times; sample=0.01 subsamples the 9 most frequent ones" in told
    assert "weights of 9 words and 8 dimensions" in told
    assert "training with 1 workers on 9 words and 8 dimensions: sg=0 hs=0 sample=0.01" in told
    assert "EPOCH 0: trained on 1200 raw words" in told
    assert "EPOCH 1: trained on 1200 raw words" in told
    assert "\ntrained on 2400 raw words" in told


def test_the_log_of_an_update_tells_what_was_added_and_of_a_short_text_no_loss(caplog):
    model = Word2Vec([["sun", "moon"]] * 9, vector_size=4, min_count=2, workers=1)
    new = [["moon", "star", f"rare{n}"] for n in range(3)]
    told = lines_of_log(caplog, lambda: model.build_vocab(new, update=True))
    assert "effective min_count=2 adds 1 words to the 2 of the model" in told
    told = lines_of_log(caplog, lambda: model.train(new, epochs=1))
    assert not [line for line in told if "nan" in line]


def test_the_log_tells_the_progress_of_reading_and_training(caplog):
    model = Word2Vec(vector_size=4, min_count=1, workers=1, epochs=2)
    sentences = [["sun", "moon"]] * 70_000
    told = lines_of_log(caplog, lambda: model.build_vocab(sentences, progress_per=40_000))
    assert "PROGRESS: read 65536 sentences, 131072 words, at least 2 different" in told
    caplog.clear()
    told = lines_of_log(caplog, lambda: model.train(report_delay=0))
    assert any(line.startswith("EPOCH 0 - PROGRESS: at ") for line in told)
    for wrong in ({"progress_per": 0}, {"progress_per": "1"}):
        with pytest.raises((TypeError, ValueError), match="progress_per"):
            model.build_vocab(sentences, **wrong)
    with pytest.raises(ValueError, match="report_delay"):
        model.train(report_delay=-1.0)


@pytest.mark.parametrize("n_parts", [1, 3])
def test_words_of_a_splitter_are_one_sentence(n_parts):
    from fastw2v.datasets import Splitter, build_corpus
    from fastw2v.word2vec.sentences import RunningWords, count_text

    text = "One word, and another\nword.\n" * 9000 + "Ünique last"
    built = build_corpus(Splitter().words(text), min_count=2)
    counted = count_text(RunningWords(Splitter().words(text)), None, n_parts=n_parts)
    vocabulary = counted.counts.vocabulary(2)
    encoded = counted.encode(vocabulary.index)
    assert vocabulary.words == list(built.word_to_id)
    assert vocabulary.counts.tolist() == built.counts.tolist()
    assert encoded.ids.tolist() == [*built.corpus.tolist(), -1]
    assert (encoded.n_raw_words, encoded.n_sentences) == (45_002, 1)
    assert list(RunningWords(Splitter().words("a b"))) == [["a", "b"]]


def test_importing_word2vec_loads_no_text_of_its_own_and_no_extra():
    done = run("import sys; from fastw2v import Word2Vec; print(*sys.modules)")
    loaded = set(done.stdout.split())
    assert "fastw2v.word2vec.texts" in loaded, done.stderr
    extras = {"bokeh", "dask", "matplotlib", "pandas", "pyarrow", "sklearn", "torch"}
    assert loaded & {"fastw2v.datasets", "fastw2v.distributed", "asyncio", *extras} == set()
