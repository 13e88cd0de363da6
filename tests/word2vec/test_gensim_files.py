"""Files that gensim 0.12 to 4.4 saved open here, answer as there, and train on."""

import bz2
import gzip
import io
import json
import lzma
import os
import shutil

import numpy as np
import pytest
from places import DATA

from fastw2v import Word2Vec
from fastw2v._files.gensim_pickle import as_text, read
from fastw2v.keyed_vectors import KeyedVectors
from fastw2v.word2vec.weights import tree_of

FILES = DATA / "gensim"
VERSIONS = sorted(path.stem for path in FILES.glob("*.json"))
SENTENCES = [["the", "cat", "sat"], ["a", "dog", "ate", "the", "bone"], ["cat", "dog"]] * 30

every_version = pytest.mark.parametrize("version", VERSIONS)


def answers(version):
    """Return what that version of gensim answered itself; see tools/record_gensim.py."""
    return json.loads((FILES / f"{version}.json").read_text("utf-8"))


def check_words(wv, expected):
    assert wv.index_to_key == expected["words"]
    assert wv.expandos["count"].tolist() == expected["counts"]
    np.testing.assert_array_equal(wv.vectors, np.float32(expected["vectors"]))
    check_pairs(wv.most_similar("cat", topn=5), expected["most_similar"])
    assert wv.doesnt_match(["cat", "dog", "the", "mat"]) == expected["doesnt_match"]


def check_pairs(got, expected):
    assert [word for word, _ in got] == [word for word, _ in expected]
    np.testing.assert_allclose([x for _, x in got], [x for _, x in expected], atol=1e-6)


def test_all_layouts_are_recorded():
    assert {"0.12.4", "0.13.4", "1.0.1", "2.3.0", "3.4.0", "3.8.3", "4.0.0", "4.4.0"} <= set(
        VERSIONS
    )


@every_version
@pytest.mark.parametrize("apart", ["", "-apart"])
def test_models_of_every_version(version, apart):
    expected = answers(version)
    model = Word2Vec.load(FILES / f"{version}{apart}.model")
    check_words(model.wv, expected)
    np.testing.assert_array_equal(model.syn1neg, np.float32(expected["syn1neg"]))
    np.testing.assert_array_equal(model.syn1[:-1], np.float32(expected["syn1"]))
    settings = ("window", "sg", "hs", "negative", "epochs", "min_count", "seed", "vector_size")
    assert [getattr(model, name) for name in settings] == [3, 1, 1, 3, 2, 1, 1, 4]
    assert (model.alpha, model.sample, model.ns_exponent) == (0.025, 0.001, 0.75)
    assert model.corpus_count == expected["corpus_count"]
    # gensim counts the words of a text since 3.5.
    known = version.startswith("4") or version >= "3.5"
    assert model.corpus_total_words == (sum(expected["counts"]) if known else None)
    if "predict_output_word" in expected:
        guessed = model.predict_output_word(["cat", "dog"], topn=5)
        check_pairs(guessed, expected["predict_output_word"])


@every_version
def test_vectors_of_every_version(version):
    for ending in (".kv", ".model", "-apart.model"):
        check_words(KeyedVectors.load(FILES / f"{version}{ending}"), answers(version))


@every_version
def test_training_goes_on(version, tmp_path):
    expected = answers(version)
    model = Word2Vec.load(FILES / f"{version}.model")
    tree = tree_of(model, np.array(expected["counts"]))
    codes, points = ([x for way in expected[name] for x in way] for name in ("code", "point"))
    assert (tree.codes.tolist(), tree.points.tolist()) == (codes, points)

    model.save(tmp_path / "ours")
    again = Word2Vec.load(tmp_path / "ours")
    before = model.held_out_loss(SENTENCES)
    for one in (model, again):
        one.workers, one.sample = 1, 0
        one.train(SENTENCES, total_examples=len(SENTENCES), epochs=30, start_alpha=0.05)
    assert model.held_out_loss(SENTENCES) < 0.8 * before
    for name in ("syn1", "syn1neg"):
        np.testing.assert_array_equal(getattr(again, name), getattr(model, name))


