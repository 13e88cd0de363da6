"""Text files to words, words to ids, and the documentation inside every Python."""

import codecs
import gzip
import os
import pickle
import sys
import sysconfig
import zipfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastw2v import datasets
from fastw2v._files import text as text_files
from fastw2v.datasets import (
    build_corpus,
    builtin,
    builtin_corpus,
    read_text,
    subsample,
    tokenize,
)


@pytest.fixture(scope="module")
def builtin_words():
    return builtin_corpus()


# --- words ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", []),
        ("You say goodbye and I say hello.", ["you", "say", "goodbye", "and", "i", "say", "hello"]),
        ("don't 'quote' rock'n'roll dogs'", ["don't", "quote", "rock'n'roll", "dogs"]),
        ("it\u2019s", ["it\u2019s"]),
        ("AF_INET6, __init__ 3.14 2nd x2", ["af_inet6", "init__", "nd", "x2"]),
        ("Ünïcode Ещё 日本語", ["ünïcode", "ещё", "日本語"]),
    ],
)
def test_tokenize_finds_lower_case_words(text, words):
    assert list(tokenize(text)) == words


def test_tokenize_takes_pieces_and_splits_at_blanks():
    assert list(tokenize(["One two ", "three"])) == ["one", "two", "three"]
    assert list(tokenize("It 's\t<unk> .\n", split="blanks")) == ["It", "'s", "<unk>", "."]
    with pytest.raises(ValueError, match="split: expected 'words' or 'blanks', got 'lines'"):
        tokenize("a", split="lines")


# --- files ---------------------------------------------------------------------------------------


def test_read_text_takes_plain_text_gzip_and_a_byte_order_mark(tmp_path):
    plain, packed, marked = tmp_path / "a.txt", tmp_path / "no_gz_name", tmp_path / "c.txt"
    plain.write_text("first file\r\nsecond line", encoding="utf-8")
    packed.write_bytes(gzip.compress("größer\n".encode()))
    marked.write_bytes(codecs.BOM_UTF8 + b"marked")
    assert list(tokenize(read_text([plain, packed, str(marked)]))) == [
        *["first", "file", "second", "line"],
        "größer",
        "marked",
    ]
    assert "".join(read_text(plain)) == "first file\r\nsecond line"


@given(st.text(alphabet="aé語\U0001f600 \n\t\r\u3000", max_size=60), st.integers(1, 9))
def test_pieces_never_cut_a_word_or_a_character(tmp_path_factory, text, piece):
    if not text:
        return
    path = tmp_path_factory.mktemp("pieces") / "text"
    path.write_bytes(text.encode())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(text_files, "_STEP_BYTES", piece)
        pieces = list(read_text(path))
    assert "".join(pieces) == text
    assert list(tokenize(pieces, split="blanks")) == text.split()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the file is empty; give"),
        (b"caf\xe9 noir", "byte 3: 0xe9 is not UTF-8; save"),
        (b"cut \xe6\x97", "byte 4: 0xe6 is not UTF-8"),
        (codecs.BOM_UTF8 + b"ab\xff", "byte 5: 0xff is not UTF-8"),
        ("wide".encode("utf-16"), "is UTF-16 text, expected UTF-8 text; save it as UTF-8"),
        (b"text\0more", "byte 4: a zero byte, expected UTF-8 text"),
        (gzip.compress(b"text " * 500, mtime=0)[:-9], "the gzip data is damaged"),
        (gzip.compress(b"text", mtime=0)[:10] + b"garbage", "the gzip data is damaged"),
    ],
)
def test_bad_files_name_file_byte_and_cure(tmp_path, content, message):
    path = tmp_path / "bad.txt"
    path.write_bytes(content)
    with pytest.raises(ValueError, match="bad.txt: .*" + message):
        list(read_text(path, strict=True))


def test_an_error_beyond_the_first_piece_names_its_byte(tmp_path, monkeypatch):
    monkeypatch.setattr(text_files, "_STEP_BYTES", 7)
    path = tmp_path / "long.txt"
    path.write_bytes("語 ".encode() * 20 + b"\xff")
    with pytest.raises(ValueError, match="byte 80: 0xff"):
        list(read_text(path))


