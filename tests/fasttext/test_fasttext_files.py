"""Models of fastText (.bin): recorded answers, any alignment, refusals, the command line."""

import json
import os
import struct
import tracemalloc

import fresh_interpreter
import numpy as np
import pytest
from cli_report import results
from fasttext_models import built
from places import DATA

from fastw2v import FastTextKeyedVectors, KeyedVectors
from fastw2v._files import fasttext_bin
from fastw2v.cli import main
from fastw2v.fasttext import NgramRows
from fastw2v.keyed_vectors.search import unit
from fastw2v.reference import subwords as reference

FOLDER = DATA / "fasttext"
MODELS = sorted(path.stem for path in FOLDER.glob("*.json"))


def answers(name):
    return json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))


# ---- recorded models


@pytest.mark.parametrize("mmap", ["c", "r", None])
@pytest.mark.parametrize("name", MODELS)
def test_recorded_models_answer_as_fasttext_does(name, mmap):
    vectors, told = FastTextKeyedVectors.load(FOLDER / f"{name}.bin", mmap), answers(name)
    assert vectors.index_to_key == told["words"]
    for word, found in told["found"].items():
        texts, ids = vectors.get_subwords(word)
        assert texts == found["subwords"]
        assert ids.tolist() == found["ids"]
        if word in vectors or vectors.bucket:
            np.testing.assert_allclose(unit(vectors[word]), found["unit"], atol=1e-6)
        assert (word in vectors) == bool(found["ids"])
    for word, found in told["near"].items():
        if word in vectors:
            ours = vectors.get_nearest_neighbors(word, 5)
            assert [near for _, near in ours] == [near for _, near in found]
            np.testing.assert_allclose([c for c, _ in ours], [c for c, _ in found], atol=1e-6)
    sentence, mean = told["sentence"]
    np.testing.assert_allclose(vectors.get_sentence_vector(sentence), mean, atol=1e-6)
    if "dogs" in vectors:
        ours = vectors.get_analogies("sun", "moon", "dogs", 5)
        assert [word for _, word in ours] == [word for _, word in told["analogies"]]


@pytest.mark.parametrize("name", MODELS)
def test_gensim_reads_the_same_rows(name):
    fasttext = pytest.importorskip("gensim.models.fasttext")
    if name == "cbow":  # its text had a label, and gensim takes any label for a supervised model
        with pytest.raises(NotImplementedError):
            fasttext.load_facebook_vectors(str(FOLDER / f"{name}.bin"))
        return
    theirs = fasttext.load_facebook_vectors(str(FOLDER / f"{name}.bin"))
    ours = FastTextKeyedVectors.load(FOLDER / f"{name}.bin")
    assert ours.index_to_key == theirs.index_to_key
    np.testing.assert_array_equal(ours.vectors_vocab, theirs.vectors_vocab)
    assert ours.get_vecattr("sun", "count") == theirs.get_vecattr("sun", "count") == 20
    if name != "words":
        np.testing.assert_array_equal(ours.vectors_ngrams, theirs.vectors_ngrams)
        np.testing.assert_allclose(ours["suns"], theirs["suns"], rtol=1e-5)


# ---- files of any kind


@pytest.mark.parametrize("n", range(8))
@pytest.mark.parametrize("mmap", ["c", None])
def test_rows_may_begin_at_any_byte(tmp_path, n, mmap):
    words = ["</s>", "w" * (n + 1), "日本"]
    data, inputs = built(words, labels=["__label__x"])
    (tmp_path / "m.bin").write_bytes(data)
    vectors = FastTextKeyedVectors.load(tmp_path / "m.bin", mmap, strict=True)
    for row, word in enumerate(words):
        buckets = [] if word == "</s>" else reference.buckets(word, 2, 4, 7)
        wanted = reference.compose(inputs[row], inputs[3:][buckets])
        np.testing.assert_array_equal(vectors[word], wanted)
        np.testing.assert_array_equal(vectors.vectors[row], wanted)
    np.testing.assert_array_equal(
        vectors["unseen"], reference.compose(None, inputs[3:][reference.buckets("unseen", 2, 4, 7)])
    )
    assert vectors.most_similar("unseen", topn=1)
    assert vectors.expandos["count"].tolist() == [1, 2, 3]


def test_a_saved_copy_keeps_what_fasttext_does(tmp_path):
    vectors = FastTextKeyedVectors.load(FOLDER / "skipgram.bin")
    vectors.save(tmp_path / "v.fw2v")
    again = FastTextKeyedVectors.load(tmp_path / "v.fw2v")
    for word in ("</s>", "sun", "suns"):
        np.testing.assert_array_equal(again[word], vectors[word])
        assert again.get_subwords(word)[0] == vectors.get_subwords(word)[0]
    assert again.line_end == "</s>"


