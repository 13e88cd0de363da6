"""Files of `Word2Vec`: the model, and the encoded text beside a checkpoint.

A checkpoint is a model's file with the schedule of its training; the ids of the text are in a
second file, whose name ends in .ids, because they never change during a training.
"""

from __future__ import annotations

import contextlib
import os
import time
import zlib
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from fastw2v._checks.numbers import as_not_negative
from fastw2v._files import fw2v
from fastw2v._files.atomic import check_writable
from fastw2v._files.extras import extras_of, pack_extras, unpack_extras, warn_of_class
from fastw2v._files.kinds import check_fw2v
from fastw2v._version import __version__
from fastw2v.keyed_vectors import files
from fastw2v.word2vec import engine
from fastw2v.word2vec.consistency import check_model
from fastw2v.word2vec.corpus import END, EncodedCorpus
from fastw2v.word2vec.settings import SETTINGS, TOTALS, check_settings

if TYPE_CHECKING:
    from fastw2v.word2vec.model import Word2Vec

_LATER = ("null_word", "effective_min_count", "min_alpha_yet_reached")
Path = str | os.PathLike[str]

_OWN_NAME = "end it in .fw2v, or save vectors alone with wv.save_word2vec_format"
_OWN = (
    *SETTINGS,
    *TOTALS,
    *("wv", "syn1neg", "syn1", "_corpus", "_corpus_words", "_schedule", "_claim", "_raw"),
    *("_tree", "_lengths"),
)


# The arrays of a tree, in the order of `HuffmanWays`.
_TREE = {"points": np.int32, "codes": np.uint8, "begins": np.int64}


# ---- the model


def write_model(
    fname: Path | BinaryIO,
    model: Word2Vec,
    schedule: engine.Schedule | None,
    ignore: Iterable[str] = (),
) -> None:
    """Write a model and the schedule of its training; the text is not part of the file.

    Raises ValueError or TypeError, before anything is written, if the tables do not fit together
    or the file cannot hold an attribute. ignore: further attributes that are left out.
    """
    check_fw2v(fname, _OWN_NAME)
    if len(model.wv):
        check_model(model, added=True)
    check_settings(model)
    left_out = list(ignore)
    facts: dict[str, Any] = {name: getattr(model, name) for name in (*SETTINGS, *TOTALS)}
    facts["schedule"] = schedule.as_dict() if schedule is not None else None
    facts["fastw2v"] = __version__
    facts["class"] = type(model).__name__
    words, arrays = files.pack(model.wv, left_out)
    if "expando count" in arrays:
        arrays["counts"] = arrays.pop("expando count")
    extras = {k: v for k, v in extras_of(model, _OWN).items() if k not in left_out}
    more, extra_arrays = pack_extras("model", model, extras)
    settings, inputs = model._packed_inputs()
    tables = inputs | {"syn1neg": model.syn1neg, "syn1": model.syn1}
    if model.hs and model._tree is not None:
        arrays |= {f"tree {name}": getattr(model._tree, name) for name in _TREE}
    everything = arrays | fw2v.optional(tables) | extra_arrays
    fw2v.write(fname, model._kind, facts | settings | words | more, everything)


