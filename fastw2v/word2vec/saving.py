"""Files of `Word2Vec`: the model, and the encoded text beside a checkpoint.

A checkpoint is a model's file with the schedule of its training; the ids of the text are in a
second file, whose name ends in .ids, because they never change during a training.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
import zlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from fastw2v._checks.numbers import as_not_negative
from fastw2v._files import fw2v
from fastw2v._files.atomic import check_writable
from fastw2v._files.kinds import check_fw2v
from fastw2v._version import __version__
from fastw2v.keyed_vectors import KeyedVectors
from fastw2v.word2vec import engine
from fastw2v.word2vec.corpus import END, EncodedCorpus
from fastw2v.word2vec.weights import check_tables

if TYPE_CHECKING:
    from fastw2v.word2vec.model import Word2Vec

    Model = TypeVar("Model", bound=Word2Vec)

Path = str | os.PathLike[str]

_OWN_NAME = "end it in .fw2v, or save vectors alone with wv.save_word2vec_format"
SETTINGS = (
    *("vector_size", "alpha", "window", "min_count", "max_vocab_size", "sample", "seed", "workers"),
    *("min_alpha", "sg", "hs", "negative", "ns_exponent", "cbow_mean", "epochs", "sorted_vocab"),
    *("compute_loss", "comment", "max_final_vocab", "shrink_windows", "deterministic"),
    *("cbow_grad", "shared_negatives", "memory_limit", "unicode_errors", "running_text"),
)


# ---- the model


def write_model(fname: Path, model: Word2Vec, schedule: engine.Schedule | None) -> None:
    """Write a model and the schedule of its training; the text is not part of the file.

    Words that were added to `wv` after the vocabulary was built have no rows in the other tables;
    the file holds the tables as they are.

    Raises ValueError, before anything is written, if the tables do not fit together.
    """
    check_fw2v(fname, _OWN_NAME)
    if len(model.wv) > _n_trained(model):
        _check_added(model)
    elif len(model.wv):
        check_tables(model)
    totals = ("corpus_count", "corpus_total_words", "train_count", "total_train_time")
    facts: dict[str, Any] = {name: getattr(model, name) for name in (*SETTINGS, *totals)}
    facts["schedule"] = schedule.as_dict() if schedule is not None else None
    facts["fastw2v"] = __version__
    more, words = fw2v.pack_words(model.wv.index_to_key)
    tables = {"vectors": model.wv.vectors, "syn1neg": model.syn1neg, "syn1": model.syn1}
    arrays = words | {"counts": _counts(model)}
    fw2v.write(fname, "Word2Vec", facts | more, fw2v.optional(arrays | tables))


def read_model(fname: Path, make: type[Model]) -> tuple[Model, engine.Schedule | None]:
    """Read a file of `write_model`; return the model, an object of class `make`, and its schedule.

    Raises ValueError, naming the damage, if the file is not a model or damaged.
    """
    content = fw2v.read(fname, "Word2Vec", None)
    facts, arrays = content.facts, content.arrays
    words = fw2v.unpack_words(fname, content)
    try:
        model = make(**{name: facts[name] for name in SETTINGS})
        model.corpus_count = int(facts["corpus_count"])
        model.corpus_total_words = int(facts["corpus_total_words"])
        model.train_count = int(facts["train_count"])
        model.total_train_time = float(facts["total_train_time"])
        schedule = facts["schedule"]
        if schedule is not None:
            schedule = engine.Schedule.from_dict(schedule)
        if not _shapes_fit(model, words, arrays):
            raise ValueError("the shapes of the arrays do not fit together")
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise ValueError(f"{fname}: the model is damaged ({error}); get the file again") from error
    if words:
        model.wv = KeyedVectors.from_words(words, arrays["vectors"])
        model.wv.expandos["count"] = arrays["counts"]
    model.syn1neg, model.syn1 = arrays.get("syn1neg"), arrays.get("syn1")
    return model, schedule


def _n_trained(model: Word2Vec) -> int:
    """Return the number of words that the output tables of a model have rows for."""
    if model.negative:
        return 0 if model.syn1neg is None else len(model.syn1neg)
    return 0 if model.syn1 is None else len(model.syn1) + 1


def _check_added(model: Word2Vec) -> None:
    """Check the tables of a model whose `wv` has more words than its output tables have rows."""
    V, D = len(model.wv), model.vector_size
    found = {"wv.vectors": np.shape(model.wv.vectors), "counts": np.shape(_counts(model))}
    expected = {"wv.vectors": (V, D), "counts": (V,)}
    n = _n_trained(model)
    if model.negative:
        found["syn1neg"], expected["syn1neg"] = np.shape(model.syn1neg), (n, D)
    if model.hs:
        found["syn1"], expected["syn1"] = np.shape(model.syn1), (max(n - 1, 0), D)
    for name, shape in expected.items():
        if found[name] != shape:
            raise ValueError(
                f"{name}: expected shape {shape}, got {found[name]}; add words with add_vectors, "
                "or with build_vocab(sentences, update=True)"
            )


def _counts(model: Word2Vec) -> np.ndarray:
    counts = model.wv.expandos.get("count")
    return np.zeros(len(model.wv), np.int64) if counts is None else counts


def _shapes_fit(model: Word2Vec, words: list[Any], arrays: dict[str, np.ndarray]) -> bool:
    V, D = len(words), model.vector_size
    fits = arrays["vectors"].shape == (V, D)
    if V:
        counts = arrays["counts"]
        fits = fits and counts.shape == (V,) and counts.dtype.kind in "iuf"
        fits = fits and bool((counts >= 0).all())
        n = len(arrays["syn1neg"]) if model.negative else len(arrays["syn1"]) + 1
        fits = fits and n <= V
        fits = fits and (not model.negative or arrays["syn1neg"].shape == (n, D))
        fits = fits and (not model.hs or arrays["syn1"].shape == (n - 1, D))
    return fits


def check_comment(comment: object) -> None:
    """Check that JSON, and so the file of a model, can hold a comment."""
    try:
        json.dumps(comment)
    except (TypeError, ValueError, RecursionError) as error:
        raise TypeError(
            f"comment: expected a value that JSON can hold, because it is saved with the model, "
            f"got {type(comment).__name__} ({error}); pass a str"
        ) from error


# ---- a checkpoint


def check_checkpoint(path: object, every: object) -> None:
    """Check that a checkpoint and its ids can be written; None means no checkpoint."""
    as_not_negative("every", every)
    if path is None:
        return
    if not isinstance(path, str | os.PathLike):
        raise TypeError(
            f"checkpoint: expected the name of a file, got {type(path).__name__}; pass a str"
        )
    check_fw2v(path, _OWN_NAME)
    check_writable(path)
    check_writable(ids_path(path))


class Checkpoint:
    """The file that a training saves itself to every `every` seconds, and the ids beside it.

    save: function that writes the model, with the schedule of the training, to a path.
    """

    def __init__(self, path: Path, every: float, save: Callable[[Path], None]) -> None:
        self.path, self.every, self.save_model = path, every, save
        self.saved = time.monotonic()

    def begin(self, corpus: EncodedCorpus, schedule: engine.Schedule, V: int) -> None:
        """Save the ids of a corpus, unless the file already has them, and the model.

        The model is saved at once, because an earlier checkpoint belongs to other ids.
        """
        path = ids_path(self.path)
        schedule.ids_crc = _crc(corpus.ids)
        with contextlib.suppress(ValueError, FileNotFoundError):
            if np.array_equal(read_ids(path, V, schedule).ids, corpus.ids):
                return
        facts = {
            "n_words": corpus.n_words,
            "n_raw_words": corpus.n_raw_words,
            "n_sentences": corpus.n_sentences,
            "crc": schedule.ids_crc,
        }
        fw2v.write(path, "ids", facts, {"ids": corpus.ids})
        self.save()

    @property
    def due(self) -> bool:
        """True once `every` seconds have passed since the model was saved."""
        return time.monotonic() - self.saved >= self.every

    def save(self) -> None:
        """Save the model."""
        self.save_model(self.path)
        self.saved = time.monotonic()


def ids_path(path: Path) -> str:
    """Return the name of the file with the ids that belong to a checkpoint."""
    return os.fspath(path) + ".ids"


def read_ids(path: str, V: int, schedule: engine.Schedule) -> EncodedCorpus:
    """Map the ids beside a checkpoint.

    Raises ValueError if they are damaged, or are not those that the schedule was made for.
    """
    if not os.path.exists(path):
        raise FileNotFoundError(
            f"{path}: no such file; a checkpoint needs the ids that were saved beside it, or load "
            "it and call train(sentences)"
        )
    content = fw2v.read(path, "ids", "r")
    try:
        facts, ids = content.facts, content.arrays["ids"]
        if ids.shape != (schedule.n,) or ids.dtype != np.int32:
            raise ValueError(f"expected {schedule.n} ids, got {ids.shape}")
        if len(ids) and (ids.max() >= V or ids.min() < END):
            raise ValueError(f"ids are outside of -1 .. {V - 1}")
        if not facts["crc"] == schedule.ids_crc == _crc(ids):
            raise ValueError("they are of another text, or damaged")
        return EncodedCorpus(
            ids, int(facts["n_words"]), int(facts["n_raw_words"]), int(facts["n_sentences"])
        )
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise ValueError(
            f"{path}: does not belong to the checkpoint ({error}); train again, or remove it, load "
            "the model and call train(sentences)"
        ) from error


def _crc(ids: np.ndarray) -> int:
    return zlib.crc32(np.ascontiguousarray(ids).data)