def test_missing_files_are_reported_before_any_file_is_read(tmp_path):
    good = tmp_path / "good.txt"
    good.write_text("words")
    with pytest.raises(FileNotFoundError, match=r"none\.txt: no such file; check"):
        read_text([good, tmp_path / "none.txt"])
    with pytest.raises(IsADirectoryError, match="is a folder"):
        read_text(tmp_path)
    with pytest.raises(ValueError, match="paths: expected at least one file"):
        read_text([])


# --- ids -----------------------------------------------------------------------------------------


def test_ids_fall_with_the_count_then_by_first_appearance():
    corpus, word_to_id, id_to_word, counts = build_corpus(["b", "c", "a", "b", "d", "c", "b", "a"])
    assert list(word_to_id) == ["b", "c", "a", "d"]
    assert id_to_word == {0: "b", 1: "c", 2: "a", 3: "d"}
    assert corpus.dtype == np.int32
    assert corpus.tolist() == [0, 1, 2, 0, 3, 1, 0, 2]
    assert counts.tolist() == [3, 2, 2, 1]


def test_min_count_leaves_rare_words_out():
    built = build_corpus(iter(["x", "a", "b", "a", "y", "b", "a"]), min_count=2)
    assert built.word_to_id == {"a": 0, "b": 1}
    assert built.corpus.tolist() == [0, 1, 0, 1, 0]
    assert built.counts.tolist() == [3, 2]


@given(st.lists(st.sampled_from("abcdefgh"), min_size=1, max_size=50))
def test_build_corpus_can_be_undone(words):
    corpus, word_to_id, id_to_word, counts = build_corpus(words)
    assert [id_to_word[i] for i in corpus.tolist()] == words
    assert np.array_equal(np.bincount(corpus), counts)
    assert np.all(np.diff(counts) <= 0)
    assert all(id_to_word[i] == word for word, i in word_to_id.items())


def test_a_corpus_without_words_is_refused():
    with pytest.raises(ValueError, match="tokens: expected words, got none"):
        build_corpus([])
    with pytest.raises(ValueError, match="no word occurs 3 times, the most frequent one occurs 2"):
        build_corpus(["a", "b", "a"], 3)
    with pytest.raises(TypeError, match=r"tokens: .* got one str; pass tokenize"):
        build_corpus("a b")
    with pytest.raises(ValueError, match="min_count: expected at least 1, got 0"):
        build_corpus(["a"], 0)
    with pytest.raises(TypeError, match=r"min_count: expected a whole number, got 1\.5"):
        build_corpus(["a"], 1.5)


# --- subsampling ---------------------------------------------------------------------------------


def test_subsample_keeps_the_documented_share():
    counts = np.array([90_000, 9_000, 1_000])
    corpus = np.repeat(np.arange(3, dtype=np.int32), counts)
    kept = subsample(corpus, counts, 0.01, rng=np.random.default_rng(0))
    assert kept.dtype == np.int32
    ratio = 0.01 / (counts / counts.sum())
    share = np.minimum(1, np.sqrt(ratio) + ratio)
    sigma = np.sqrt(counts * share * (1 - share))
    assert np.all(np.abs(np.bincount(kept) - counts * share) <= 5 * sigma)


def test_subsample_takes_a_threshold_of_zero_and_any_generator():
    corpus = np.zeros(1000, dtype=np.int64)
    counts = np.array([1000])
    assert subsample(corpus, counts, 0) is corpus
    np.random.seed(3)
    one = subsample(corpus, counts, 0.01)
    np.random.seed(3)
    assert len(one) == len(subsample(corpus, counts, 0.01)) < 1000
    state = np.random.get_state()[2]
    assert len(subsample(corpus, counts, 0.01, rng=7)) == len(
        subsample(corpus, counts, 0.01, rng=7)
    )
    assert np.random.get_state()[2] == state
    with pytest.raises(ValueError, match="threshold: expected 0 or more, got -1"):
        subsample(corpus, counts, -1)


