"""The table of all readers of a user's files, and functions that damage these files.

test_readers.py checks the promises of each reader; tools/fuzz.py does so for millions of files.
A new reader is one entry of READERS.
"""

from __future__ import annotations

import bz2
import contextlib
import functools
import gzip
import io
import lzma
import os
import pickle
import random
import signal
import sys
import tempfile
import threading
import tracemalloc
import warnings
import zipfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from places import DATA

from fastw2v import FastText, Word2Vec
from fastw2v._files.gensim_pickle import read_array
from fastw2v._files.word2vec_writer import read_counts
from fastw2v.base_model import BaseModel, load_book_pickle
from fastw2v.datasets import (
    Splitter,
    build_corpus,
    read_pairs,
    read_text,
    sequence,
    tokenize,
)
from fastw2v.fasttext import FastTextKeyedVectors, NgramRows
from fastw2v.keyed_vectors import KeyedVectors
from fastw2v.models import CBOW, CharTranslator
from fastw2v.optimizer import SGD, Adam
from fastw2v.phrases import FrozenPhrases, Phrases
from fastw2v.text_model import TextModel
from fastw2v.trainer import Trainer
from fastw2v.util import create_contexts_target
from fastw2v.word2vec import WeightDelta, weight_delta
from fastw2v.word2vec.saving import read_ids

BOOK, GENSIM, FASTTEXT = DATA / "book_files", DATA / "gensim", DATA / "fasttext"
GENSIM_FASTTEXT = DATA / "gensim_fasttext"
ERRORS = (OSError, ValueError)  # the only errors that a reader may raise for a file
SECONDS = 5.0  # more than any file of a few kilobytes may take
FREE_BYTES = 16 << 20  # memory that a reader may take for a file of any size
BYTES_PER_BYTE = 64  # memory that it may take in addition, for each byte of the file


class Reader(NamedTuple):
    """A function that reads a file of one kind to its end, and whole files of that kind."""

    read: Callable[[str], Any]
    seeds: Callable[[], list[bytes]]
    words: Sequence[bytes] = ()  # byte strings with a meaning in these files
    damage: Callable[..., bytes] | None = None  # (rng, whole files, words); None is `damaged`


def _written(write: Callable[[str], Any], name: str = "file") -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder, name))
        write(path)
        return Path(path).read_bytes()


# Samples -------------------------------------------------------------------------------------

WORDS = ["the", "of", "it's", "日本", "a_b", "Ü"]


def _vectors(D: int = 3) -> KeyedVectors:
    table = np.random.default_rng(0).standard_normal((len(WORDS), D)).astype(np.float32)
    return KeyedVectors.from_words(WORDS, table)


@functools.cache
def _word2vec_files(binary: bool) -> list[bytes]:
    made = []
    for D in (1, 3, 9):
        for header in (True,) if binary else (True, False):
            made.append(
                _written(
                    lambda path, D=D, header=header: _vectors(D).save_word2vec_format(
                        path, binary=binary, write_header=header
                    )
                )
            )
    made.append(
        b"2 2\nx \0\0\0\0\0\0\0\0\ny \0\0\0\0\0\0\0\0\n" if binary else b"2 2\na b 1 2\nc 1 2\n"
    )
    return [*made, gzip.compress(made[0], mtime=0)]


class _Model(BaseModel):
    def __init__(self) -> None:
        self.params = [np.zeros((3, 2), np.float32), np.zeros(4, np.float64)]
        self.grads = [np.zeros_like(param) for param in self.params]


def _load_params(path: str) -> list[np.ndarray]:
    model = _Model()
    model.load_params(path)
    return model.params


def _params(name: str) -> bytes:
    return _written(lambda path: _Model().save_params(path), name)


def _book_pickles() -> list[bytes]:
    things = [
        [np.ones((3, 2), np.float16), np.arange(4.0)],
        {"word_vecs": np.ones((2, 3)), "word_to_id": {"a": 0, "b": 1}, "id_to_word": {0: "a"}},
        [np.float32(2), np.int64(3), "text", b"bytes", None, True, 1.5, (1, 2, 3), 10**18],
        [np.asfortranarray(np.arange(6).reshape(2, 3)), np.zeros(0), np.array([True])],
    ]
    made = [pickle.dumps(thing, protocol) for thing in things for protocol in (2, 4, 5)]
    return [*made, (BOOK / "cbow_params.pkl").read_bytes()]


