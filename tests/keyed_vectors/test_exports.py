"""Vectors in .npz, .safetensors and .parquet are read back by numpy, safetensors and pandas."""

import io
import json
import os

import numpy as np
import pytest

from fastw2v import Word2Vec
from fastw2v._files import exports
from fastw2v.cli import main
from fastw2v.keyed_vectors import KeyedVectors
from fastw2v.keyed_vectors.files import output_format

WORDS = ["sun", "New York", "日本", "", "a\tb", "Ü"]


def vectors(dtype=np.float32, words=WORDS):
    table = np.random.default_rng(0).standard_normal((len(words), 3)).astype(dtype)
    made = KeyedVectors.from_words(list(words), table)
    made.expandos["count"] = np.arange(len(words))[::-1].copy()
    return made


def words_of(arrays):
    """Return the words of the arrays that .npz and .safetensors hold."""
    raw, ends = arrays["words"].tobytes(), arrays["word_ends"]
    return [raw[a:b].decode() for a, b in zip([0, *ends[:-1]], ends, strict=True)]


def check_arrays(arrays, expected):
    assert words_of(arrays) == expected.index_to_key
    assert arrays["vectors"].dtype == expected.vectors.dtype
    np.testing.assert_array_equal(arrays["vectors"], expected.vectors)
    np.testing.assert_array_equal(arrays["expando count"], expected.expandos["count"])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_numpy_reads_npz(tmp_path, dtype):
    made = vectors(dtype)
    made.save(tmp_path / "v.npz")
    check_arrays(np.load(tmp_path / "v.npz"), made)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_safetensors_reads_safetensors(tmp_path, dtype):
    library = pytest.importorskip("safetensors")
    numpy_part = pytest.importorskip("safetensors.numpy")
    made = vectors(dtype)
    made.note = "mine"
    made.save(tmp_path / "v.safetensors")
    check_arrays(numpy_part.load_file(tmp_path / "v.safetensors"), made)
    with library.safe_open(tmp_path / "v.safetensors", "numpy") as file:
        facts = json.loads(file.metadata()["facts"])
    assert facts["words"] == "str" and facts["extras of wv"] == {"note": "mine"}


@pytest.mark.parametrize("stored", ["float16", "int8"])
def test_safetensors_keep_compressed_tables(tmp_path, stored):
    numpy_part = pytest.importorskip("safetensors.numpy")
    made = vectors()
    made.save(tmp_path / "v.safetensors", dtype=stored)
    arrays = numpy_part.load_file(tmp_path / "v.safetensors")
    codes = arrays[f"{stored} vectors"]
    assert codes.dtype == stored
    scales = arrays["scales"][:, None] if stored == "int8" else 1
    np.testing.assert_allclose(codes * scales, made.vectors, atol=2e-2)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_pandas_reads_parquet(tmp_path, dtype, monkeypatch):
    pytest.importorskip("pyarrow")
    pd = pytest.importorskip("pandas")
    made = vectors(dtype)
    made.set_vecattr("sun", "kind", "star")
    for group in (1, 4, 100):
        monkeypatch.setattr(exports, "_GROUP", group)
        made.save(tmp_path / "v.parquet")
        frame = pd.read_parquet(tmp_path / "v.parquet")
        assert list(frame.columns) == ["word", "vector", "count", "kind"]
        assert frame["word"].tolist() == WORDS
        found = np.stack(frame["vector"])
        assert found.dtype == dtype
        np.testing.assert_array_equal(found, made.vectors)
        assert frame["count"].tolist() == [5, 4, 3, 2, 1, 0]
        assert frame["kind"].tolist() == ["star", "", "", "", "", ""]


def test_parquet_of_numbers_as_words_and_of_compressed_tables(tmp_path):
    pytest.importorskip("pyarrow")
    pd = pytest.importorskip("pandas")
    made = vectors(words=[3, 1, 2**40])
    made.save(tmp_path / "v.parquet", dtype="int8")
    frame = pd.read_parquet(tmp_path / "v.parquet")
    assert frame["word"].tolist() == [3, 1, 2**40]
    np.testing.assert_allclose(np.stack(frame["vector"]), made.vectors, atol=2e-2)
    KeyedVectors(2).save(tmp_path / "empty.parquet")
    assert len(pd.read_parquet(tmp_path / "empty.parquet")) == 0


def test_what_columns_cannot_hold_is_refused_before_anything_is_written(tmp_path):
    pytest.importorskip("pyarrow")
    path = tmp_path / "v.parquet"
    made = vectors()
    made.note = "mine"
    with pytest.raises(TypeError, match=r"v.parquet: .*'note'; leave it out with ignore"):
        made.save(path)
    made.expandos["vector"] = made.expandos["count"]
    with pytest.raises(ValueError, match=r"v.parquet: .*'vector'; rename it"):
        made.save(path, ignore=["note"])
    with pytest.raises(ValueError, match="v.parquet: .*half of a surrogate pair"):
        vectors(words=["a", "\ud800"]).save(path)
    assert os.listdir(tmp_path) == []


def test_without_pyarrow_the_error_names_the_cure(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(exports.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ImportError, match=r"v.parquet: .*pip install 'fastw2v\[parquet\]'"):
        vectors().save(tmp_path / "v.parquet")
    vectors().save(tmp_path / "v.fw2v")
    assert main(["convert", str(tmp_path / "v.fw2v"), str(tmp_path / "w.parquet")]) == 1
    assert "fastw2v[parquet]" in capsys.readouterr().err


@pytest.mark.parametrize("ending", ["npz", "safetensors", "parquet"])
def test_the_command_writes_every_format(tmp_path, ending):
    if ending == "parquet":
        pytest.importorskip("pyarrow")
    made = vectors(words=["sun", "moon", "star"])
    made.save_word2vec_format(tmp_path / "v.txt")
    target = tmp_path / f"w.{ending}"
    assert main(["convert", str(tmp_path / "v.txt"), str(target)]) == 0
    assert target.stat().st_size > 100
    if ending == "npz":
        assert KeyedVectors.load(target).index_to_key == made.index_to_key
    else:
        with pytest.raises(ValueError, match=r"w\..* read it with its own library.*from_words"):
            KeyedVectors.load(target)


def test_other_writers_refuse_these_names(tmp_path):
    model = Word2Vec([["a", "b"]] * 9, vector_size=2, min_count=1)
    for ending in ("safetensors", "parquet"):
        with pytest.raises(ValueError, match="own format"):
            model.save(tmp_path / f"m.{ending}")
        with pytest.raises(ValueError, match="word2vec file"):
            model.wv.save_word2vec_format(tmp_path / f"m.{ending}")
        with pytest.raises(ValueError, match="got .gz with a packing|with a packing"):
            output_format(tmp_path / f"m.{ending}.gz")
    assert os.listdir(tmp_path) == []


def test_headers_of_safetensors_are_limited(tmp_path, monkeypatch):
    monkeypatch.setattr(exports, "_MOST_HEADER", 100)
    with pytest.raises(ValueError, match="v.safetensors: expected attributes of at most 100"):
        vectors().save(tmp_path / "v.safetensors")
    assert os.listdir(tmp_path) == []


def test_open_files_get_the_own_format():
    stream = io.BytesIO()
    vectors().save(stream)
    assert stream.getvalue().startswith(b"FASTW2V")