def read_model(
    fname: Path, model: Word2Vec, set_up: Callable[..., None], mmap: str | None = None
) -> engine.Schedule | None:
    """Read a file of `write_model` into a model, which `set_up` makes ready with the settings.

    Returns the schedule of its training; None for a model of another library.

    Raises ValueError, naming the damage, if the file is not a model or damaged.
    """
    if mmap not in ("c", "r", None):
        raise ValueError(f"mmap: expected 'c', 'r' or None, got {mmap!r}; pass one of these")
    if model._read_foreign(fname, set_up, mmap):
        return None
    content = fw2v.read(fname, model._kind, mmap)
    facts, arrays = content.facts, content.arrays
    words = fw2v.unpack_words(fname, content)
    try:
        more = {name: facts[name] for name in model._more_settings}
        set_up(**{name: facts[name] for name in SETTINGS if _is_due(name, facts)}, **more)
        totals = {name: convert for name, convert in TOTALS.items() if _is_due(name, facts)}
        vars(model).update({name: convert(name, facts[name]) for name, convert in totals.items()})
        schedule = facts["schedule"]
        if schedule is not None:
            schedule = engine.Schedule.from_dict(schedule)
        if not _shapes_fit(model, words, arrays):
            raise ValueError("the shapes of the arrays do not fit together")
        model._tree = _tree_in(arrays, len(words))
        unpack_extras("model", model, _OWN, content)
        if words:
            model.wv = model._unpacked_vectors(words, facts, arrays)
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise ValueError(f"{fname}: the model is damaged ({error}); get the file again") from error
    if words:
        model.wv.expandos.update(files.attributes_of(content, len(words)))
    files.set_extras(fname, model.wv, content)
    warn_of_class(fname, facts.get("class"), type(model), model._kind)
    model.syn1neg, model.syn1 = arrays.get("syn1neg"), arrays.get("syn1")
    return schedule


def _tree_in(arrays: dict[str, np.ndarray], V: int) -> engine.HuffmanWays | None:
    """Return the tree of a model that gensim saved; None for that of the counts."""
    parts = [arrays.get(f"tree {name}") for name in _TREE]
    if parts[0] is None:
        return None
    fits = all(
        part is not None and part.dtype == dtype
        for part, dtype in zip(parts, _TREE.values(), strict=True)
    )
    if not fits:
        raise ValueError("the tree of its words is damaged")
    tree = engine.HuffmanWays(*parts)  # type: ignore[arg-type]
    engine.check_ways(tree, V)
    return tree


def _is_due(name: str, facts: dict[str, Any]) -> bool:
    """Tell whether a file must have a fact; files of older versions do not have later ones."""
    return name in facts or name not in _LATER


def _shapes_fit(model: Word2Vec, words: list[Any], arrays: dict[str, np.ndarray]) -> bool:
    V, D = len(words), model.vector_size
    fits = arrays["vectors"].shape == (V, D)
    if V:
        counts = arrays["counts"]
        fits = fits and counts.shape == (V,) and counts.dtype.kind in "iuf"
        fits = fits and bool((counts >= 0).all())
        for name, rows in (("syn1neg", V), ("syn1", V)):
            wanted = model.negative if name == "syn1neg" else model.hs
            fits = fits and _fits(arrays.get(name), (rows, D) if wanted else None)
    return fits


def _fits(table: np.ndarray | None, most: tuple[int, int] | None) -> bool:
    """Tell whether a table has these columns, and these rows or fewer."""
    if table is None or most is None:
        return table is None and most is None
    return table.ndim == 2 and len(table) <= most[0] and table.shape[1] == most[1]


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
    check_fw2v(path, "end it in .fw2v")
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
            if np.array_equal(read_ids(path, V, schedule, 0).ids, corpus.ids):
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


def read_ids(
    path: str, V: int, schedule: engine.Schedule, memory_limit: int | None = None
) -> EncodedCorpus:
    """Read the ids beside a checkpoint, or map them if they take more than memory_limit bytes.

    Raises ValueError if they are damaged, or are not those that the schedule was made for.
    """
    if not os.path.exists(path):
        raise FileNotFoundError(
            f"{path}: no such file; a checkpoint needs the ids that were saved beside it, or load "
            "it and call train(sentences)"
        )
    mapped = memory_limit is not None and os.path.getsize(path) > memory_limit
    content = fw2v.read(path, "ids", "r" if mapped else None)
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


def is_text_of(model: Word2Vec, corpus: EncodedCorpus) -> bool:
    """Tell whether a text is the one that the training of a checkpoint reads."""
    schedule = model._schedule
    return (
        schedule is not None
        and schedule.n == len(corpus.ids)
        and schedule.ids_crc == _crc(corpus.ids)
    )


def _crc(ids: np.ndarray) -> int:
    return zlib.crc32(np.ascontiguousarray(ids).data)