def _word_pickles() -> list[bytes]:
    table = np.ones((2, 3), np.float16)
    content = {"word_vecs": table, "word_to_id": {"a": 0, "b": 1}, "id_to_word": {0: "a", 1: "b"}}
    return [pickle.dumps(content, protocol) for protocol in (2, 4)]


def _text_models() -> list[bytes]:
    return [
        _written(TextModel([*WORDS, "<unk>"], kind=kind, size=2, splitter=Splitter("blanks")).save)
        for kind in ("rnnlm", "better")
    ]


def _translators() -> list[bytes]:
    return [
        _written(CharTranslator(["a", "b"], ["x", "y"], 2, attention=attention).save)
        for attention in (False, True)
    ]


def _read_corpus(path: str, encoding: str = "utf-8") -> Any:
    tokens = list(tokenize(read_text(path, encoding)))
    return build_corpus(tokens) if tokens else None


def _count_words(path: str) -> None:
    Word2Vec(vector_size=2, min_count=1, workers=2).build_vocab(corpus_file=path)


def _read_sequences(path: str) -> Any:
    return sequence.load_data(path)


TEXTS = [
    b"You say goodbye and I say hello.\n\nIt's 7 o'clock ...\n",
    "日本語の文章。 mixed ＡＢＣ text\tand\ttabs\r\n".encode(),
    "\ufeffbyte order mark\n".encode(),
    gzip.compress(b"packed words and packed words\n", mtime=0),
]
PAIRS = [
    "Go.\t行け。\tsource\nHi.\tやっほー。\r\n\nRun!\t走れ。\n".encode(),
    gzip.compress(b"Go.\tVa !\n", mtime=0),
]
SUMS = [
    b"16+75  _91  \n52+607 _659 \n1+2    _3   \n",
    b"may 27, 1994_1994-05-27\n8/5/70_1970-08-05",
]


def _load_and_ask(path: str) -> KeyedVectors:
    vectors = KeyedVectors.load(path)
    if len(vectors):
        vectors.most_similar_many([vectors.index_to_key[0]] * 3)
        vectors.distances(vectors.index_to_key[-1])
    return vectors


def _containers() -> list[bytes]:
    compressed = (
        _written(lambda path, dtype=dtype: _vectors().save(path, dtype=dtype))
        for dtype in ("float16", "int8")
    )
    split = _vectors()
    split.splitter = Splitter(lang="tr")
    return [*(_written(_vectors(D).save) for D in (1, 5)), _written(split.save), *compressed]


def _subword_files() -> list[bytes]:
    made = []
    for used in ([], [1, 5], None):
        table: Any = np.ones((9, 3), np.float32)
        if used is not None:
            table = NgramRows(9, 3, used, table[: len(used)])
        vectors = FastTextKeyedVectors.from_parts(WORDS, _vectors(3).vectors, table, 2, 4)
        made.append(_written(vectors.save))
    return made


def _load_and_compose(path: str, mmap: str | None = "c") -> FastTextKeyedVectors:
    vectors = FastTextKeyedVectors.load(path, mmap)
    vectors.get_subwords("unseen")
    if vectors.bucket:
        vectors.most_similar("unseen")
    if len(vectors):
        vectors.adjust_vectors()
    return vectors


def _load_or_read_and_compose(path: str) -> None:
    """Load vectors of fastText, mapped or read into memory, and train the whole model on."""
    size = os.path.getsize(path)
    _load_and_compose(path, "c" if size % 2 else None)
    if size % 3 == 0:
        model = FastText.load(path)
        model.workers = 1
        with contextlib.suppress(FloatingPointError):  # of damaged weights
            model.train([model.wv.index_to_key[:4]], epochs=1)


FASTTEXT_MODELS = ("skipgram", "cbow", "words", "pruned")
FASTTEXT_WORDS = [
    *(b"\xba\x16\x4f\x2f", b"</s>\0", b"\xff\xff\xff\x7f", b"\xff" * 8, bytes(8), b"\0\1"),
    *(n.to_bytes(4, "little") for n in (1, 3, 12, 50, 61)),
]


