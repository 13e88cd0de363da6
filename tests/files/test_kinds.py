"""A file is what its name says when it is written, and is named for what it is when it is read."""

import bz2
import gzip
import io
import lzma
import os
import pickle

import numpy as np
import pytest

from fastw2v import Word2Vec
from fastw2v._files import packing
from fastw2v._files.kinds import START_BYTES, check_named, kind_of, named
from fastw2v._files.packing import open_unpacked
from fastw2v._files.word2vec_writer import read_counts
from fastw2v.base_model import BaseModel
from fastw2v.datasets import read_pairs, read_text
from fastw2v.keyed_vectors import KeyedVectors
from fastw2v.models import CharTranslator
from fastw2v.text_model import TextModel


def gensim_pickle(protocol):
    names = b"\x8c\x16gensim.models.word2vec\x94\x8c\x08Word2Vec\x94\x93"
    if protocol == 2:
        names = b"cgensim.models.word2vec\nWord2Vec\nq\x00"
    return b"\x80" + bytes([protocol]) + names + b")\x81."


FOREIGN = {
    "an HTML page": b"<!DOCTYPE html>\n<html><head><title>404</title></head></html>\n",
    "an HTML or XML page": b"\n  <HTML lang=en>\n<body>Sign in</body></HTML>",
    "an HTML or XML": b'\xef\xbb\xbf<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>',
    "JSON": b'{"message": "Not Found"}',
    "a pointer of Git LFS": b"version https://git-lfs.github.com/spec/v1\n"
    b"oid sha256:4d7a2146\nsize 1042\n",
    "saved by gensim": gensim_pickle(4),
    "a pickle that was saved by gensim": gensim_pickle(2),
    "a model of fastText": b"\xba\x16\x4f\x2f\x0c\0\0\0\x64\0\0\0" + bytes(100),
    "a zip": b"PK\x03\x04\x14\0\0\0\x08\0" + bytes(40),
    "a numpy array": b"\x93NUMPY\x01\0v\0{'descr': '<f4', 'fortran_order': False}",
    "an HDF5 file": b"\x89HDF\r\n\x1a\n" + bytes(40),
    "a zstd file": b"\x28\xb5\x2f\xfd" + bytes(40),
    "a tar archive": b"name" + bytes(253) + b"ustar\x0000" + bytes(100),
    "a 7z archive": b"7z\xbc\xaf\x27\x1c" + bytes(30),
    "a Parquet file": b"PAR1" + bytes(30),
    "a PDF document": b"%PDF-1.7\n",
    "a picture": b"\x89PNG\r\n\x1a\n" + bytes(30),
    "UTF-16 text": "2 1\na 1\nb 2\n".encode("utf-16"),
    "UTF-16": "2 1\na 1\nb 2\n".encode("utf-16-le"),
    "nothing but zero bytes": bytes(4000),
}
PICKLES = ("saved by gensim", "a pickle that was saved by gensim")

READERS = {
    "KeyedVectors.load": KeyedVectors.load,
    "load_word2vec_format": KeyedVectors.load_word2vec_format,
    "binary": lambda path: KeyedVectors.load_word2vec_format(path, binary=True),
    "Word2Vec.load": Word2Vec.load,
    "Word2Vec.resume": Word2Vec.resume,
    "TextModel.load": TextModel.load,
    "CharTranslator.load": CharTranslator.load,
    "counts": read_counts,
    "word pairs": KeyedVectors.from_words("ab", np.eye(2)).evaluate_word_pairs,
    "analogies": KeyedVectors.from_words("ab", np.eye(2)).evaluate_word_analogies,
}


def load_params(path):
    model = BaseModel()
    model.params = [np.zeros(3)]
    model.load_params(path)


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("kind", FOREIGN)
def test_foreign_files_are_named_for_what_they_are(tmp_path, reader, kind):
    if reader.endswith((".load", "resume")) and kind == "a zip" and "Word2Vec" not in reader:
        kind = "a numpy array"
    path = tmp_path / "downloaded"
    path.write_bytes(FOREIGN[kind])
    expected = "an HTML or XML page" if "HTML" in kind else kind
    if kind in PICKLES and reader in ("KeyedVectors.load", "Word2Vec.load", "Word2Vec.resume"):
        expected = "was saved by gensim and holds a Word2Vec without word vectors"
    with pytest.raises(ValueError, match=f"downloaded: (is .*)?{expected}"):
        READERS[reader](path)


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress])
@pytest.mark.parametrize("kind", ["an HTML page", "a pointer of Git LFS", "saved by gensim"])
def test_packed_foreign_files_are_named_for_what_they_hold(tmp_path, pack, kind):
    path = tmp_path / "v.packed"
    path.write_bytes(pack(FOREIGN[kind]))
    expected = kind.replace("an HTML page", "an HTML or XML page")
    for load in (KeyedVectors.load, KeyedVectors.load_word2vec_format, read_counts):
        with pytest.raises(ValueError, match=expected):
            load(path)