def test_words_that_are_not_utf8_keep_their_bytes(tmp_path):
    words = [b"caf\xe9", b"\x80\x81", b"ok"]
    data, inputs = built(words)
    (tmp_path / "m.bin").write_bytes(data)
    vectors = FastTextKeyedVectors.load(tmp_path / "m.bin")
    assert vectors.index_to_key == ["caf\udce9", "\udc80\udc81", "ok"]
    for row, word in enumerate(words):
        buckets = reference.buckets(word, 2, 4, 7)
        np.testing.assert_array_equal(
            vectors[vectors.index_to_key[row]], reference.compose(inputs[row], inputs[3:][buckets])
        )
    assert vectors.get_subwords("caf\udce9")[0][-1] == "\udce9>"
    assert "\udc80" in vectors


@pytest.mark.parametrize(("minn", "maxn", "bucket"), [(3, 0, 0), (0, 0, 0), (4, 2, 7)])
def test_models_without_ngrams_have_their_words_alone(tmp_path, minn, maxn, bucket):
    data, inputs = built(["a", "b"], minn=minn, maxn=maxn, bucket=bucket)
    (tmp_path / "m.bin").write_bytes(data)
    vectors = FastTextKeyedVectors.load(tmp_path / "m.bin")
    assert vectors.bucket == 0
    np.testing.assert_array_equal(vectors.vectors, inputs[:2])
    with pytest.raises(KeyError):
        vectors["unseen"]


@pytest.mark.parametrize("mmap", ["c", None])
@pytest.mark.parametrize(
    "pairs", [[], [(0, 0), (3, 1), (6, 2)], [(6, 0), (3, 2), (0, 1)], [(i, i) for i in range(7)]]
)
def test_pruned_models_count_the_ngrams_that_are_left(tmp_path, pairs, mmap):
    words = ["</s>", "moon", "sun"]
    data, inputs = built(words, pruned=len(pairs), pairs=pairs)
    (tmp_path / "m.bin").write_bytes(data)
    vectors = FastTextKeyedVectors.load(tmp_path / "m.bin", mmap)
    row_of, V = dict(pairs), len(words)
    vectors.save(tmp_path / "v.fw2v")
    vectors.save_fasttext_format(tmp_path / "n.bin")
    copies = [FastTextKeyedVectors.load(tmp_path / name) for name in ("v.fw2v", "n.bin")]
    for word in [*words, "unseen", "moons", "x"]:
        buckets = [] if word == "</s>" else reference.buckets(word, 2, 4, 7)
        kept = [bucket for bucket in buckets if bucket in row_of]
        own = words.index(word) if word in words else None
        rows = inputs[V:][[row_of[bucket] for bucket in kept]]
        wanted = reference.compose(None if own is None else inputs[own], rows)
        texts, ids = vectors.get_subwords(word)
        assert len(texts) == len(ids) == len(kept) + (own is not None)
        assert (word in vectors) == (len(ids) > 0)
        rising = sorted(row_of)
        assert ids[len(ids) - len(kept) :].tolist() == [V + rising.index(b) for b in kept]
        for some in (vectors, *copies):
            np.testing.assert_array_equal(some[word], wanted)
    if pairs:
        assert vectors.most_similar("unseen", topn=1)
    assert len(vectors.buckets_word[0]) == 0
    with pytest.raises(ValueError, match="pruned"):
        vectors.to_gensim()


def sparse_model(path, dim, bucket):
    """Write a model of two words whose rows of n-grams take no room on the disk; return its size.

    Skips if the file system gives them room.
    """
    data, _ = built(["sun", "moon"], dim=dim, bucket=0, minn=3, maxn=6)
    start = bytearray(data[: data.index(b"moon\0") + 14])
    struct.pack_into("<i", start, 40, bucket)
    rows = 2 + bucket
    try:
        with open(path, "wb") as stream:
            stream.write(start + struct.pack("<B2q", 0, rows, dim))
            stream.seek(1 << 20, 1)
            stream.write(b"\0")
            stream.flush()
            blocks = getattr(os.fstat(stream.fileno()), "st_blocks", 1 << 20)
            if blocks * 512 > 1 << 19:
                pytest.skip("the file system has no sparse files")
            stream.seek(len(start) + 17 + 4 * rows * dim)
            stream.write(struct.pack("<B2q", 0, 2, dim) + bytes(2 * 4 * dim))
    except OSError as error:
        pytest.skip(f"no sparse file of this size: {error}")
    return os.path.getsize(path)


