"""Targets of state_fuzz.py: `Word2Vec` models and `KeyedVectors`, with all their public methods."""

from __future__ import annotations

import copy
import os
import pickle
import random
import tempfile
from typing import Any

import numpy as np
from state_fuzz import ERRORS, Target

from fastw2v.datasets import Splitter
from fastw2v.keyed_vectors import KeyedVectors
from fastw2v.word2vec import (
    CallbackAny2Vec,
    EncodedCorpus,
    Word2Vec,
    merge_deltas,
    train_ids,
    weight_delta,
)

WORDS = "you say goodbye and i say hello . sun moon star sky dog cat cow pig".split()
SHORT, LONG = WORDS[:8], WORDS
KINDS: tuple[dict[str, Any], ...] = (
    {},
    {"sg": 1},
    {"hs": 1, "negative": 0},
    {"sg": 1, "hs": 1},
    {"cbow_mean": 0, "shared_negatives": True},
    {"sg": 1, "shared_negatives": True},
    {"deterministic": True},
    {"deterministic": True, "sg": 1},
)


class Stop(CallbackAny2Vec):
    """Ends a training after a few epochs, however many a setting asks for."""

    def __init__(self) -> None:
        self.n = 0

    def on_epoch_end(self, model: Word2Vec) -> bool:
        self.n += 1
        return self.n >= 2


def text(rng: random.Random, words: list[str] = LONG) -> list[list[str]]:
    return [rng.choices(words, k=rng.randint(1, 9)) for _ in range(30)] + [words]


def make_models(rng: random.Random) -> dict[str, Any]:
    models: dict[str, Any] = {}
    for name, words in (("model", LONG), ("other", SHORT)):
        models[name] = Word2Vec(
            text(rng, words),
            **rng.choice(KINDS),
            vector_size=rng.choice((3, 8, 16)),
            min_count=1,
            epochs=1,
            sample=rng.choice((0, 1e-2)),
            workers=rng.choice((1, 2)),
            compute_loss=rng.random() < 0.5,
        )
    return models


def make_vectors(rng: random.Random) -> dict[str, Any]:
    def vectors(words: list[str], D: int) -> KeyedVectors:
        numbers = np.random.standard_normal((len(words), D)).astype(rng.choice(("f4", "f8", "f2")))
        made = KeyedVectors.from_words(words, numbers)
        if rng.random() < 0.7:
            made.expandos["count"] = np.arange(len(words), 0, -1)
        return made

    unique = list(dict.fromkeys(LONG))
    return {"kv": vectors(unique, rng.choice((4, 8))), "other": vectors(unique[:6], 4)}


# ---- right answers


def expect(condition: Any, what: str) -> None:
    if not condition:
        raise AssertionError(what)


def vector_of(kv: Any, word: str) -> np.ndarray | None:
    """Return the vector of a word by `index_to_key` alone; None if the word is not there."""
    at = [row for row, other in enumerate(kv.index_to_key) if other == word]
    return np.array(kv.vectors, np.float64)[at[0]] if len(at) == 1 else None


def cosine(a: np.ndarray, b: np.ndarray) -> float:
    lengths = np.linalg.norm(a) * np.linalg.norm(b)
    return float(a @ b / lengths) if lengths > 0 else 0.0


def check_found(kv: Any, word: str, found: Any) -> None:
    """Check the words of a search and their cosines."""
    given = vector_of(kv, word)
    for other, score in found:
        expect(other in kv.index_to_key, f"{other!r} is no word")
        there = vector_of(kv, other)
        if given is not None and there is not None and (np.abs([given, there]) < 1e15).all():
            right = cosine(given, there)
            expect(abs(score - right) < 0.01, f"cosine {score} of {other!r}, not {right}")


def check_tables_fit(model: Word2Vec) -> None:
    """Check the tables of a model after a training that raised nothing."""
    V, D = len(model.wv.index_to_key), model.vector_size
    expect(model.wv.vectors.shape == (V, D), f"vectors {model.wv.vectors.shape}, not {(V, D)}")
    for name, rows in (("syn1neg", V), ("syn1", V)):
        table = getattr(model, name)
        shapes = [(rows, D), (rows - 1, D)] if name == "syn1" else [(rows, D)]
        expect(table is None or table.shape in shapes, f"{name} of another shape")
    rows = [model.wv.key_to_index[word] for word in model.wv.index_to_key]
    expect(rows == list(range(V)), "a map of other rows was trained")