def _gensim_files(ending: str) -> list[bytes]:
    return [path.read_bytes() for path in sorted(GENSIM.glob(f"*[0-9]{ending}"))]


def _arrays() -> list[bytes]:
    made = []
    for array in (np.ones((3, 2), np.float32), np.arange(6.0).reshape(2, 3).T, np.zeros((0, 4))):
        buffer = io.BytesIO()
        np.save(buffer, array)
        made.append(buffer.getvalue())
    return made


def _load_gensim_and_ask(path: str) -> None:
    model = Word2Vec.load(path)
    model.workers = 1
    words = model.wv.index_to_key[:4]
    with contextlib.suppress(FloatingPointError):  # of damaged weights
        model.held_out_loss([words])
    model.predict_output_word(words)


TEXT = [WORDS, WORDS[::-1]] * 3


def _word2vec(**options: Any) -> Word2Vec:
    options = {"vector_size": 2, "min_count": 1, "workers": 1, "epochs": 1, "seed": 1} | options
    return Word2Vec(TEXT, **options)


def _word2vec_checkpoints() -> list[bytes]:
    options = ({}, {"hs": 1, "negative": 0}, {"sg": 1})
    models = [_word2vec(**one) for one in options]
    with_a_tree = Word2Vec.load(GENSIM / "4.4.0.model")
    return [_written(model.save) for model in (*models, with_a_tree)]


def _deltas() -> list[bytes]:
    made = []
    for options in ({}, {"hs": 1}):
        model = _word2vec(**options)
        tables = [model.wv.vectors, model.syn1neg, model.syn1][: 3 if options else 2]
        counts = [np.ones(len(table), np.uint32) for table in tables]
        made.append(_written(weight_delta(model, [table * 2 for table in tables], counts).save))
    return made


@functools.cache
def _text_beside_checkpoint() -> tuple[Any, bytes]:
    """Return the schedule of a training and the file of its encoded text."""
    with tempfile.TemporaryDirectory() as folder:
        model = _word2vec(checkpoint=str(Path(folder, "model")))
        return model._schedule, Path(folder, "model.ids").read_bytes()


def _read_ids(path: str) -> None:
    read_ids(path, len(WORDS), _text_beside_checkpoint()[0])


_CORPUS = np.arange(40) % 7


def _trainer(optimizer: Any) -> Trainer:
    return Trainer(CBOW(7, 2, 1, _CORPUS), optimizer)


def _trainings() -> list[bytes]:
    """Return checkpoints of a trainer: two between fits, and two within one."""
    made = []
    for optimizer in (SGD(), Adam()):
        trainer = _trainer(optimizer)
        contexts, target = create_contexts_target(_CORPUS, 1)
        trainer.fit(contexts, target, 1, 8, eval_interval=None)
        made.append(_written(trainer.save))
        trainer._position = {"epochs": 1, "k": 2, "known": {"data": 3}, "idx": np.arange(4)}
        made.append(_written(trainer.save))
    return made


def _resume(path: str) -> None:
    Trainer.resume(path, CBOW(7, 2, 1, _CORPUS))


JUDGED = "# of people\nthe\tof\t7.5\nit's\t日本\t1e-3\nthe\tnone\t3\nÜ\ta_b\t-2\n".encode()
QUESTIONS = ": first\nthe of it's 日本\na_b Ü the of\n: second\nthe none of Ü\n".encode()
COUNTS = [
    b"the 12\nof 7\nit's 3\n" + "日本 2\na_b 1\nÜ 1\n".encode(),
    b"the 9223372036854775807\n",
]


# Damage --------------------------------------------------------------------------------------

NUMBERS = [
    *(b"0", b"-1", b"1", b"2", b"3", b"7", b"1e309", b"-1e400", b"nan", b"inf", b"1_0", b"0x10"),
    *(b"%d" % (2**k + d) for k in (7, 8, 15, 16, 31, 32, 62, 63, 64) for d in (-1, 0)),
    *(b"9" * n for n in (5, 13, 14, 40, 4400)),
]
BYTES = [
    *(b"\0", b"\n", b"\r\n", b" ", b"\t", b"\xff", b"\x80", b"\x7f", b"\xe3\x80\x80", b"\xed\xa0"),
    *(b"\xef\xbb\xbf", b"\xff\xfe", b"\x1f\x8b", b"PK\x03\x04", b"\xc2\x85", b"\xe2\x80\xa8"),
    *((2**k - 1).to_bytes(8, "little") for k in (31, 32, 63, 64)),
    b"A" * 5000,
]