@every_version
def test_the_tree_of_the_file_is_the_one_that_its_weights_belong_to(version):
    """Words of equal counts may change places; then the tree of the counts is another one."""
    model = Word2Vec.load(FILES / f"{version}.model")
    counts = model.wv.expandos["count"]
    kept = tree_of(model, counts)
    model.build_vocab(SENTENCES)
    fresh = tree_of(model, model.wv.expandos["count"])
    assert model._tree is None
    assert len(fresh.begins) == len(model.wv) + 1
    assert len(kept.begins) == len(counts) + 1


def test_extended_vocabularies_have_the_tree_of_their_counts():
    model = Word2Vec.load(FILES / "4.4.0.model")
    model.build_vocab([["new", "cat"]] * 3, update=True)
    assert model.syn1.shape == (len(model.wv), 4)
    model.train(SENTENCES, total_examples=len(SENTENCES), epochs=1)


# ---- arrays beside the file


@pytest.fixture(params=["0.12.4", "1.0.1", "3.8.3", "4.4.0"])
def apart(request, tmp_path):
    for path in FILES.glob(f"{request.param}-apart.model*"):
        shutil.copy(path, tmp_path / path.name.replace(f"{request.param}-apart", "x"))
    return tmp_path / "x.model"


def beside(path, *names):
    """Return the files beside a model that hold one of these attributes."""
    return [file for name in names for file in path.parent.glob(f"{path.name}*.{name}.npy")]


def mapped(array):
    while array is not None and not isinstance(array, np.memmap):
        array = array.base
    return array is not None


def test_arrays_beside_the_file_are_mapped(apart):
    assert mapped(KeyedVectors.load(apart).vectors)
    read_only = KeyedVectors.load(apart, mmap="r").vectors
    assert mapped(read_only) and not read_only.flags.writeable
    whole = KeyedVectors.load(apart, mmap=None).vectors
    assert not mapped(whole) and whole.flags.writeable
    np.testing.assert_array_equal(whole, read_only)
    model = Word2Vec.load(apart, mmap="r")
    assert mapped(model.wv.vectors) and mapped(model.syn1neg) and mapped(model.syn1)
    model.train(SENTENCES, total_examples=len(SENTENCES), epochs=1)
    np.testing.assert_array_equal(KeyedVectors.load(apart).vectors, whole)


def test_missing_files_are_named(apart):
    for attribute in ("vectors", "syn0", "syn1neg", "syn1"):
        for path in beside(apart, attribute):
            content = path.read_bytes()
            path.unlink()
            with pytest.raises(FileNotFoundError, match=f"{path.name}: no such file.*x.model"):
                Word2Vec.load(apart)
            path.write_bytes(content)
    assert len(Word2Vec.load(apart).wv) == 12


def test_damaged_files_beside_are_refused_by_name(apart):
    def saved(array):
        buffer = io.BytesIO()
        np.save(buffer, array, allow_pickle=True)
        return buffer.getvalue()

    [vectors], [outputs] = beside(apart, "vectors", "syn0"), beside(apart, "syn1neg")
    for path in (vectors, outputs):
        content = path.read_bytes()
        for damage, message in (
            (content[:-1], f"{path.name}: expected an array.*47? ?bytes|{path.name}: .*bytes"),
            (content + b"x", f"{path.name}: .*bytes"),
            (saved(np.array([{}], object)), f"{path.name}: .*an array of object"),
            (b"\x93NUMPY\x09\0" + content[8:], f"{path.name}: "),
            (b"", f"{path.name}: "),
            (saved(np.zeros((3, 3), np.float32)), "x.model: "),
            (saved(np.zeros((12, 4), np.int32)), "x.model: "),
        ):
            path.write_bytes(damage)
            for mmap in (None, "r", "c"):
                with pytest.raises(ValueError, match=message):
                    Word2Vec.load(apart, mmap=mmap)
        path.write_bytes(content)


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress])
def test_packed_files(apart, pack):
    """gensim packs a file with such a name, and puts arrays beside it into .npz archives."""
    packed = apart.with_name("x.model.gz")
    packed.write_bytes(pack(apart.read_bytes()))
    for path in list(apart.parent.glob("*.npy")):
        name = path.name.replace("x.model", "x.model.gz").replace(".npy", ".npz")
        np.savez_compressed(path.with_name(name), val=np.load(path))
    np.testing.assert_array_equal(
        Word2Vec.load(packed).syn1neg, Word2Vec.load(apart, mmap=None).syn1neg
    )
    np.testing.assert_array_equal(KeyedVectors.load(packed)["cat"], KeyedVectors.load(apart)["cat"])