# ---- calls


def a_model(objects: dict[str, Any], rng: random.Random) -> Word2Vec:
    return objects[rng.choice(["model", "model", "other"])]


def train(objects: dict[str, Any], rng: random.Random) -> None:
    model = a_model(objects, rng)
    arguments: dict[str, Any] = {}
    kind = rng.randrange(4)
    if kind == 0:
        arguments["corpus_iterable"] = text(rng)
    elif kind == 1:
        ids = np.array(rng.choices(range(-1, 8), k=40), np.int32)
        ids[rng.randrange(40)] = rng.choice((-1, -2, 7, 8, 2**31 - 1))
        arguments["corpus_iterable"] = EncodedCorpus(ids, 40, 40, 1)
    if rng.random() < 0.5:
        arguments["epochs"] = 2
    model.train(**arguments, callbacks=[Stop()])
    check_tables_fit(model)


def train_in_callback(objects: dict[str, Any], rng: random.Random) -> None:
    """Change a model in a callback of its own training."""
    model, other = objects["model"], objects["other"]
    kind = rng.randrange(7)

    class Change(Stop):
        def on_epoch_begin(self, model: Word2Vec) -> object:
            if kind == 0:
                model.build_vocab([["new", "words", "you"]] * 9, update=True)
            elif kind == 1:
                model.wv = other.wv
            elif kind == 2:
                model.syn1neg = other.syn1neg
            elif kind == 3:
                model.wv.vectors = model.wv.vectors.copy()
            elif kind == 4:
                model.train()
            elif kind == 5:
                model.wv.add_vector(f"word {len(model.wv)}", np.zeros(model.vector_size))
            else:
                model.negative, model.window, model.workers = 2**40, -1, "x"
            return None

    before = np.array(model.wv.vectors)
    model.train(epochs=2, callbacks=[Change()])
    check_tables_fit(model)
    same = kind == 6 or (kind == 2 and model.syn1neg is other.syn1neg is None)
    expect(same or (before == model.wv.vectors).all(), f"change {kind} was not noticed")


def build_vocab(objects: dict[str, Any], rng: random.Random) -> None:
    model = a_model(objects, rng)
    known = list(model.wv.index_to_key)
    update = rng.random() < 0.6
    sentences = [["new", "words", "you", "say"]] * 9
    if rng.random() < 0.5:
        model.build_vocab(sentences, update=update)
    else:
        model.build_vocab_from_freq({"new": 3, "words": 4, "you": 9, "say": 1}, update=update)
    check_tables_fit(model)
    expect(not update or model.wv.index_to_key[: len(known)] == known, "known words moved")


def prepare(objects: dict[str, Any], rng: random.Random) -> None:
    """Take the steps of `build_vocab` one by one, in any order."""
    model, other = a_model(objects, rng), objects["other"]
    update = rng.random() < 0.5
    sentences = [["new", "words", "you", "say"]] * 9
    kind = rng.randrange(7)
    if kind == 0:
        expect(model.scan_vocab(sentences) == (36, 9), "another number of words")
        expect(model.raw_vocab["you"] == 9, "another count")
        words = list(model.wv.index_to_key)
        report = model.prepare_vocab(update, dry_run=True)
        expect(
            report["retain_total"] <= 36 and words == list(model.wv.index_to_key),
            "a dry run counts",
        )
        model.prepare_vocab(update)
        model.prepare_weights(update)
    elif kind == 1:
        model.init_weights()
        expect(not np.any(0 if model.syn1neg is None else model.syn1neg), "outputs are not 0")
    elif kind == 2:
        model.update_weights()
    elif kind == 3:
        shared = model.wv is other.wv  # by a callback that assigned it
        model.reset_from(other)
        expect(model.wv.index_to_key == other.wv.index_to_key, "other words")
        expect(shared or model.wv is not other.wv, "vectors that two models share")
    elif kind == 4:
        model.add_null_word()
        expect(model.wv.get_vecattr("\0", "count") == 1, "another count")
    elif kind == 5:
        expect(model.estimate_memory()["total"] > 0, "no memory")
        expect(len(model.cum_table) == len(model.wv), "shares of other words")
        model.init_sims(replace=True)
    else:
        model.wv.vectors_lockf = factors = np.random.choice([0, 1], len(model.wv))
        before = np.array(model.wv.vectors)
        model.train(sentences, callbacks=[Stop()])
        kept = factors == 0
        expect(np.array_equal(before[kept], model.wv.vectors[kept]), "a locked vector moved")
        model.wv.vectors_lockf = 1
    if kind != 5:
        check_tables_fit(model)