def damaged(rng: random.Random, files: Sequence[bytes], words: Sequence[bytes] = ()) -> bytes:
    """Return one of the files with a few changes, most often one."""
    data = bytearray(rng.choice(files))
    for _ in range(1 if rng.random() < 0.5 else rng.randrange(2, 9)):
        at = rng.randrange(len(data) + 1)
        end = min(len(data), at + rng.choice((1, 1, 2, 4, 8, 16, 64)))
        what = rng.randrange(9)
        if what == 0 and at < len(data):
            data[at] ^= 1 << rng.randrange(8)
        elif what == 1 and at < len(data):
            data[at] = rng.randrange(256)
        elif what == 2:
            data[at:at] = rng.choice(words or BYTES)
        elif what == 3:
            data[at:end] = rng.choice(BYTES)
        elif what == 4:
            del data[at:end]
        elif what == 5:
            data[at:at] = data[at:end] * rng.choice((1, 1, 2, 50))
        elif what == 6:
            other = rng.choice(files)
            begin = rng.randrange(len(other) + 1)
            data[at : end if rng.random() < 0.5 else at] = other[begin : begin + end - at + 8]
        elif what == 7:
            del data[at:]
        else:
            begin = at
            while begin < len(data) and not 48 <= data[begin] <= 57:
                begin += 1
            end = begin
            while end < len(data) and 48 <= data[end] <= 57:
                end += 1
            data[begin:end] = rng.choice(NUMBERS)
    return bytes(data)


def damaged_archive(
    rng: random.Random, files: Sequence[bytes], words: Sequence[bytes] = ()
) -> bytes:
    """Return a zip archive that is damaged itself, or whole with damaged members."""
    if rng.random() < 0.3:
        return damaged(rng, files, words)
    with zipfile.ZipFile(io.BytesIO(rng.choice(files))) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    victim = rng.choice(list(members))
    members[victim] = damaged(rng, [members[victim]], words)
    if rng.random() < 0.1:
        members.pop(rng.choice(list(members)))
    packing = zipfile.ZIP_DEFLATED if rng.random() < 0.1 else zipfile.ZIP_STORED
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", packing) as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a name twice
        for name, content in members.items():
            archive.writestr(name, content)
        if rng.random() < 0.02:
            archive.writestr(victim, members.get(victim, b""))
    data = buffer.getvalue()
    return damaged(rng, [data], words) if rng.random() < 0.1 else data


