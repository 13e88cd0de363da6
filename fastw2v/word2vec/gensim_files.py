"""Models in the files that gensim's `save` wrote, versions 0.12 to 4.4.

Their settings and tables are attributes of the model, or, in gensim 3.3 to 3.8, of its parts
`vocabulary` and `trainables`.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from fastw2v._files import gensim_pickle
from fastw2v._files.gensim_pickle import Saved, SavedArray
from fastw2v.keyed_vectors import KeyedVectors
from fastw2v.keyed_vectors.gensim_files import damage_named, words_of
from fastw2v.word2vec.consistency import as_counts
from fastw2v.word2vec.settings import MOST_WORKERS, SETTINGS, TOTALS
from fastw2v.word2vec.tables import HuffmanWays, check_ways

if TYPE_CHECKING:
    from fastw2v.word2vec.model import Word2Vec

Path = str | os.PathLike[str]

_OLD_NAMES = {"epochs": "iter"}
_LOCKS = ("vectors_lockf", "syn0_lockf")


def read_model(
    fname: Path,
    model: Word2Vec,
    set_up: Callable[..., None],
    mmap: str | None,
    vectors: KeyedVectors | None = None,
) -> None:
    """Read a file into a model, which `set_up` makes ready with the settings.

    vectors: those of a FastText, which were read before.

    Raises ValueError for objects of other classes, and for a model without output weights, which
    `KeyedVectors.load` opens; FileNotFoundError that names a missing file beside it.
    """
    saved = gensim_pickle.read(fname, mmap)
    words = words_of(saved, with_ngrams=vectors is not None)
    if "window" not in saved.attributes or "Doc2Vec" in saved.kind:
        opener = "KeyedVectors" if vectors is None else type(vectors).__name__
        raise ValueError(
            f"{fname}: was saved by gensim and holds a {saved.kind}, expected {model._kind}; open "
            f"its word vectors with {opener}.load"
        )
    parts = [part for name in ("vocabulary", "trainables") if (part := saved.part(name))]
    V, D = words.table.shape
    parts = [saved, *parts]
    damage_named(saved, lambda: set_up(**_settings(parts), vector_size=D))
    damage_named(saved, lambda: vars(model).update(_totals(saved)))
    if not V:
        return
    if vectors is None:
        table = np.require(words.table, np.float32, "C")
        vectors = KeyedVectors.from_words(list(words.rows), table)
        vectors.expandos.update(words.attributes)
    model.wv = vectors
    model.syn1neg = _outputs(parts, "syn1neg", (V, D)) if model.negative else None
    model.syn1 = _outputs(parts, "syn1", (V, D)) if model.hs else None
    damage_named(saved, lambda: as_counts(model))
    if model.hs:
        model._tree = damage_named(saved, lambda: _tree(saved, model.wv.index_to_key))
    factors = _lock_factors([*parts, saved.part("wv") or saved], V)
    if factors is not None:
        model.wv.vectors_lockf = factors


def _settings(parts: list[Saved]) -> dict[str, Any]:
    """Return the settings that the file has; an older gensim did not have all of them."""
    found: dict[str, Any] = {}
    comment = parts[0].attributes.get("comment")
    for name in SETTINGS.keys() - {"vector_size", "comment"}:
        for part in parts:
            for known in (name, _OLD_NAMES.get(name, name)):
                if known in part.attributes:
                    found.setdefault(name, part.get(known))
    if isinstance(comment, str):
        found["comment"] = comment
    if isinstance(found.get("workers"), int):
        found["workers"] = min(max(found["workers"], 1), MOST_WORKERS)
    return found


def _totals(saved: Saved) -> dict[str, Any]:
    known: dict[str, Any] = {"corpus_total_words": None}  # before 3.5
    known |= {name: saved.get(name) for name in TOTALS if saved.get(name) is not None}
    return {name: TOTALS[name](name, value) for name, value in known.items()}


def _outputs(parts: list[Saved], name: str, shape: tuple[int, int]) -> np.ndarray:
    """Return a table of output weights."""
    found = [table for part in parts if (table := part.array(name)) is not None]
    file = parts[0].file
    if not found:
        raise ValueError(
            f"{file}: expected {name} {shape}, got none, so the model cannot be trained; open its "
            "vectors with KeyedVectors.load"
        )
    table = found[0]
    if table.dtype.kind != "f" or table.shape != shape:
        raise ValueError(
            f"{file}: expected {name} of shape {shape}, got {table.shape} of {table.dtype}; get "
            "the file again"
        )
    return np.require(table, np.float32, "C")


def _tree(saved: Saved, words: list[Any]) -> HuffmanWays | None:
    """Return the tree that the inner nodes of the file belong to; None if it has no tree.

    Words of equal counts can change places in a Huffman tree, and gensim orders them in its own
    way.
    """
    owner = saved.part("wv") or saved
    expandos, vocab = owner.attributes.get("expandos"), owner.attributes.get("vocab")
    if isinstance(expandos, dict) and {"code", "point"} <= expandos.keys():
        ways = [expandos[name].raw() for name in ("code", "point")]
    elif isinstance(vocab, dict):
        states = [vocab[word].state for word in words]
        ways = [[state.get(name) for state in states] for name in ("code", "point")]
    else:
        return None
    if not all(isinstance(way, list) and len(way) == len(words) for way in ways):
        raise ValueError("its words have no places in the tree")
    if not all(type(one) is SavedArray for way in ways for one in way):
        return None
    codes, points = ([one.numbers() for one in way] for way in ways)
    lengths = np.array([len(code) for code in codes], np.int64)
    if not np.array_equal(lengths, [len(point) for point in points]):
        raise ValueError("the places of its words in the tree do not fit together")
    begins = np.concatenate([[0], np.cumsum(lengths)])
    tree = HuffmanWays(_joined(points, np.int32), _joined(codes, np.uint8), begins)
    check_ways(tree, len(words))
    return tree


def _joined(arrays: list[np.ndarray], dtype: Any) -> np.ndarray:
    joined = np.concatenate(arrays) if arrays else np.zeros(0, np.int64)
    if joined.ndim != 1 or joined.dtype.kind not in "iu":
        raise ValueError("the tree of its words is not made of whole numbers")
    if len(joined) and not 0 <= int(joined.min()) <= int(joined.max()) <= np.iinfo(dtype).max:
        raise ValueError("a place in the tree of its words is out of range")
    return joined.astype(dtype)


def _lock_factors(parts: list[Saved], V: int) -> np.ndarray | None:
    """Return the lock factors of the words; None if every word learns."""
    for part in parts:
        for name in _LOCKS:
            with contextlib.suppress(FileNotFoundError, ValueError):
                factors = part.array(name)
                if factors is None or factors.shape not in ((1,), (V,)):
                    continue
                if factors.dtype.kind == "f" and np.isfinite(factors).all() and factors.min() >= 0:
                    return None if (factors == 1).all() else factors.astype(np.float32)
    return None