def score(objects: dict[str, Any], rng: random.Random) -> None:
    found = a_model(objects, rng).score([["you", "say", "i"], ["new"]])
    expect(len(found) == 2 and not (found > 0).any() and found[1] == 0, f"scores {found}")


def held_out_loss(objects: dict[str, Any], rng: random.Random) -> None:
    expect(a_model(objects, rng).held_out_loss(text(rng)) >= 0, "a negative loss")


def predict(objects: dict[str, Any], rng: random.Random) -> None:
    model = a_model(objects, rng)
    found = model.predict_output_word(rng.choices(SHORT, k=3), topn=rng.choice((1, 5, 100)))
    for word, share in found or ():
        expect(word in model.wv.index_to_key, f"{word!r} is no word")
        expect(not share < 0 and not share > 1.001, f"the share {share}")


def save_model(objects: dict[str, Any], rng: random.Random) -> None:
    model = a_model(objects, rng)
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "model.fw2v")
        model.save(path)
        try:
            again = Word2Vec.load(path)
        except ERRORS as error:
            # A file that cannot be opened again would have lost the training; tables of weights
            # that are not finite are refused by the reader.
            table = [t for t in (model.wv.vectors, model.syn1neg, model.syn1) if t is not None]
            finite = all(np.isfinite(t).all() for t in table)
            expect(not finite, f"saved, but not opened: {error}")
            return
    expect(list(again.wv.index_to_key) == list(model.wv.index_to_key), "other words")
    same = np.array_equal(again.wv.vectors, model.wv.vectors, equal_nan=True)
    expect(same, "other vectors")
    expect(again.wv.expandos.keys() == model.wv.expandos.keys(), "other attributes")


def checkpoint(objects: dict[str, Any], rng: random.Random) -> None:
    model = a_model(objects, rng)
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "model.fw2v")
        model.train(text(rng), epochs=3, checkpoint=path, every=0, callbacks=[Stop()])
        again = Word2Vec.resume(path, workers=1)
    check_tables_fit(again)
    expect(again.epochs_done == 3, f"{again.epochs_done} epochs")


def train_some_ids(objects: dict[str, Any], rng: random.Random) -> None:
    model = a_model(objects, rng)
    V = len(model.wv)
    before = [None if t is None else np.array(t) for t in (model.wv.vectors, model.syn1neg)]
    sizes = [V, V, V] if model.hs else [V, V]
    touched = [np.zeros(n, np.uint32) for n in sizes]
    ids = rng.choices(range(-1, 8), k=30)
    train_ids(model, ids, rng.choice((None, 7)), touched=touched, start_alpha=0.1)
    check_tables_fit(model)
    if not model.hs:
        merge_deltas(model, before, [weight_delta(model, before, touched)])


def facts_of(objects: dict[str, Any], rng: random.Random) -> None:
    model = a_model(objects, rng)
    expect(repr(model) and repr(model.wv), "no text")
    model.get_latest_training_loss()
    assert isinstance(model.epoch_losses, list)
    assert 0 <= model.progress <= 1
    expect(model.epochs_done >= 0 and model.words_trained >= 0, "a negative number")
    model.running_training_loss = 0
    expect(model.get_latest_training_loss() == 0, "the loss did not start anew")


def copies(objects: dict[str, Any], rng: random.Random) -> None:
    model = a_model(objects, rng)
    again = pickle.loads(pickle.dumps(model)) if rng.random() < 0.5 else copy.deepcopy(model)
    again.train([["you", "say", "i"]] * 3, callbacks=[Stop()])
    check_tables_fit(again)


