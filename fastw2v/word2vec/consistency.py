"""Checks that settings, words, counts and tables of a model still fit together.

All of them are public, and the kernel follows pointers. So each method that trains, reads or saves
the tables calls `check_model` first; it costs one pass over the words, not over the text.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from fastw2v.keyed_vectors.consistency import check_attributes, check_map
from fastw2v.keyed_vectors.locking import factors_of
from fastw2v.word2vec.settings import check_settings

if TYPE_CHECKING:
    from fastw2v.word2vec.preparation import Preparation

_MOST_COUNT = 2**53  # up to which float64 holds every whole number
_CURE = (
    "add words with build_vocab(sentences, update=True), and choose hs and negative before "
    "build_vocab"
)


def check_model(model: Preparation, added: bool = False, compressed: bool = False) -> None:
    """Check settings, words and tables. Raises TypeError or ValueError that names one.

    added: words that `wv.add_vector` has added may be missing in the output tables. compressed: the
    vectors are only read, so they may be `CompressedRows`.
    """
    check_settings(model)
    D, V = model.vector_size, len(model.wv)
    model._check_inputs(compressed)
    check_map(model.wv)
    check_attributes(model.wv)
    factors_of(model.wv, V)
    if model.wv.vector_size != D:
        raise ValueError(
            f"vector_size: expected {model.wv.vector_size}, as of wv, got {D}; restore it, or "
            "train a new model"
        )
    _check_table("syn1neg", model.syn1neg, (V, D) if model.negative else None, added)
    nodes = model.syn1
    # Models of older versions have no row beyond those of the V - 1 inner nodes.
    rows = V - 1 if isinstance(nodes, np.ndarray) and len(nodes) == V - 1 else V
    _check_table("syn1", nodes, (rows, D) if model.hs else None, added)
    as_counts(model)


def _check_table(name: str, table: Any, expected: tuple[int, int] | None, added: bool) -> None:
    if table is not None and not (isinstance(table, np.ndarray) and table.dtype.kind == "f"):
        got = f"dtype {table.dtype}" if isinstance(table, np.ndarray) else type(table).__name__
        raise TypeError(
            f"{name}: expected a floating-point array, got {got}; convert with "
            "np.asarray(..., np.float32)"
        )
    found = None if table is None else table.shape
    if added and expected and found and len(found) == 2:
        expected = min(found[0], expected[0]), expected[1]
    if found != expected:
        raise ValueError(f"{name}: expected shape {expected}, got {found}; {_CURE}")


def as_counts(model: Preparation) -> np.ndarray:
    """Return the counts (V,) of the words, which are finite, not negative, and not all 0."""
    V = len(model.wv)
    counts: Any = model.wv.expandos.get("count")
    if not isinstance(counts, np.ndarray) or counts.shape != (V,) or counts.dtype.kind not in "iuf":
        got = "none" if counts is None else f"{type(counts).__name__} {np.shape(counts)}"
        if isinstance(counts, np.ndarray):
            got = f"{counts.dtype} of shape {counts.shape}"
        raise ValueError(
            f"wv: expected a count for each of its {V} words, got {got}; add words with "
            "build_vocab(sentences, update=True)"
        )
    wrong = np.flatnonzero(~((counts >= 0) & (counts <= _MOST_COUNT)))
    if len(wrong):
        word = model.wv.index_to_key[wrong[0]]
        raise ValueError(
            f"count: expected numbers from 0 to 2**53, got {counts[wrong[0]]} for {word!r}; set it "
            "with wv.set_vecattr(word, 'count', number)"
        )
    if V and not counts.any():
        raise ValueError(
            f"count: expected a count above 0 for some word, got 0 for all {V}; set them with "
            "wv.set_vecattr(word, 'count', number)"
        )
    if model.ns_exponent < 0 and model.negative and V and not counts.all():
        word = model.wv.index_to_key[int(np.argmin(counts))]
        raise ValueError(
            f"ns_exponent: expected 0 or more where a word has the count 0, as {word!r} has, got "
            f"{model.ns_exponent}; leave such words out, or pass 0.75"
        )
    return counts.astype(np.int64 if counts.dtype.kind in "iu" else np.float64)


@contextmanager
def claimed(model: Preparation, what: str) -> Iterator[None]:
    """Keep other methods from replacing the tables of a model that one method works on.

    Raises RuntimeError if such a method is running already: `what` was called by a callback, or by
    another thread.
    """
    claim = object()
    if vars(model).setdefault("_claim", claim) is not claim:
        raise RuntimeError(
            f"{what}: expected a model that is not in training, got one that is; call it after "
            "train has returned, which a callback reaches early by returning True"
        )
    try:
        yield
    finally:
        del vars(model)["_claim"]