@pytest.mark.parametrize("kind", sorted(set(FOREIGN) - {"JSON"}))
def test_texts_that_are_no_texts_are_named(tmp_path, kind):
    path = tmp_path / "text"
    path.write_bytes(FOREIGN[kind])
    readers = {
        "corpus": lambda path: list(read_text(path)),
        "pairs": read_pairs,
        "compiled": lambda path: Word2Vec(vector_size=2).build_vocab(corpus_file=path),
        "parameters": load_params,
    }
    for name, read in readers.items():
        markup = "HTML" in kind
        if markup and name != "parameters":
            continue  # which is a text as well
        expected = "an HTML or XML page" if markup else kind
        with pytest.raises(ValueError, match=expected):
            read(path)


@pytest.mark.parametrize(
    "content",
    [
        b"<html> 0.1 0.2\n</html> 0.3 0.4\n",
        b'{" 0.1 0.2\n[{ 1e-3 -2\n',
        b"BZh 0.1 0.2\nversion 1 2\n",
        b"FASTW2V 0.1 0.2\nPAR 1 2\n",
        b"GGU 1 2\n%PDF 1 2\n",
        b"2 2\n<!doctype 1 2\nversion 3 4\n",
    ],
)
def test_words_are_not_taken_for_marks_of_other_kinds(tmp_path, content):
    path = tmp_path / "v"
    path.write_bytes(content)
    assert kind_of(content[:START_BYTES]) is None
    assert KeyedVectors.load(path, strict=True).vectors.shape == (2, 2)


def test_a_zip_of_vectors_is_to_be_unpacked(tmp_path):
    buffer = io.BytesIO()
    np.savez(buffer, words=np.array([1]))
    (tmp_path / "glove.zip").write_bytes(buffer.getvalue())
    with pytest.raises(ValueError, match=r"glove.zip: .* unpack the file of vectors in it"):
        KeyedVectors.load(tmp_path / "glove.zip")
    with pytest.raises(ValueError, match="is a zip or .npz archive, expected word2vec text"):
        KeyedVectors.load_word2vec_format(tmp_path / "glove.zip")


# --- names ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "format", "packing"),
    [
        ("v.txt", "text", None),
        ("V.VEC", "text", None),
        ("v.bin", "binary", None),
        ("v.fw2v", "fw2v", None),
        ("dir.zip/v.npz", "npz", None),
        ("v", None, None),
        ("glove.6B.100d", None, None),
        ("v.gz", None, "gzip"),
        ("v.txt.bz2", "text", "bzip2"),
        ("v.bin.xz", "binary", "xz"),
        ("v.old.gz", None, "gzip"),
    ],
)
def test_names_tell_format_and_packing(name, format, packing):
    assert named(name) == (format, packing)


REFUSED = [
    "v.csv",
    "v.zip",
    "v.npy",
    "v.pkl",
    "v.json.gz",
    "v.fw2v.gz",
    "v.npz.xz",
    "v.zst",
    "v.h5",
]


@pytest.mark.parametrize("name", REFUSED)
def test_names_of_other_formats_are_refused(tmp_path, name):
    vectors = KeyedVectors.from_words("ab", np.eye(2))
    with pytest.raises(ValueError, match="expected the name of a format that fastw2v writes"):
        vectors.save_word2vec_format(tmp_path / name)
    assert os.listdir(tmp_path) == []


def test_names_that_contradict_the_method_are_refused(tmp_path):
    vectors = KeyedVectors.from_words("ab", np.eye(2))
    vectors.expandos["count"] = np.array([2, 1])
    for name in ("v.fw2v", "v.npz"):
        with pytest.raises(ValueError, match=f"ends in .{name[2:]}; call save"):
            vectors.save_word2vec_format(tmp_path / name)
    for name in ("v.txt", "v.vec", "v.gz", "v.fw2v.xz"):
        with pytest.raises(ValueError, match="expected a name for a file in fastw2v's own format"):
            vectors.save(tmp_path / name)
        with pytest.raises(ValueError, match="expected a name for a file in fastw2v's own format"):
            Word2Vec(vector_size=2).save(tmp_path / name)
    with pytest.raises(ValueError, match="m.npz: expected a name for a file in fastw2v's own"):
        Word2Vec([["a", "b"]] * 9, checkpoint=tmp_path / "m.npz")
    with pytest.raises(ValueError, match="counts.npz: expected the name of a word2vec file"):
        vectors.save_word2vec_format(tmp_path / "v.txt", tmp_path / "counts.npz")
    with pytest.raises(
        ValueError, match="expected a name for a picture, got one that ends in .pdf"
    ):
        check_named("map.pdf", "a picture", ".png")
    assert os.listdir(tmp_path) == []
    # Scripts for gensim save models under these names.
    for name in ("word2vec.model", "model.bin", "vectors.kv"):
        vectors.save(tmp_path / name)
        assert KeyedVectors.load(tmp_path / name).index_to_key == ["a", "b"]