def vectors_of(objects: dict[str, Any], rng: random.Random) -> Any:
    thing = objects[rng.choice(list(objects))]
    return getattr(thing, "wv", thing)


def look_up(objects: dict[str, Any], rng: random.Random) -> None:
    kv, word = vectors_of(objects, rng), rng.choice(SHORT)
    vector = kv[word]
    right = vector_of(kv, word)
    if right is not None and np.isfinite(right).all():
        expect(np.array_equal(vector, right), "the vector of another word")
    if vector.size:
        before = np.array(kv.vectors)
        if vector.flags.writeable:
            vector += 1
        expect(np.array_equal(before, kv.vectors, equal_nan=True), "a look-up is the model's row")
    kv.get_vector(word, norm=True)
    kv[[word, rng.choice(SHORT)]]
    expect(kv.get_index(word) in range(len(kv)), "a row that is not there")
    expect(kv.has_index_for(word) and word in kv and repr(kv), "a word that is not there")


def search(objects: dict[str, Any], rng: random.Random) -> None:
    kv, word = vectors_of(objects, rng), rng.choice(SHORT)
    topn = rng.choice((1, 3, 10, 1000))
    kind = rng.randrange(5)
    if kind == 0:
        check_found(kv, word, kv.most_similar(word, topn=topn))
    elif kind == 1:
        for found in kv.most_similar_many([word] * rng.choice((1, 40)), topn=topn):
            check_found(kv, word, found)
    elif kind == 2:
        found = kv.similar_by_vector(np.ones(rng.choice((3, 4, 8, 16))), topn=topn)
        for other, score in found:
            expect(other in kv.index_to_key and not abs(score) > 1.01, f"{other}: {score}")
    elif kind == 3:
        for other, _ in kv.most_similar_cosmul([word], rng.choice(SHORT), topn=topn):
            expect(other in kv.index_to_key, f"{other!r} is no word")
    else:
        answer = kv.most_similar(word, topn=None, clip_start=rng.choice((0, 1, -1)))
        expect(not (np.abs(answer) > 1.01).any(), "cosines beyond 1")


def compare(objects: dict[str, Any], rng: random.Random) -> None:
    kv = vectors_of(objects, rng)
    a, b, c = rng.choices(SHORT, k=3)
    rng.choice(
        (
            lambda: kv.similarity(a, b),
            lambda: kv.distance(a, b),
            lambda: kv.n_similarity([a, b], [c]),
            lambda: kv.distances(a),
            lambda: kv.distances(a, [b, c]),
            lambda: kv.distances(np.ones(4)),
            lambda: kv.get_mean_vector([a, b, np.ones(8)]),
            lambda: kv.most_similar_to_given(a, [b, c]),
            lambda: kv.closer_than(a, b),
            lambda: kv.rank(a, b),
            lambda: kv.rank_by_centrality([a, b, c]),
            lambda: kv.doesnt_match([a, b, c]),
            lambda: kv.norms,
            lambda: kv.get_normed_vectors(),
            lambda: kv.relative_cosine_similarity(a, b),
            lambda: kv.similarity_unseen_docs([a, "none"], [b, c]),
            lambda: kv.vectors_for_all([a, "none", b], copy_vecattrs=True)[b],
        )
    )()


def evaluate(objects: dict[str, Any], rng: random.Random) -> None:
    kv = vectors_of(objects, rng)
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "questions.txt")
        with open(path, "w") as file:
            file.write(": s\nyou say goodbye and\ni say hello you\n")
        score = rng.choice(("most_similar", "most_similar_cosmul"))
        kv.evaluate_word_analogies(path, similarity_function=score)
        with open(path, "w") as file:
            file.write("you\tsay\t1\ni\thello\t2\ngoodbye\tyou\t3\n")
        kv.evaluate_word_pairs(path)


def attributes(objects: dict[str, Any], rng: random.Random) -> None:
    kv, word = vectors_of(objects, rng), rng.choice(SHORT)
    value = rng.choice((1, 2.5, 10**9))
    name = rng.choice(("count", "new"))
    kv.set_vecattr(word, name, value)
    expect(kv.get_vecattr(word, name) == value, "another value")