def test_a_packed_bomb_is_refused(tmp_path):
    zeros = b"B" + (1 << 24).to_bytes(4, "little") + bytes(1 << 24)
    content = b"\x80\x04cgensim.models.word2vec\nWord2Vec\n" + zeros + b"."
    (tmp_path / "x.bz2").write_bytes(bz2.compress(content))
    with pytest.raises(ValueError, match="expected at most 1032 bytes for each byte"):
        Word2Vec.load(tmp_path / "x.bz2")


# ---- content that is not trusted


def test_nothing_of_a_file_is_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    content = (FILES / "4.4.0.model").read_bytes()
    call = b"cos\nmkdir\nX\x03\0\0\0hit\x85R"
    key = b"\x8c\x07workers\x94"
    at = content.index(key) + len(key)  # of the number of workers
    (tmp_path / "x").write_bytes(b"\x80\x04" + content[2 + 9 : at] + call + content[at + 2 :])
    with pytest.raises(ValueError, match="x: .*workers"):
        Word2Vec.load("x")
    assert read("x").attributes["workers"].name == "os.mkdir"
    assert os.listdir() == ["x"]


def test_names_in_the_file_open_no_other_files(tmp_path):
    """Only attributes that a model needs are looked for beside it."""
    content = (FILES / "3.8.3-apart.model").read_bytes()
    other = content.replace(b"X\x07\0\0\0vectors", b"X\x07\0\0\0../../a")
    assert other != content
    (tmp_path / "x").write_bytes(other)
    with pytest.raises(ValueError, match="x: .*without word vectors"):
        KeyedVectors.load(tmp_path / "x")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"index_to_key", b"index_to_kex"),
        (b"\x8c\x03cat", b"\x8c\x03dog"),
        (b"\x8c\x05count", b"\x8c\x05cound"),
        (b"\x8c\x02f4", b"\x8c\x02O8"),
        (b"K\x0cK\x04\x86", b"K\x0bK\x04\x86"),
    ],
)
def test_damaged_models_are_refused(tmp_path, old, new):
    content = (FILES / "4.4.0.model").read_bytes()
    assert old in content
    (tmp_path / "x").write_bytes(content.replace(old, new))
    with pytest.raises(ValueError, match="x: "):
        Word2Vec.load(tmp_path / "x")


def test_words_nested_deeply_do_no_harm(tmp_path):
    """Python hashes and compares nested tuples by recursion in C."""
    content = (FILES / "3.8.3.kv").read_bytes()
    word = b"X\x03\0\0\0cat"
    at = content.rindex(b"index2word")  # words of the list come from the memo
    begin = content.index(b"(h", at) + 1
    deep = b")" + b"\x85" * 300_000
    (tmp_path / "x").write_bytes(content[:begin] + deep + content[begin + 2 :])
    assert word in content
    with pytest.raises(ValueError, match="x: .*its words are no list of texts"):
        KeyedVectors.load(tmp_path / "x")


def test_text_of_python_2():
    assert as_text("straße".encode()) == as_text("straße".encode("latin-1")) == "straße"