@pytest.mark.parametrize(
    ("name", "start"),
    [
        ("v.txt", b"2 2\na "),
        ("v.vec", b"2 2\na "),
        ("v.bin", b"2 2\na \0\0\x80?"),
        ("v.gz", b"\x1f\x8b"),
        ("v.bz2", b"BZh"),
        ("v.bin.xz", b"\xfd7zXZ\0"),
        ("v.fw2v", b"FASTW2V\x01"),
        ("v.npz", b"PK\x03\x04"),
    ],
)
def test_a_file_is_what_its_name_says(tmp_path, name, start):
    vectors = KeyedVectors.from_words("ab", np.eye(2, dtype=np.float32))
    path = tmp_path / name
    if name.endswith(("fw2v", "npz")):
        vectors.save(path)
    else:
        vectors.save_word2vec_format(path)
    assert path.read_bytes().startswith(start)
    assert (KeyedVectors.load(path).vectors == vectors.vectors).all()
    renamed = tmp_path / "renamed.dat"  # content decides what is read
    path.rename(renamed)
    assert (KeyedVectors.load(renamed).vectors == vectors.vectors).all()


def test_an_archive_is_read_by_numpy(tmp_path):
    KeyedVectors.from_words(["é", "b"], np.eye(2)).save(tmp_path / "v.npz")
    with np.load(tmp_path / "v.npz") as archive:
        assert (archive["vectors"] == np.eye(2)).all()
        ends = archive["word_ends"].tolist()
        assert archive["words"].tobytes().decode() == "éb" and ends == [2, 3]


# --- packed data ---------------------------------------------------------------------------------

PACKERS = {"gzip": gzip.compress, "bzip2": bz2.compress, "xz": lzma.compress}


def unpacked(path, data):
    path.write_bytes(data)
    with open_unpacked(path) as stream:
        return stream.read()


@pytest.mark.parametrize("name", PACKERS)
def test_packed_data_of_several_streams_is_read_as_one(tmp_path, name):
    pack, path = PACKERS[name], tmp_path / "packed"
    long = np.random.default_rng(0).bytes(300_000)
    assert unpacked(path, pack(long)) == long
    assert unpacked(path, pack(b"one ") + pack(b"") + pack(long)) == b"one " + long
    if name == "xz":
        assert unpacked(path, pack(b"a") + bytes(8) + pack(b"b") + bytes(4)) == b"ab"


@pytest.mark.parametrize("name", PACKERS)
def test_damaged_packed_data_is_refused(tmp_path, name):
    data = PACKERS[name](bytes(range(256)) * 40)
    for damaged in (data[:-1], data[: len(data) // 2], data[:12] + b"\xff\xff" + data[14:]):
        with pytest.raises(ValueError, match=f"packed: the {name} data is damaged"):
            unpacked(tmp_path / "packed", damaged)
    with pytest.raises(ValueError, match="is damaged"):
        unpacked(tmp_path / "packed", data + data[:20])


def test_xz_data_that_asks_for_much_memory_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(packing, "_XZ_MEMORY", 1 << 20)
    data = lzma.compress(b"a", preset=9)
    with pytest.raises(ValueError, match="xz data is damaged .*[Mm]emory"):
        unpacked(tmp_path / "packed", data)


def test_texts_are_read_from_every_packing(tmp_path):
    for pack in PACKERS.values():
        path = tmp_path / "text"
        path.write_bytes(pack(b"a b\tc\nd e\tf\n"))
        assert "".join(read_text(path)) == "a b\tc\nd e\tf\n"
        assert read_pairs(path) == [("a b", "c"), ("d e", "f")]
        model = Word2Vec(vector_size=2, min_count=1)
        model.build_vocab(corpus_file=path)
        assert model.wv.index_to_key == ["a", "b", "c", "d", "e", "f"]


def test_pickles_of_other_things_are_named(tmp_path):
    path = tmp_path / "p"
    path.write_bytes(pickle.dumps([1, 2]))
    with pytest.raises(ValueError, match="is a pickle, expected word2vec text or binary; open it"):
        KeyedVectors.load_word2vec_format(path)