def test_a_sparse_file_of_7_gb_is_mapped_not_read(tmp_path):
    dim, bucket = 300, 6_000_000
    path = tmp_path / "m.bin"
    assert sparse_model(path, dim, bucket) > 7e9
    done = fresh_interpreter.run(f"""
import re, sys, tracemalloc
from fastw2v import FastTextKeyedVectors

def resident():
    if sys.platform != "linux":
        return 0
    with open("/proc/self/status") as file:
        return int(re.search(r"VmHWM:\\s*(\\d+) kB", file.read())[1]) * 1024

before = resident()
tracemalloc.start()
vectors = FastTextKeyedVectors.load({str(path)!r})
assert vectors.vectors_ngrams.shape == ({bucket}, {dim})
assert not vectors["unseen"].any()
assert len(vectors.most_similar("sun")) == 1
print(tracemalloc.get_traced_memory()[1], before, resident())
""")
    assert done.returncode == 0, done.stderr
    traced, before, resident = map(int, done.stdout.split())
    assert traced < 20 << 20
    assert resident - before < 30 << 20
    assert resident < 300e6


# ---- refusals


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"model": 3, "loss": 3}, "supervised model"),
        ({"quantised": 1}, "quantised model"),
        ({"pruned": 2, "pairs": [(1, 0), (1, 1)]}, "damaged .a bucket .* listed twice"),
        ({"pruned": 2, "pairs": [(1, 0), (7, 1)]}, "damaged .a bucket .* out of range"),
        ({"pruned": 2, "pairs": [(1, 0), (-1, 1)]}, "damaged .a bucket .* out of range"),
        ({"pruned": 2, "pairs": [(1, 1), (2, 2)]}, "damaged .the buckets .* other rows"),
        ({"pruned": 2, "pairs": [(1, 1), (2, 1)]}, "damaged .the buckets .* other rows"),
        ({"pruned": 2, "pairs": [(1, 0)] * 9}, "damaged"),
        ({"version": 13}, "version 11 or 12"),
        ({"model": 4}, "damaged .model 4"),
        ({"loss": 0}, "damaged .model 2 and loss 0"),
        ({"dim": 0}, "damaged .a dimension"),
        ({"minn": -1}, "damaged .a dimension"),
        ({"kinds": [1, 0]}, "damaged .its words"),
        ({"kinds": [0, 7]}, "damaged .its words"),
        ({"entries": 3}, "damaged .3 entries are not"),
        ({"quantised": 2}, "damaged .its input rows"),
    ],
)
def test_other_models_are_refused_by_name(tmp_path, change, text):
    data, _ = built(["a", "b"], **change)
    path = tmp_path / "m.bin"
    path.write_bytes(data)
    with pytest.raises(ValueError, match=text) as caught:
        FastTextKeyedVectors.load(path)
    assert str(path) in str(caught.value)


def test_a_recorded_supervised_model_is_refused():
    with pytest.raises(ValueError, match="supervised model of fastText"):
        FastTextKeyedVectors.load(FOLDER / "supervised.bin")


def test_files_cut_short_or_too_long_are_refused(tmp_path):
    data, _ = built(["a", "moon"], labels=["__label__x"])
    path = tmp_path / "m.bin"
    for size in [*range(4, len(data)), len(data) + 1]:
        path.write_bytes((data + b"\0")[:size])
        with pytest.raises(ValueError, match=r"damaged|expected"):
            FastTextKeyedVectors.load(path)


