"""Whole models of fastText (.bin) and of gensim's FastText, which can be trained on.

fastText turns left in its Huffman tree where word2vec.c turns right, so rows of inner nodes have
the opposite sign in its files.
"""

from __future__ import annotations

import functools
import logging
import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from fastw2v._files import fasttext_bin, gensim_pickle
from fastw2v._files.kinds import first_bytes, kind_of
from fastw2v.fasttext import files
from fastw2v.fasttext.vectors import FastTextKeyedVectors
from fastw2v.word2vec import engine, gensim_files
from fastw2v.word2vec.consistency import as_counts, check_model
from fastw2v.word2vec.weights import tree_of

if TYPE_CHECKING:
    from fastw2v.fasttext.model import FastText

Path = str | os.PathLike[str]

_log = logging.getLogger(__name__)

_CBOW, _SKIP_GRAM = 1, 2  # of the argument `model`
_LOSSES = {1: "hs", 2: "ns", 3: "softmax", 4: "ova"}
_EXPONENT = 0.5  # of counts, with which fastText draws negatives
_LOCKS = ("vectors_lockf", "vectors_vocab_lockf", "vectors_ngrams_lockf")


def read_foreign(
    model: FastText, fname: Path, set_up: Callable[..., None], mmap: str | None
) -> bool:
    """Read a model of fastText or of gensim into a model, which `set_up` makes ready.

    Returns False, and has done nothing, for another file.
    """
    kind = kind_of(first_bytes(fname))
    if kind is not None and kind.name == "fasttext":
        _read_bin(model, fname, set_up, mmap)
    elif gensim_pickle.holds_object(fname):
        vectors = FastTextKeyedVectors.load(fname, mmap)
        lengths = {name: getattr(vectors, name) for name in ("min_n", "max_n", "bucket")}
        ready = functools.partial(set_up, **lengths)
        gensim_files.read_model(fname, model, ready, mmap, vectors)
        if "vectors_lockf" in vars(model.wv):
            del model.wv.vectors_lockf
            _log.warning("%s: its lock factors are left out; a FastText has none", fname)
    else:
        return False
    return True


def _read_bin(model: FastText, fname: Path, set_up: Callable[..., None], mmap: str | None) -> None:
    """Read a model of fastText."""
    found = fasttext_bin.read(fname, mmap)
    arguments, V = found.arguments, len(found.words)
    loss = _LOSSES[arguments["loss"]]
    if loss not in ("hs", "ns"):
        raise ValueError(
            f"{fname}: expected a model that was trained with the loss ns or hs, got {loss}, which "
            "FastText does not train; open its vectors with FastTextKeyedVectors.load"
        )
    wv = files.of_fasttext(FastTextKeyedVectors, fname, found)
    if len(found.outputs) != V:
        raise ValueError(
            f"{fname}: the model is damaged ({len(found.outputs)} output rows for {V} words); get "
            "the file again, or open its vectors with FastTextKeyedVectors.load"
        )
    settings = {
        "vector_size": arguments["dim"],
        "window": arguments["ws"],
        "epochs": arguments["epoch"],
        "min_count": arguments["minCount"],
        "negative": arguments["neg"] if loss == "ns" else 0,
        "hs": int(loss == "hs"),
        "sg": int(arguments["model"] == _SKIP_GRAM),
        "sample": arguments["t"],
        "ns_exponent": _EXPONENT,
        "min_n": arguments["minn"],
        "max_n": arguments["maxn"],
        "bucket": arguments["bucket"],
    }
    try:
        set_up(**settings)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"{fname}: its settings are none to train with ({error}); open its vectors with "
            "FastTextKeyedVectors.load"
        ) from error
    outputs = found.outputs if mmap is None else np.array(found.outputs)
    model.wv = wv
    model.corpus_total_words = max(found.n_tokens, 0)
    model.effective_min_count = model.min_count
    if model.hs:
        model.syn1 = np.negative(outputs, out=outputs)
    else:
        model.syn1neg = outputs


def write_bin(
    model: FastText,
    fname: Path,
    lr_update_rate: int,
    labels: Mapping[str, int] | None = None,
    **arguments: Any,
) -> None:
    """See `FastText.save_fasttext_format`.

    labels: those of the text, with their counts. arguments: of fastText, in the place of those that
    the settings of the model tell.
    """
    check_model(model, added=True)
    if model.hs and model.negative:
        raise ValueError(
            f"{fname}: expected a model with one kind of output weights, which fastText has, got "
            "hs=1 and negative > 0; set one of them to 0, or save in the fw2v format"
        )
    if model.hs and not _same_tree(model):
        raise ValueError(
            f"{fname}: expected the Huffman tree that fastText builds of the counts, got another "
            "tree; save in the fw2v format, or the vectors alone with wv.save_fasttext_format"
        )
    outputs = outputs_of(model)
    told = {
        "ws": model.window,
        "epoch": model.epochs,
        "minCount": model.min_count,
        "neg": model.negative or 5,  # which a hierarchy does not use
        "loss": 1 if model.hs else 2,
        "model": _SKIP_GRAM if model.sg else _CBOW,
        "t": model.sample,
        "lrUpdateRate": lr_update_rate,
    }
    files.write_bin(
        *(model.wv, fname, outputs),
        *(model.corpus_total_words, labels),
        **told | arguments,
    )


def outputs_of(model: FastText) -> np.ndarray:
    """Return the output rows (V, D) of a model as fastText has them."""
    rows = model.syn1 if model.hs else model.syn1neg
    if rows is None:  # of a model without words
        return np.zeros((len(model.wv), model.vector_size), np.float32)
    return -rows if model.hs else rows


def _same_tree(model: FastText) -> bool:
    """Tell whether the tree of a model is the one that fastText builds."""
    counts = as_counts(model)
    ours, theirs = tree_of(model, counts), engine.huffman(counts, as_fasttext=True)
    return all(
        np.array_equal(getattr(ours, name), getattr(theirs, name))
        for name in ("points", "codes", "begins")
    )