def add(objects: dict[str, Any], rng: random.Random) -> None:
    kv = vectors_of(objects, rng)
    names = rng.choice((["a new one"], ["you", "and new"], ["you", "say"]))
    D = rng.choice((kv.vector_size, kv.vector_size, 3))
    numbers = np.random.standard_normal((len(names), D)).astype("f4")
    if rng.random() < 0.2:
        kv.add_vector("a new one", numbers[0])
        kv.allocate_vecattrs(["number"], [int])
        expect(kv.get_vecattr("a new one", "number") == 0, "another value")
    kv.add_vectors(names, numbers, replace=True)
    expect(np.allclose(kv[names], numbers, atol=0.01), "other numbers")
    kv["you"] = numbers[0]


def resize(objects: dict[str, Any], rng: random.Random) -> None:
    kv = vectors_of(objects, rng)
    before = np.array(kv.vectors)
    if rng.random() < 0.5 and isinstance(kv.index_to_key, list):
        kv.index_to_key.append(rng.choice(["one more", "you"]))
    kv.resize_vectors(seed=rng.choice((0, 7)))
    n = min(len(before), len(kv))
    expect(np.array_equal(before[:n], kv.vectors[:n], equal_nan=True), "known rows changed")
    expect(kv.get_index(kv.index_to_key[-1]) == kv.next_index - 1, "another row")


def intersect(objects: dict[str, Any], rng: random.Random) -> None:
    kv, word = vectors_of(objects, rng), rng.choice(SHORT)
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "vectors.vec")
        other = KeyedVectors.from_words([word, "none"], np.ones((2, kv.vector_size)))
        other.save_word2vec_format(path)
        n = kv.intersect_word2vec_format(path, lockf=rng.choice((0.0, 1.0)))
    expect(n == (word in kv.key_to_index), f"{n} words")
    expect(not n or (kv[word] == 1).all(), "another vector")
    kv.vectors_lockf = 1


def reorder(objects: dict[str, Any], rng: random.Random) -> None:
    kv = vectors_of(objects, rng)
    word = rng.choice(SHORT)
    before = vector_of(kv, word)
    kv.sort_by_descending_frequency()
    after = vector_of(kv, word)
    if before is not None:
        expect(np.array_equal(before, after, equal_nan=True), "a word has another vector")
    kv.unit_normalize_all()


def save_vectors(objects: dict[str, Any], rng: random.Random) -> None:
    kv = vectors_of(objects, rng)
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "vectors")
        kind = rng.randrange(3)
        if rng.random() < 0.2:
            kv.splitter = rng.choice([None, Splitter(elisions=True), 5, "words"])
        if kind == 0:
            kv.save(path)
        else:
            kv.save_word2vec_format(path, binary=kind == 1)
        try:
            again = KeyedVectors.load(path, mmap=None)
        except ERRORS as error:
            expect(not np.isfinite(kv.vectors).all(), f"saved, but not opened: {error}")
            return
    expect(sorted(again.index_to_key) == sorted(kv.index_to_key), "other words")
    if kind == 0:
        expect(repr(again.splitter) == repr(kv.splitter), "another splitter")
    for word in again.index_to_key[:3]:
        right = np.asarray(vector_of(kv, word), np.float32)
        expect(np.allclose(again[word], right, rtol=1e-3, equal_nan=True), "another vector")


OF_VECTORS = {
    "look_up": look_up,
    "search": search,
    "compare": compare,
    "evaluate": evaluate,
    "attributes": attributes,
    "add": add,
    "resize": resize,
    "intersect": intersect,
    "reorder": reorder,
    "save_vectors": save_vectors,
}
OF_MODELS = {
    "train": train,
    "train_in_callback": train_in_callback,
    "build_vocab": build_vocab,
    "prepare": prepare,
    "score": score,
    "held_out_loss": held_out_loss,
    "predict": predict,
    "save_model": save_model,
    "checkpoint": checkpoint,
    "train_some_ids": train_some_ids,
    "facts_of": facts_of,
    "copies": copies,
}
TARGETS = {
    "model": Target(make_models, OF_MODELS | {"look_up": look_up, "search": search}),
    "vectors": Target(make_vectors, OF_VECTORS),
}