@pytest.mark.parametrize("claimed", [2**31 - 1, 10**6])
@pytest.mark.parametrize("place", ["words", "bucket", "dim"])
def test_sizes_are_checked_before_memory_is_taken(tmp_path, place, claimed):
    data = bytearray(built(["a", "moon"])[0])
    for offset in {"words": (64, 68), "bucket": (40,), "dim": (8,)}[place]:
        struct.pack_into("<i", data, offset, claimed)
    path = tmp_path / "m.bin"
    path.write_bytes(data)
    tracemalloc.start()
    with pytest.raises(ValueError, match="damaged"):
        FastTextKeyedVectors.load(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1 << 20


def test_a_word_that_is_listed_twice_is_damage(tmp_path):
    (tmp_path / "m.bin").write_bytes(built(["a", "a"])[0])
    with pytest.raises(ValueError, match="'a' is listed"):
        FastTextKeyedVectors.load(tmp_path / "m.bin")


def test_strict_refuses_numbers_that_are_not_finite(tmp_path):
    data, inputs = built(["a", "moon"])
    bad = inputs.copy()
    bad[4, 1] = np.inf
    path = tmp_path / "m.bin"
    path.write_bytes(data.replace(inputs.tobytes(), bad.tobytes()))
    FastTextKeyedVectors.load(path)
    with pytest.raises(ValueError, match="vectors_ngrams: row 2"):
        FastTextKeyedVectors.load(path, strict=True)


def test_plain_vectors_name_the_class_that_opens_the_file():
    with pytest.raises(ValueError, match=r"FastTextKeyedVectors\.load"):
        KeyedVectors.load(FOLDER / "skipgram.bin")


def test_the_reader_tells_arguments_and_outputs():
    model = fasttext_bin.read(FOLDER / "cbow.bin")
    assert (model.arguments["model"], model.arguments["epoch"]) == (1, 2)
    assert model.outputs.shape == (len(model.words), 3)


# ---- the command line


def test_commands_compose_words_of_no_text(capsys, tmp_path):
    assert main(["similar", str(FOLDER / "skipgram.bin"), "suns", "-n", "2", "--json"]) == 0
    found = results(capsys.readouterr().out)["suns"]
    assert [word for word, _ in found] == [w for _, w in answers("skipgram")["near"]["suns"][:2]]
    kept = tmp_path / "v.fw2v"
    assert main(["convert", str(FOLDER / "skipgram.bin"), str(kept)]) == 0
    assert main(["similar", str(kept), "suns", "-n", "2", "--json"]) == 0
    assert results(capsys.readouterr().out)["suns"] == found
    for name in ("v.vec", "v.npz", "v.txt.gz"):
        assert main(["convert", str(kept), str(tmp_path / name)]) == 0
        plain = KeyedVectors.load(tmp_path / name)
        np.testing.assert_array_equal(plain["sun"], FastTextKeyedVectors.load(kept)["sun"])
    assert main(["convert", str(kept), str(tmp_path / "w.fw2v"), "--dtype", "int8"]) == 0
    assert KeyedVectors.load(tmp_path / "w.fw2v").vectors.stored == "int8"
    assert main(["similar", str(FOLDER / "words.bin"), "suns"]) != 0
    assert "'suns' is not among" in capsys.readouterr().err
    assert main(["info", str(FOLDER / "skipgram.bin")]) == 0


# ---- models written


@pytest.mark.parametrize("name", MODELS)
def test_a_model_that_was_read_is_written_alike(tmp_path, name):
    vectors = FastTextKeyedVectors.load(FOLDER / f"{name}.bin")
    vectors.save_fasttext_format(tmp_path / "m.bin")
    before, after = fasttext_bin.read(FOLDER / f"{name}.bin"), fasttext_bin.read(tmp_path / "m.bin")
    assert after.words == before.words
    np.testing.assert_array_equal(after.counts, before.counts)
    np.testing.assert_array_equal(after.own, before.own)
    np.testing.assert_array_equal(after.ngrams, before.ngrams)
    assert not after.outputs.any()
    assert after.outputs.shape == before.outputs.shape
    for key in ("dim", "bucket", "maxn"):
        assert after.arguments[key] == before.arguments[key]
    for word in ("sun", "suns", "</s>"):
        again = FastTextKeyedVectors.load(tmp_path / "m.bin")
        if word in vectors:
            np.testing.assert_array_equal(again[word], vectors[word])


def test_rows_that_were_drawn_are_written(tmp_path):
    own = np.ones((2, 3), np.float32)
    table = NgramRows(70_000, 3, [5, 69_999], np.ones((2, 3)), seed=4)
    vectors = FastTextKeyedVectors.from_parts(["sun", "caf\udce9"], own, table, 2, 5)
    vectors.save_fasttext_format(tmp_path / "m.bin")
    again = FastTextKeyedVectors.load(tmp_path / "m.bin")
    np.testing.assert_array_equal(again.vectors_ngrams, np.asarray(table))
    for word in ("sun", "caf\udce9", "unseen"):
        np.testing.assert_array_equal(again[word], vectors[word])
    assert again.get_vecattr("sun", "count") == 1  # gensim drops words without a count
    fasttext = pytest.importorskip("gensim.models.fasttext")
    theirs = fasttext.load_facebook_vectors(str(tmp_path / "m.bin"))
    np.testing.assert_allclose(theirs["unseen"], vectors["unseen"], rtol=1e-4, atol=1e-6)


def test_what_the_format_cannot_hold_is_refused_before_a_file_is_written(tmp_path):
    def vectors(word):
        return FastTextKeyedVectors.from_parts([word], [[1.0]], np.ones((9, 1)))

    with pytest.raises(ValueError, match="without the character"):
        vectors("a\0b").save_fasttext_format(tmp_path / "m.bin")
    half = vectors("a")
    half.expandos["count"] = np.array([0.5])
    with pytest.raises(ValueError, match="count: expected whole numbers"):
        half.save_fasttext_format(tmp_path / "m.bin")
    for name in ("m.vec", "m.fw2v", "m.bin.gz"):
        with pytest.raises(ValueError, match="a model of fastText"):
            vectors("a").save_fasttext_format(tmp_path / name)
    assert not list(tmp_path.iterdir())
