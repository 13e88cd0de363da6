"""Targets of state_fuzz.py: `FastTextKeyedVectors` and `FastText`, with their own methods."""

from __future__ import annotations

import copy
import os
import pickle
import random
import tempfile
from typing import Any

import numpy as np
from state_fuzz import ERRORS, Target
from state_word2vec import (
    LONG,
    SHORT,
    Stop,
    attributes,
    check_found,
    compare,
    evaluate,
    expect,
    look_up,
    search,
    text,
)

from fastw2v.fasttext import FastText, FastTextKeyedVectors, NgramRows
from fastw2v.reference import subwords as reference

UNSEEN = ("yous", "goodby", "sunmoon", "日本", "x", "")


def _vectors(rng: random.Random, words: list[str], D: int) -> FastTextKeyedVectors:
    bucket = rng.choice((0, 1, 40))
    table: Any = np.random.standard_normal((bucket, D)).astype("f4")
    more: dict[str, Any] = {}
    kind = rng.randrange(3)
    if kind == 0 and bucket > 1:
        used = sorted(rng.sample(range(bucket), 9))
        table = NgramRows(bucket, D, used, table[:9], seed=rng.randrange(9))
    elif kind == 1 and bucket > 1:
        kept = sorted(rng.sample(range(bucket), 20))
        table, more = table[:20], {"bucket": bucket, "kept_buckets": kept}
    own = np.random.standard_normal((len(words), D)).astype("f4")
    made = FastTextKeyedVectors.from_parts(words, own, table, 2, rng.choice((3, 5)), **more)
    made.line_end = rng.choice((None, "you"))
    if rng.random() < 0.7:
        made.expandos["count"] = np.arange(len(words), 0, -1)
    return made


def make_vectors(rng: random.Random) -> dict[str, Any]:
    unique = list(dict.fromkeys(LONG))
    return {"kv": _vectors(rng, unique, rng.choice((4, 8))), "other": _vectors(rng, unique[:6], 4)}


def make_models(rng: random.Random) -> dict[str, Any]:
    models: dict[str, Any] = {}
    for name, words in (("model", LONG), ("other", SHORT)):
        kind = rng.choice(({}, {"sg": 1}, {"hs": 1, "negative": 0}, {"deterministic": True}))
        models[name] = FastText(
            text(rng, words),
            **kind,
            vector_size=rng.choice((3, 8)),
            min_count=1,
            epochs=1,
            workers=rng.choice((1, 2)),
            bucket=rng.choice((0, 30)),
            max_n=4,
        )
    return models


def vectors_of(objects: dict[str, Any], rng: random.Random) -> Any:
    thing = objects[rng.choice(list(objects))]
    return thing.wv if isinstance(thing, FastText) else thing


def plain_vector(kv: Any, word: str) -> np.ndarray:
    """Return the vector of an unseen word by the plain twin."""
    buckets = reference.buckets(word, kv.min_n, kv.max_n, kv.bucket) if kv.bucket else []
    if word == kv.line_end:
        buckets = []
    if kv.kept_buckets is not None:
        places = {bucket: row for row, bucket in enumerate(kv.kept_buckets.tolist())}
        buckets = [places[bucket] for bucket in buckets if bucket in places]
    if not len(buckets):
        return np.zeros(kv.vector_size)
    return np.asarray(kv.vectors_ngrams, np.float64)[np.asarray(buckets)].mean(axis=0)


# ---- calls


def compose(objects: dict[str, Any], rng: random.Random) -> None:
    kv, word = vectors_of(objects, rng), rng.choice(UNSEEN)
    found = kv[word]
    right = plain_vector(kv, word)
    if word not in kv.index_to_key and np.isfinite(right).all() and (np.abs(right) < 1e30).all():
        expect(np.allclose(found, right, rtol=1e-3, atol=1e-5), f"the vector of {word!r}")
    if word in kv:
        check_found(kv, word, kv.most_similar(word, topn=3))
    expect(len(kv[[word, rng.choice(SHORT)]]) == 2, "another number of vectors")