def damaged_container(
    rng: random.Random, files: Sequence[bytes], words: Sequence[bytes] = ()
) -> bytes:
    """Return an fw2v file damaged anywhere, or with a damaged header of the right length."""
    data = rng.choice(files)
    if rng.random() < 0.3:
        return damaged(rng, [data], words)
    length = int.from_bytes(data[8:16], "little")
    header = damaged(rng, [data[16 : 16 + length]], words)
    start = data[:8] + len(header).to_bytes(8, "little") + header
    return start + bytes(-len(start) % 64) + data[-(-(16 + length) // 64) * 64 :]


def damaged_text(rng: random.Random, files: Sequence[bytes], words: Sequence[bytes] = ()) -> bytes:
    """Return a damaged text, sometimes compressed by gzip after the damage."""
    data = damaged(rng, files, words)
    return gzip.compress(data, 1, mtime=0) if rng.random() < 0.1 else data


PACKERS = (
    lambda data: gzip.compress(data, 1, mtime=0),
    lambda data: bz2.compress(data, 1),
    lambda data: lzma.compress(data, preset=0),
)


def damaged_packing(
    rng: random.Random, files: Sequence[bytes], words: Sequence[bytes] = ()
) -> bytes:
    """Return packed data that is damaged itself, or whole around damaged content, or both twice."""
    if rng.random() < 0.4:
        return damaged(rng, files, words)
    data = rng.choice(PACKERS)(damaged(rng, _word2vec_files(rng.random() < 0.5), words))
    if rng.random() < 0.1:
        data += rng.choice((bytes(4), b"\n", b"\0x", rng.choice(PACKERS)(b"a 1 2\n")))
    return data


# The table -----------------------------------------------------------------------------------

TEXT_WORDS = [b"\n", b"\n\n", b"\t", b" ", b"_", "\u3000".encode(), "\u2028".encode(), b"\r"]
VECTOR_WORDS = [
    b"\t",
    b"\r\n",
    "\u241b20;".encode(),
    "\u241b;".encode(),
    b" ",
    b"\n",
    b"3 3\n",
    b"6 3\n",
    b"6 100000\n",
    b"1000000000000 1\n",
    *NUMBERS,
]
ARRAY_WORDS = [
    *(b"'descr': '<f4'", b"'|O'", b"'<U9'", b"'fortran_order': True", b"'shape': (9,)", b"(3, 2)"),
    *(b"\x93NUMPY\x01\x00", b"\x93NUMPY\x02\x00", b"exit()", b"[('a', '<f4')]", *NUMBERS),
]
SETTINGS_WORDS = [*ARRAY_WORDS, b"true", b"null", b"[]", b"{}", b'"', b"[" * 3000, b"-0.0"]
HEADER_WORDS = [
    *SETTINGS_WORDS,
    b'"<f4"',
    b'"|u1"',
    b'"|i1"',
    b'"<f2"',
    b"int8 ",
    b"float16 ",
    b'"<i8"',
    b'"str"',
    b'"int"',
    b"NaN",
]
TRAINING_WORDS = [*HEADER_WORDS, b'"array"', b'"S999999999"', b'"PCG64"', b'"fit"', b"Infinity"]
PICKLE_WORDS = [
    *(bytes([code]) for code in range(256)),
    *(b"cos\nsystem\n", b"cbuiltins\neval\n", b"\x8c\x05posix\x8c\x06system\x93", b"\x82\x01"),
    *(b"cnumpy\nndarray\n", b"cnumpy._core.multiarray\n_reconstruct\n", b"cnumpy\ndtype\n"),
    *(b"cnumpy._core.numeric\n_frombuffer\n", b"cnumpy.core.multiarray\nscalar\n", b"(" * 50),
    *(b"c_codecs\nencode\n", b"\x85" * 2000, b"]" * 200, b"q\x00", b"h\x00", b"j\xff\xff\xff\x7f"),
]

GENSIM_WORDS = [
    *PICKLE_WORDS,
    *(b"X\x04\0\0\0vocab", b"U\x05count", b"__numpys", b"vectors", b"index_to_key", b"expandos"),
    *(b"\x81", b"\x92", b"\x8f", b"\x90", b"\x91", b"I99999999999\n", b"}b", b")\x81}", b"\x93)R"),
]


def _phrases(frozen: bool = False) -> list[bytes]:
    text = [WORDS, WORDS[2:], ["a", *WORDS[:3]]] * 3
    phrases = Phrases(text, min_count=1, threshold=0.1, connector_words=["of"])
    return [_written((each.freeze() if frozen else each).save) for each in (phrases, Phrases())]


def _load_phrases(path: str) -> None:
    phrases = Phrases.load(path)
    phrases.add_vocab([WORDS])
    list(phrases[[WORDS, WORDS[1:]]])


def _load_frozen(path: str) -> None:
    phrases = FrozenPhrases.load(path)
    list(phrases[[WORDS, WORDS[1:]]])


READERS: dict[str, Reader] = {
    "word2vec text": Reader(
        lambda path: KeyedVectors.load_word2vec_format(path, binary=False),
        lambda: _word2vec_files(binary=False),
        VECTOR_WORDS,
        damaged_text,
    ),
    "word2vec binary": Reader(
        lambda path: KeyedVectors.load_word2vec_format(path, binary=True),
        lambda: _word2vec_files(binary=True),
        VECTOR_WORDS,
        damaged_text,
    ),
    "word2vec strict": Reader(
        lambda path: KeyedVectors.load_word2vec_format(path, strict=True, datatype=np.float64),
        lambda: [data for binary in (False, True) for data in _word2vec_files(binary)[:-2]],
        VECTOR_WORDS,
        damaged_text,
    ),
    "word2vec ignoring": Reader(
        lambda path: KeyedVectors.load_word2vec_format(path, unicode_errors="ignore", limit=5),
        lambda: _word2vec_files(True) + _word2vec_files(False),
        VECTOR_WORDS,
        damaged_text,
    ),
    "packed vectors": Reader(
        KeyedVectors.load,
        lambda: [pack(data) for pack in PACKERS for data in _word2vec_files(False)[:2]],
        VECTOR_WORDS,
        damaged_packing,
    ),
    "vectors npz": Reader(
        KeyedVectors.load,
        lambda: [_written(_vectors(D).save, "v.npz") for D in (1, 5)],
        SETTINGS_WORDS,
        damaged_archive,
    ),
    "vectors": Reader(
        KeyedVectors.load,
        lambda: _word2vec_files(True) + _word2vec_files(False) + _word_pickles(),
        VECTOR_WORDS,
    ),
    "book pickle": Reader(load_book_pickle, _book_pickles, PICKLE_WORDS),
    "gensim model": Reader(
        _load_gensim_and_ask, lambda: _gensim_files(".model"), GENSIM_WORDS, damaged_text
    ),
    "gensim vectors": Reader(_load_and_ask, lambda: _gensim_files(".kv"), GENSIM_WORDS),
    "gensim array": Reader(
        lambda path: [read_array(path, mmap) for mmap in ("c", "r", None)], _arrays, ARRAY_WORDS
    ),
    "parameters": Reader(_load_params, lambda: [_params("m.pkl")], PICKLE_WORDS),
    "parameters npz": Reader(
        _load_params, lambda: [_params("m.npz")], ARRAY_WORDS, damaged_archive
    ),
    "text model": Reader(TextModel.load, _text_models, SETTINGS_WORDS, damaged_archive),
    "translator": Reader(CharTranslator.load, _translators, SETTINGS_WORDS, damaged_archive),
    "pairs": Reader(read_pairs, lambda: PAIRS, TEXT_WORDS, damaged_text),
    "corpus": Reader(_read_corpus, lambda: TEXTS, TEXT_WORDS, damaged_text),
    "strict corpus": Reader(
        lambda path: list(read_text(path, strict=True)), lambda: TEXTS, TEXT_WORDS, damaged_text
    ),
    "compiled corpus": Reader(_count_words, lambda: TEXTS, TEXT_WORDS, damaged_text),
    "two-state corpus": Reader(
        lambda path: _read_corpus(path, "iso2022_jp"),
        lambda: [text.decode().encode("iso2022_jp") for text in TEXTS[:2]],
        [*TEXT_WORDS, b"\x1b$B", b"\x1b(B", b"\x1b"],
        damaged_text,
    ),
    "counts": Reader(read_counts, lambda: COUNTS, [*TEXT_WORDS, *NUMBERS], damaged_text),
    "strict counts": Reader(
        lambda path: read_counts(path, "replace", True),
        lambda: COUNTS,
        [*TEXT_WORDS, *NUMBERS],
        damaged_text,
    ),
    "judged pairs": Reader(
        lambda path: _vectors().evaluate_word_pairs(path),
        lambda: [JUDGED],
        [*TEXT_WORDS, *NUMBERS],
        damaged_text,
    ),
    "questions": Reader(
        lambda path: _vectors().evaluate_word_analogies(path),
        lambda: [QUESTIONS],
        [*TEXT_WORDS, b": ", b"\n:", b"the of "],
        damaged_text,
    ),
    "sequences": Reader(_read_sequences, lambda: SUMS, TEXT_WORDS, damaged_text),
    "container": Reader(_load_and_ask, _containers, HEADER_WORDS, damaged_container),
    "words with n-grams": Reader(
        _load_and_compose, _subword_files, [*HEADER_WORDS, b"ngrams", b"bucket"], damaged_container
    ),
    "fastText model": Reader(
        _load_or_read_and_compose,
        lambda: [(FASTTEXT / f"{name}.bin").read_bytes() for name in FASTTEXT_MODELS],
        FASTTEXT_WORDS,
    ),
    "gensim FastText": Reader(
        _load_and_compose,
        lambda: [p.read_bytes() for p in sorted(GENSIM_FASTTEXT.glob("*[0-9].[km]*"))],
        [*GENSIM_WORDS, b"compatible_hash", b"bucket"],
        damaged_text,
    ),
    "checkpoint": Reader(Word2Vec.load, _word2vec_checkpoints, HEADER_WORDS, damaged_container),
    "encoded text": Reader(
        _read_ids, lambda: [_text_beside_checkpoint()[1]], HEADER_WORDS, damaged_container
    ),
    "weight delta": Reader(WeightDelta.load, _deltas, HEADER_WORDS, damaged_container),
    "phrase counts": Reader(_load_phrases, _phrases, HEADER_WORDS, damaged_container),
    "phrases": Reader(_load_frozen, lambda: _phrases(True), HEADER_WORDS, damaged_container),
    "training": Reader(_resume, _trainings, TRAINING_WORDS, damaged_archive),
}
SUFFIX = {"parameters npz": ".npz"}  # of the file, where the reader looks at it


def path_for(name: str, folder: str | os.PathLike[str]) -> str:
    return os.path.join(folder, "file" + SUFFIX.get(name, ""))


def whole_files(name: str, folder: str | os.PathLike[str]) -> list[bytes]:
    """Return files that the reader accepts; each is read once, so that all imports are done."""
    files = READERS[name].seeds()
    path = path_for(name, folder)
    for data in files:
        Path(path).write_bytes(data)
        READERS[name].read(path)
    return files


def damage(name: str, rng: random.Random, files: Sequence[bytes]) -> bytes:
    reader = READERS[name]
    return (reader.damage or damaged)(rng, files, reader.words)


# Actions that no reader may take --------------------------------------------------------------

_FORBIDDEN = (
    *("os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.fork", "os.startfile"),
    *("subprocess.", "socket.", "ctypes.", "pickle.find_class", "shutil.", "exec", "pty.spawn"),
    *("os.remove", "os.rename", "os.mkdir", "os.rmdir", "os.chmod", "os.link", "os.symlink"),
)
_caught: list[str] = []
_watching = threading.local()


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    if not getattr(_watching, "on", False):
        return
    if (
        event == "exec"
        and arguments[0].co_name == "<module>"
        and os.path.isfile(arguments[0].co_filename)
    ):
        return  # a module of Python or numpy, imported at its first use
    wrote = event == "open" and isinstance(arguments[1], str) and set(arguments[1]) & set("wax+")
    if wrote or event.startswith(_FORBIDDEN):
        _caught.append(f"{event} {arguments!r:.100}")


class Misbehaved(AssertionError):
    """A violation: a reader did something that no file may make it do."""


@contextlib.contextmanager
def _alarm() -> Iterator[None]:
    if (
        not hasattr(signal, "setitimer")
        or threading.current_thread() is not threading.main_thread()
    ):
        yield
        return

    def late(*_: object) -> None:
        raise Misbehaved(f"takes more than {SECONDS} seconds")

    # Of work, as a busy machine may keep the process waiting; of waiting, more.
    timers = {signal.SIGPROF: signal.ITIMER_PROF, signal.SIGALRM: signal.ITIMER_REAL}
    before = {number: signal.signal(number, late) for number in timers}
    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    signal.setitimer(signal.ITIMER_REAL, 100 * SECONDS)
    try:
        yield
    finally:
        for number, timer in timers.items():
            signal.setitimer(timer, 0)
            signal.signal(number, before[number])


_audited = False


def attempt(name: str, path: str, size: int, memory: bool) -> str:
    """Read a file of `size` bytes; return "read" or "refused", or raise `Misbehaved`.

    memory: also measure the memory allocated, which is slow.
    """
    global _audited
    if not _audited:
        sys.addaudithook(_audit)
        _audited = True
    _caught.clear()
    if memory:
        tracemalloc.start()
    _watching.on = True
    try:
        with _alarm(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            READERS[name].read(path)
        answer = "read"
    except ERRORS as error:
        if not str(error):
            raise Misbehaved(f"an error without a message: {error!r}") from error
        answer = "refused"
    except Misbehaved:
        raise
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            raise
        raise Misbehaved(f"{type(error).__name__}: {error!s:.200}") from error
    finally:
        _watching.on = False
        if memory:
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
    if _caught:
        raise Misbehaved(f"does {_caught[0]}")
    if memory and peak > FREE_BYTES + BYTES_PER_BYTE * size:
        raise Misbehaved(f"allocates {peak} bytes for a file of {size}")
    return answer