# --- the documentation inside Python -------------------------------------------------------------


def test_builtin_corpus_is_english_about_python(builtin_words):
    assert len(builtin_words) > 100_000
    counts = build_corpus(builtin_words, 5)
    assert list(counts.word_to_id)[:2] == ["the", "a"]
    assert {"month", "thread", "socket", "string", "list"} <= counts.word_to_id.keys()


def test_builtin_corpus_is_the_same_every_time(builtin_words):
    assert builtin_corpus() == builtin_words


@pytest.fixture
def library(tmp_path, monkeypatch):
    """Make a small standard library, and let Python use it."""
    folder = tmp_path / "lib"
    (folder / "pydoc_data").mkdir(parents=True)
    (folder / "site-packages").mkdir()
    (folder / "os.py").write_text('"""Doc of os."""\n', encoding="utf-8")
    (folder / "pydoc_data" / "topics.py").write_text(
        "topics = {'a': 'First topic.', 'b': 'Second ' 'topic.'}\n", encoding="utf-8"
    )
    (folder / "nested.py").write_text(
        '"""Top."""\n'
        "if True:\n"
        "    class A:\n"
        '        "Class."\n'
        "        try:\n"
        "            async def f(self):\n"
        r"                'Escape \d.'" + "\n"
        "        finally:\n"
        "            pass\n"
        "'not a docstring'\n",
        encoding="utf-8",
    )
    (folder / "broken.py").write_text("def (", encoding="utf-8")
    (folder / "latin.py").write_bytes(b'# coding: no-such\n"""Never seen."""')
    (folder / "site-packages" / "other.py").write_text('"""Installed."""', encoding="utf-8")
    monkeypatch.setattr(sysconfig, "get_path", lambda name: str(folder))
    monkeypatch.setattr(builtin, "_LEAST_WORDS", 3)
    return folder


EXPECTED = "Top.\n\nClass.\n\nEscape \\d.\n\nDoc of os.\n\nFirst topic.\n\nSecond topic."


def test_builtin_text_reads_docstrings_in_order(library):
    assert datasets.builtin_text() == EXPECTED


def test_builtin_text_from_a_zipped_library(library, tmp_path, monkeypatch):
    archive = tmp_path / "python.zip"
    with zipfile.ZipFile(archive, "w") as stream:
        for folder, _, files in os.walk(library):
            for file in files:
                path = os.path.join(folder, file)
                stream.write(path, os.path.relpath(path, library))
    monkeypatch.setattr(sysconfig, "get_path", lambda name: str(tmp_path / "not there"))
    monkeypatch.setattr("sys.path", [str(archive)])
    assert datasets.builtin_text() == EXPECTED


def test_builtin_text_without_sources_imports_the_topics(library, monkeypatch):
    from pydoc_data.topics import topics

    for path in library.rglob("*.py"):
        path.unlink()
    monkeypatch.setattr("sys.path", [])
    assert datasets.builtin_text() == "\n\n".join(topics.values())


def test_builtin_text_without_any_documentation_is_an_error(library, monkeypatch):
    for path in library.rglob("*.py"):
        path.unlink()
    monkeypatch.setattr("sys.path", [])
    monkeypatch.setitem(sys.modules, "pydoc_data.topics", None)
    with pytest.raises(FileNotFoundError, match=r"no documentation in .*train on a text file"):
        datasets.builtin_text()


# --- names ---------------------------------------------------------------------------------------


def test_the_former_name_of_numbered_words_loads():
    """Scripts and pickles name the result of `build_vocab` datasets.Vocabulary."""
    numbered = datasets.build_vocab("to be or not to be".split())
    assert datasets.Vocabulary is datasets.NumberedWords is type(numbered)
    old = pickle.dumps(numbered, protocol=0).replace(b"NumberedWords", b"Vocabulary")
    assert b"Vocabulary" in old
    assert pickle.loads(old).word_to_id == numbered.word_to_id