def look_up_known(objects: dict[str, Any], rng: random.Random) -> None:
    """Look words up; one that the map has lost is composed, as an unseen one."""
    for thing in objects.values():
        kv = getattr(thing, "wv", thing)
        if set(kv.key_to_index) != set(kv.index_to_key):
            kv[rng.choice(SHORT)]
            return
    look_up(objects, rng)


def parts(objects: dict[str, Any], rng: random.Random) -> None:
    kv, word = vectors_of(objects, rng), rng.choice((*UNSEEN, *SHORT))
    texts, ids = kv.get_subwords(word)
    expect(len(texts) == len(ids), "as many texts as ids")
    n_rows = len(kv) + len(kv.vectors_ngrams)
    expect(all(0 <= one < n_rows for one in ids.tolist()), "a row that is not there")
    for buckets in kv.buckets_word:
        expect((buckets >= 0).all(), "a bucket below 0")


def ask(objects: dict[str, Any], rng: random.Random) -> None:
    kv, (a, b, c) = vectors_of(objects, rng), rng.choices((*UNSEEN, *SHORT), k=3)
    rng.choice(
        (
            lambda: kv.get_sentence_vector(f"{a} {b} {c}"),
            lambda: kv.get_nearest_neighbors(a, 3),
            lambda: kv.get_analogies(a, b, c, 3),
            lambda: kv.vectors_for_all([a, b, c]),
        )
    )()


def adjust(objects: dict[str, Any], rng: random.Random) -> None:
    kv = vectors_of(objects, rng)
    kv.adjust_vectors()
    expect(kv.vectors.shape == (len(kv.index_to_key), kv.vector_size), "another shape")
    if rng.random() < 0.5:
        kv.sort_by_descending_frequency()
    kv.add_vectors(["you"], np.ones((1, kv.vector_size)), replace=True)


def save_and_load(objects: dict[str, Any], rng: random.Random) -> None:
    thing = objects[rng.choice(list(objects))]
    with tempfile.TemporaryDirectory() as folder:
        as_bin = rng.random() < 0.5
        path = os.path.join(folder, "file.bin" if as_bin else "file.fw2v")
        (thing.save_fasttext_format if as_bin else thing.save)(path)
        kv = thing.wv if isinstance(thing, FastText) else thing
        try:
            again = type(kv).load(path, mmap=rng.choice(("c", None)))
        except ERRORS as error:
            raise AssertionError(f"saved, but not opened: {error}") from error
        expect(again.index_to_key == kv.index_to_key, "other words")
        for word in (*SHORT[:2], *UNSEEN[:2]):
            wanted = kv._composed([word], [kv.key_to_index.get(word, -1)])[0]
            alike = not as_bin or kv.line_end in ("</s>", None)
            if alike and (word in again or word in kv.key_to_index):
                got = again._composed([word], [again.key_to_index.get(word, -1)])[0]
                expect(np.array_equal(got, wanted, equal_nan=True), f"another vector of {word!r}")


def copies(objects: dict[str, Any], rng: random.Random) -> None:
    kv = vectors_of(objects, rng)
    again = pickle.loads(pickle.dumps(kv)) if rng.random() < 0.5 else copy.deepcopy(kv)
    expect(again.index_to_key == kv.index_to_key, "other words")
    again.adjust_vectors()
    expect(len(kv.astype("float32")) == len(kv), "another number of words")


def train(objects: dict[str, Any], rng: random.Random) -> None:
    model = objects[rng.choice(list(objects))]
    model.train(text(rng), epochs=2, callbacks=[Stop()])
    expect(len(model.wv.vectors_vocab) == len(model.wv), "another number of rows")
    if rng.random() < 0.3:
        model.build_vocab([["newcomer", "you"]] * 5, update=True)
        expect("newcomer" in model.wv.key_to_index, "a new word that is not there")
        model.train(text(rng), epochs=1)


COMMON = {
    "look_up": look_up_known,
    "search": search,
    "compare": compare,
    "evaluate": evaluate,
    "attributes": attributes,
    "compose": compose,
    "parts": parts,
    "ask": ask,
    "adjust": adjust,
    "save_and_load": save_and_load,
    "copies": copies,
}
TARGETS = {
    "subwords": Target(make_vectors, COMMON),
    "fasttext": Target(make_models, COMMON | {"train": train}),
}
