"""State that a user changed is refused by name before a kernel reads it, or acts."""

import copy
import pickle
import threading

import numpy as np
import pytest
from conftest import assert_same_bits
from corpora import FAST, SENTENCES, planted

from fastw2v._checks.arrays import as_search_table
from fastw2v.keyed_vectors import KeyedVectors
from fastw2v.word2vec import (
    CallbackAny2Vec,
    EncodedCorpus,
    LineSentence,
    PathLineSentences,
    Text8Corpus,
    Word2Vec,
    count_words,
    engine,
    train_ids,
)
from fastw2v.word2vec.corpus import as_encoded_ids
from fastw2v.word2vec.settings import SETTINGS

ERRORS = (ValueError, TypeError, IndexError)


def trained(**options):
    return Word2Vec(SENTENCES * 5, **FAST | {"workers": 1} | options)


def refuses(model, message, *calls, errors=ERRORS):
    """Check that calls raise an error with this message, and leave the vectors as they were."""
    table = model.wv.vectors
    before = np.array(table)
    for call in calls:
        with pytest.raises(errors, match=message):
            call(model)
    assert_same_bits(np.array(model.wv.vectors), before)


def train(model):
    model.train(SENTENCES, epochs=1)


def train_again(model):
    model.train()


def update(model):
    model.build_vocab([["new", "words"]] * 3, update=True)


def held_out(model):
    model.held_out_loss(SENTENCES)


def some_ids(model):
    train_ids(model, [0, 1, -1])


def predict(model):
    model.predict_output_word(["you", "say"])


# --- words, map, tables, counts ------------------------------------------------------------------


def shift(rows, by):
    rows.update({word: row + by for word, row in rows.items()})


MAPS = {
    "beyond the table": lambda kv: kv.key_to_index.update(you=10**9),
    "beyond int32": lambda kv: kv.key_to_index.update(you=2**40),
    "one too high": lambda kv: shift(kv.key_to_index, 1),
    "one too low": lambda kv: shift(kv.key_to_index, -1),
    "another word's": lambda kv: kv.key_to_index.update(you=kv.key_to_index["say"]),
    "no number": lambda kv: kv.key_to_index.update(you="first"),
    "a fraction": lambda kv: kv.key_to_index.update(you=0.5),
    "None": lambda kv: setattr(kv, "key_to_index", None),
    "a word less": lambda kv: kv.key_to_index.pop("you"),
    "a word more": lambda kv: kv.key_to_index.update(new=0),
    "words exchanged": lambda kv: kv.index_to_key.reverse(),
    "a word appended": lambda kv: kv.index_to_key.append("new"),
    "a word removed": lambda kv: kv.index_to_key.pop(),
    "a word that is a list": lambda kv: kv.index_to_key.__setitem__(0, []),
}


@pytest.mark.parametrize("change", MAPS.values(), ids=MAPS)
def test_a_map_that_does_not_fit_is_refused(change, tmp_path):
    model = trained()
    change(model.wv)
    calls = (train, train_again, update, held_out, some_ids, predict)
    refuses(model, "key_to_index|index_to_key", *calls, lambda m: m.save(tmp_path / "m"))
    assert list(tmp_path.iterdir()) == []


COUNTS = {
    "a word appended": lambda m: m.wv.index_to_key.append("new"),
    "a word removed": lambda m: m.wv.index_to_key.pop(),
    "too few": lambda m: m.wv.expandos.update(count=np.ones(3)),
    "of two dimensions": lambda m: m.wv.expandos.update(count=np.ones((len(m.wv), 1))),
    "none": lambda m: m.wv.expandos.pop("count"),
    "a list": lambda m: m.wv.expandos.update(count=[1] * len(m.wv)),
    "texts": lambda m: m.wv.expandos.update(count=m.wv.expandos["count"].astype(str)),
    "NaN": lambda m: m.wv.expandos.update(count=np.full(len(m.wv), np.nan)),
    "negative": lambda m: m.wv.expandos["count"].__setitem__(0, -1),
    "all 0": lambda m: m.wv.expandos["count"].fill(0),
    "0 under a negative power": lambda m: (
        m.wv.expandos["count"].__setitem__(0, 0),
        setattr(m, "ns_exponent", -1.0),
    ),
}


@pytest.mark.parametrize("change", COUNTS.values(), ids=COUNTS)
def test_shares_of_counts_that_do_not_fit_are_refused(change):
    model = trained()
    change(model)
    refuses(model, "count|ns_exponent", lambda m: m.cum_table)


def test_a_model_without_words_has_no_shares():
    assert len(Word2Vec().cum_table) == 0


def test_a_map_in_another_order_or_of_numpys_numbers_is_the_same_map():
    model, other = trained(), trained()
    rows = reversed(other.wv.key_to_index.items())
    other.wv.key_to_index = {word: np.int64(row) for word, row in rows}
    train(model)
    train(other)
    assert_same_bits(model.wv.vectors, other.wv.vectors)


TABLES = {
    "wider": lambda m: setattr(m.wv, "vectors", np.zeros((len(m.wv), 99), "f4")),
    "reshaped in place": lambda m: setattr(m.wv.vectors, "shape", m.wv.vectors.shape[::-1]),
    "resized in place": lambda m: m.wv.vectors.resize((2, 20), refcheck=False),
    "shorter outputs": lambda m: setattr(m, "syn1neg", m.syn1neg[:3]),
    "longer outputs": lambda m: setattr(m, "syn1neg", np.zeros((50, 20), "f4")),
    "lists": lambda m: setattr(m.wv, "vectors", m.wv.vectors.tolist()),
    "integers": lambda m: setattr(m, "syn1neg", np.zeros((len(m.wv), 20), int)),
    "objects": lambda m: setattr(m.wv, "vectors", m.wv.vectors.astype(object)),
    "no outputs": lambda m: setattr(m, "syn1neg", None),
    "another dimension": lambda m: setattr(m, "vector_size", 19),
}


@pytest.mark.parametrize("change", TABLES.values(), ids=TABLES)
def test_a_table_that_does_not_fit_is_refused(change):
    model = trained()
    change(model)
    calls = (train, train_again, held_out, some_ids, predict)
    refuses(model, "vectors|syn1neg|vector_size", *calls)


@pytest.mark.parametrize("form", [np.float64, np.float16, ">f4", "fortran", "read-only"])
def test_a_table_in_another_form_is_trained(form):
    model, other = trained(), trained()
    for each in (model, other):  # float16 holds these numbers, too
        each.wv.vectors = each.wv.vectors.astype(np.float16).astype(np.float32)
    if form == "fortran":
        other.wv.vectors = np.asfortranarray(other.wv.vectors)
    elif form == "read-only":
        other.wv.vectors.setflags(write=False)
    else:
        other.wv.vectors = other.wv.vectors.astype(form)
    train(model)
    train(other)
    assert_same_bits(model.wv.vectors, other.wv.vectors)


COUNTS = {
    "nan": np.nan,
    "infinite": np.inf,
    "negative": -1.0,
    "beyond float64's whole numbers": 1e300,
}


@pytest.mark.parametrize("count", COUNTS.values(), ids=COUNTS)
@pytest.mark.parametrize("hs", [0, 1])
def test_a_count_that_is_none_is_refused(count, hs):
    model = trained(hs=hs)
    counts = model.wv.expandos["count"].astype(float)
    counts[3] = count
    model.wv.expandos["count"] = counts
    refuses(model, "count: expected numbers from 0", train, update, held_out, some_ids)


@pytest.mark.parametrize(
    "counts", [None, 5, "many", [1] * 8, np.ones(3), np.ones((8, 1)), np.array(["1"] * 8)]
)
def test_counts_of_another_form_are_refused(counts):
    model = trained()
    model.wv.expandos["count"] = counts
    refuses(model, "count", train, held_out, some_ids)


def test_counts_of_0_have_no_negative_power():
    model = trained()
    model.wv.set_vecattr("you", "count", 0)
    train(model)
    assert np.isfinite(model.wv.vectors).all()
    model.ns_exponent = -0.75
    refuses(model, "ns_exponent.*'you' has", train, held_out, some_ids)
    model.wv.expandos["count"][:] = 0
    refuses(model, "for some word", train, held_out)


def test_an_alias_table_of_powers_that_leave_the_range_is_refused():
    for counts, exponent in (([0, 0], 10), ([1e-300, 1], -10), ([np.nan, 1], 1), ([np.inf, 1], 1)):
        with pytest.raises(ValueError, match="ns_exponent"), np.errstate(all="ignore"):
            engine.alias_table(np.array(counts), exponent)


# --- objects exchanged between models -------------------------------------------------------------


def test_the_text_belongs_to_the_words_that_it_was_encoded_for():
    for words in (["sun", "moon"], [f"w{i}" for i in range(8)], [f"w{i}" for i in range(500)]):
        model = trained()
        other = Word2Vec([words] * 9, **FAST)
        assert len(model.wv) == 8
        model.wv, model.syn1neg = other.wv, other.syn1neg
        refuses(model, "pass the text again", train_again)
        model.train([words], epochs=1)
        assert model.train(epochs=1)[1] == len(words)


def test_shared_words_and_an_equal_copy_are_trained():
    model, other = trained(), trained()
    other.wv = copy.deepcopy(model.wv)
    other.train(epochs=1)
    model.train(epochs=1)
    assert_same_bits(model.wv.vectors, other.wv.vectors)
    model.wv = other.wv
    model.train(epochs=1)
    assert other.wv.vectors is model.wv.vectors


@pytest.mark.parametrize("thing", [None, {}, np.zeros(3), "vectors"])
def test_wv_is_keyed_vectors(thing):
    model = trained()
    refuses(model, "wv: expected KeyedVectors", lambda m: setattr(m, "wv", thing))


# --- settings -------------------------------------------------------------------------------------

LIMITS = {
    "negative": [2**62, -1, 10**6, 1001, 0.5, "5", None],
    "epochs": [0, -3, 1.5, "x", 2**40],
    "sample": [-1, float("nan"), float("inf"), "x"],
    "alpha": [-0.1, float("nan"), 1e300, None],
    "min_alpha": [-1, float("inf")],
    "window": [0, -5, 2**31, 1.5],
    "workers": [0, -1, 10**6, 1.5, "two"],
    "ns_exponent": [float("nan"), 11, "x"],
    "vector_size": [0, -1, 10**9],
    "seed": [-1, 2**63, "x"],
    "min_count": [-1, 0.5],
    "cbow_grad": ["other", None, []],
    "shrink_windows": ["yes", np.zeros(2)],
    "deterministic": [{}],
    "train_count": [-1, 0.5],
    "corpus_total_words": ["many"],
}


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name, values in LIMITS.items() for value in values]
)
def test_a_setting_keeps_its_limits_when_it_changes(name, value, tmp_path):
    model = trained()
    setattr(model, name, value)
    calls = (train, train_again, update, held_out, some_ids, predict)
    refuses(model, name, *calls, lambda m: m.save(tmp_path / "m"))
    if name in SETTINGS and not (name == "alpha" and value is None):
        with pytest.raises(ERRORS, match=name):
            Word2Vec(SENTENCES, **FAST | {name: value})


def test_settings_of_numpy_are_converted(tmp_path):
    model = trained()
    model.alpha, model.window, model.sg = np.float32(0.5), np.int8(3), True
    train(model)
    model.save(tmp_path / "m")
    assert Word2Vec.load(tmp_path / "m").alpha == 0.5
    assert (type(model.alpha), type(model.window), type(model.sg)) == (float, int, int)


def test_workers_of_functions_have_the_limit_of_the_setting():
    for workers in (10**6, 0, 1.5):
        with pytest.raises(ERRORS, match="workers"):
            count_words(SENTENCES, workers=workers)


def test_a_window_that_takes_long_is_announced():
    text = [[f"w{i % 50}" for i in range(3000)]]
    model = Word2Vec(min_count=1, vector_size=1, window=10**6, negative=1, workers=1, epochs=1)
    model.build_vocab(text)
    with pytest.warns(RuntimeWarning, match="window: 1000000 .* 3000 words.* up to 2999 others"):
        model.train(callbacks=[Calls(on_train_begin=lambda model: True)])
    model.train([text[0][:900]] * 3, callbacks=[Calls(on_train_begin=lambda model: True)])


def test_long_work_of_a_word_makes_short_blocks():
    usual = engine.block_size(10**6)
    assert usual == engine.block_size(10**6, 1000, 5) == engine.BLOCK
    assert engine.block_size(10**6, 5, 1000) < usual // 50
    assert engine.block_size(10**9, 10**6, 5) == 13
    assert engine.block_size(10**9, 2**31, 1000) == 1


# --- texts ----------------------------------------------------------------------------------------


def test_ids_that_change_after_their_check_are_noticed_where_they_are_used():
    ids = np.tile(np.array([0, 1, 2, 3, -1], np.int32), 200)
    for kind in ({}, {"sg": 1}, {"deterministic": True, "workers": 2}, {"hs": 1, "sample": 0.1}):
        for wrong in (10**9, 8, -2, -(2**31)):
            model, text = trained(**kind), EncodedCorpus(ids.copy(), 800, 800, 200)
            spoil = Calls(on_train_begin=lambda m, t=text, w=wrong: t.ids.__setitem__(500, w))
            with pytest.raises(IndexError, match="ids: expected ids from 0 to 7"):
                model.train(text, callbacks=[spoil])
            assert np.isfinite(model.wv.vectors).all()


def test_sentences_that_grow_after_their_check_stay_inside_the_memory_of_windows():
    ids = np.tile(np.array([*range(8), -1], np.int32), 200)
    for kind in ({}, {"sg": 1}, {"deterministic": True, "workers": 2}):
        model = trained(**kind, window=10**6, shrink_windows=False, alpha=1e-5)
        text = EncodedCorpus(ids.copy(), 1600, 1600, 200)

        def grow(model, ids=text.ids):
            ids[ids < 0] = 0

        model.train(text, epochs=1, callbacks=[Calls(on_train_begin=grow)])


def test_a_thread_that_writes_ids_meanwhile_ends_the_training_with_an_error():
    ids = np.tile(np.array([*range(8), -1], np.int32), 3000)
    model, stop = trained(deterministic=True, workers=2), threading.Event()

    def spoil():
        while not stop.is_set():
            ids[::7] = 10**9

    thread = threading.Thread(target=spoil)
    thread.start()
    try:
        with pytest.raises(IndexError, match=r"ids"):
            model.train(EncodedCorpus(ids, len(ids), len(ids), 1), epochs=50)
    finally:
        stop.set()
        thread.join()


@pytest.mark.parametrize("field", ["n_raw_words", "n_sentences"])
@pytest.mark.parametrize("value", [-1, 0.5, None, 2**70])
def test_the_numbers_of_an_encoded_corpus_are_checked(field, value):
    text = EncodedCorpus(np.array([0, 1, -1], np.int32), 2, 2, 1)
    setattr(text, field, value)
    refuses(trained(), field, lambda m: m.train(text))


def test_ids_and_tables_at_odd_addresses_are_copied(tmp_path):
    def misaligned(array):
        memory = np.zeros(array.nbytes + 1, np.uint8)
        there = memory[1:].view(array.dtype).reshape(array.shape)
        there[...] = array
        assert not there.flags.aligned
        return there

    ids = np.array([0, 1, 2, 3, -1] * 9, np.int32)
    assert as_encoded_ids("ids", misaligned(ids), 8).flags.aligned
    model, other = trained(), trained()
    other.wv.vectors, other.syn1neg = misaligned(other.wv.vectors), misaligned(other.syn1neg)
    assert as_search_table("vectors", other.wv.vectors).flags.aligned
    assert other.wv.most_similar("you") == model.wv.most_similar("you")
    assert_same_bits(other.wv.norms, model.wv.norms)
    model.train(EncodedCorpus(ids, 36, 36, 9))
    other.train(EncodedCorpus(misaligned(ids), 36, 36, 9))
    assert_same_bits(other.wv.vectors, model.wv.vectors)


# --- callbacks ------------------------------------------------------------------------------------


class Calls(CallbackAny2Vec):
    """A callback of the given functions."""

    def __init__(self, **methods):
        vars(self).update(methods)


REPLACED = {
    "build_vocab: expected a model that is not in training": update,
    "build_vocab_from_freq": lambda m: m.build_vocab_from_freq({"a": 1, "b": 2}),
    "train: expected a model that is not in training": lambda m: m.train(epochs=1) and None,
    "train_ids": lambda m: train_ids(m, [0, 1]) and None,
    "got another vectors": lambda m: setattr(m.wv, "vectors", m.wv.vectors.copy()),
    "got another syn1neg": lambda m: setattr(m, "syn1neg", m.syn1neg.copy()),
    "got another syn1;": lambda m: setattr(m, "syn1", np.zeros((7, 20), "f4")),
    "got another wv": lambda m: setattr(m, "wv", trained().wv),
    "got another  ?vectors": lambda m: m.wv.add_vector("new", np.ones(20)) and None,
}


@pytest.mark.parametrize("when", ["on_train_begin", "on_epoch_begin", "on_epoch_end"])
@pytest.mark.parametrize(("message", "change"), REPLACED.items())
def test_a_callback_that_replaces_tables_ends_the_training(when, message, change):
    model = trained()
    kept = model.wv
    with pytest.raises(RuntimeError, match=message.replace("  ?", " ")):
        model.train(epochs=3, callbacks=[Calls(**{when: lambda m: change(m)})])
    assert model.epochs_done == (when == "on_epoch_end")
    assert np.isfinite(kept.vectors).all() and kept.vectors.flags.c_contiguous
    model.wv = kept


def test_a_callback_may_write_into_tables_and_query_them(tmp_path):
    model = trained(workers=2, deterministic=True)
    frozen = model.wv.vectors[2].copy()

    def restore(model):
        model.wv.vectors[2] = frozen
        model.save(tmp_path / "m")
        assert np.isfinite(model.held_out_loss(SENTENCES))
        assert model.wv.most_similar("you")
        copy.deepcopy(model).train(SENTENCES, epochs=1)

    model.train(epochs=3, callbacks=[Calls(on_epoch_end=restore)])
    assert_same_bits(model.wv.vectors[2], frozen)
    assert_same_bits(Word2Vec.load(tmp_path / "m").wv.vectors, model.wv.vectors)


def test_two_threads_do_not_train_one_model():
    model, errors = trained(), []

    def second(model):
        def run():
            try:
                model.train(epochs=1)
            except RuntimeError as error:
                errors.append(str(error))

        thread = threading.Thread(target=run)
        thread.start()
        thread.join()

    model.train(epochs=2, callbacks=[Calls(on_epoch_end=second)])
    assert len(errors) == 2 and all("in training" in error for error in errors)
    assert model.epochs_done == 2


# --- accepted means honoured ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda m: m.train(SENTENCES, epoch=50), "'epoch'; did you mean 'epochs'"),
        (lambda m: m.train(sentences=SENTENCES), "'sentences'; did you mean 'corpus_iterable'"),
        (lambda m: m.train(SENTENCES, iter=5), "'iter'; did you mean 'epochs'"),
        (lambda m: m.train(SENTENCES, start_alfa=5), "did you mean 'start_alpha'"),
        (lambda m: m.build_vocab(SENTENCES, updat=True), "did you mean 'update'"),
        (lambda m: m.build_vocab(SENTENCES, xyzzy=1), "'xyzzy'; known are corpus_iterable,"),
        (lambda m: m.save("m", mmap="r"), "mmap"),
        (lambda m: m.wv.save("m", binray=True), "binray"),
        (lambda m: Word2Vec.load("m", limit=5), "limit"),
    ],
)
def test_unknown_keywords_are_refused_by_name(call, message):
    refuses(trained(), message, call, errors=TypeError)


def test_the_running_loss_starts_anew_when_it_is_set_to_0():
    losses = []

    def read(model):
        losses.append(model.get_latest_training_loss())
        assert model.running_training_loss == losses[-1]
        model.running_training_loss = 0.0
        assert model.get_latest_training_loss() == 0

    model = trained()
    model.train(epochs=4, compute_loss=True)
    whole = model.get_latest_training_loss()
    again = trained()
    again.train(epochs=4, compute_loss=True, callbacks=[Calls(on_epoch_end=read)])
    assert min(losses) > 0
    np.testing.assert_allclose(sum(losses), whole)
    for wrong in (5, float("nan"), "x"):
        with pytest.raises(ERRORS, match="running_training_loss"):
            again.running_training_loss = wrong


LOCKED = [
    *[{"sg": sg, "hs": hs, "negative": 5 - 5 * hs} for sg in (0, 1) for hs in (0, 1)],
    *({"deterministic": True, "workers": n} for n in (1, 2, 3)),
    *({"sg": 1, "workers": 3}, {"shared_negatives": True}),
]


@pytest.mark.parametrize("options", LOCKED, ids=str)
def test_lock_factors_keep_vectors(options):
    text = [["you", "say", "goodbye", "and", "i", "say", "hello"]] * 50
    options = {"min_count": 1, "sample": 0, "vector_size": 300, "workers": 1} | options
    model, free = Word2Vec(**options), Word2Vec(**options)
    for each in (model, free):
        each.build_vocab(text)
    first = model.wv.vectors.copy()
    model.wv.vectors_lockf = np.array([0, 1, 0, 0.5, 1, 1], "f4")
    assert model.train(text, epochs=3) == free.train(text, epochs=3)
    moved = np.abs(model.wv.vectors - first).max(axis=1)
    assert (moved[[0, 2]] == 0).all() and (moved[[1, 3, 4, 5]] > 0).all()
    free_moves = np.abs(free.wv.vectors - first).max(axis=1)
    assert 0.1 < moved[3] / free_moves[3] < 0.95
    assert_same_bits(model.wv.vectors_lockf, np.array([0, 1, 0, 0.5, 1, 1], "f4"))


def test_a_factor_of_1_changes_no_bit_and_0_locks_every_word():
    model, other = trained(), trained()
    other.wv.vectors_lockf[:] = 1
    for each in (model, other):
        each.train(SENTENCES)
    assert_same_bits(model.wv.vectors, other.wv.vectors)
    other.wv.vectors_lockf[0] = 0  # of all words, as there is one factor
    before = other.wv.vectors.copy()
    other.train(SENTENCES)
    assert_same_bits(other.wv.vectors, before)


def test_models_of_older_versions_have_a_row_less_in_syn1(tmp_path):
    model, older = trained(hs=1), trained(hs=1)
    older.syn1 = older.syn1[:-1].copy()
    for each in (model, older):
        train(each)
    assert older.syn1.shape == (7, 20)
    assert_same_bits(older.syn1, model.syn1[:-1])
    assert_same_bits(older.wv.vectors, model.wv.vectors)
    older.save(tmp_path / "m")
    again = Word2Vec.load(tmp_path / "m")
    assert_same_bits(again.syn1, older.syn1)
    again.update_weights()
    assert again.syn1.shape == (8, 20) and not again.syn1[7].any()
    model.syn1 = model.syn1[:-2]
    refuses(model, r"syn1: expected shape \(8, 20\), got \(6, 20\)", train)


def test_locked_vectors_do_not_depend_on_the_number_of_workers():
    found = []
    for workers in (1, 2, 3):
        model = trained(deterministic=True, vector_size=20, workers=workers)
        model.wv.vectors_lockf = np.array([0, 1, 0.5, 1, 1, 0, 1, 1])
        model.train(SENTENCES * 30, epochs=3)
        found.append(model.wv.vectors)
    assert_same_bits(found[0], found[1])
    assert_same_bits(found[0], found[2])


def test_a_callback_may_change_a_locked_vector():
    model = trained()
    model.wv.vectors_lockf = np.array([0, 1, 1, 1, 1, 1, 1, 1])

    def write(model):
        model.wv.vectors[0] = 5

    model.train(epochs=3, callbacks=[Calls(on_epoch_end=write)])
    assert (model.wv.vectors[0] == 5).all()


def test_lock_factors_are_checked_and_stay_with_their_words(tmp_path):
    model = trained()
    for wrong in (np.zeros(3), np.full(8, -1.0), np.full(8, np.nan), np.zeros((2, 4)), "x"):
        with pytest.raises(ERRORS, match="vectors_lockf: expected"):
            model.wv.vectors_lockf = wrong
            train(model)
    model.wv.vectors_lockf = np.array([0, 1, 1, 1, 1, 1, 1, 0.25])
    model.save(tmp_path / "m")
    again = Word2Vec.load(tmp_path / "m")
    assert again.wv.vectors_lockf.tolist() == [0, 1, 1, 1, 1, 1, 1, 0.25]
    again.build_vocab([["new", "you"]] * 2, update=True)
    assert again.wv.vectors_lockf.tolist() == [0, 1, 1, 1, 1, 1, 1, 0.25, 1]
    again.wv.add_vector("another", np.ones(20))
    assert again.wv.vectors_lockf.tolist()[7:] == [0.25, 1, 1]
    again.build_vocab(SENTENCES)
    assert again.wv.vectors_lockf.tolist() == [1]
    model.wv.vectors_lockf = 1
    model.wv.save(tmp_path / "v")
    assert "vectors_lockf" not in vars(KeyedVectors.load(tmp_path / "v"))


@pytest.mark.parametrize("reader", [LineSentence, PathLineSentences, Text8Corpus])
def test_long_sentences_are_cut_where_asked(tmp_path, reader):
    (tmp_path / "text").write_text("a b c d e\nf g\n")
    source = tmp_path if reader is PathLineSentences else tmp_path / "text"
    whole = [list("abcdefg")] if reader is Text8Corpus else [list("abcde"), list("fg")]
    assert list(reader(source)) == whole
    cut = list(reader(source, max_sentence_length=3))
    assert cut == [s[at : at + 3] for s in whole for at in range(0, len(s), 3)]
    model = Word2Vec(reader(source, max_sentence_length=3), min_count=1, vector_size=4)
    assert model.corpus_count == len(cut)
    with pytest.raises(ERRORS, match="max_sentence_length"):
        reader(source, max_sentence_length=0)


class Mine(Word2Vec):
    """A subclass with other arguments and attributes of its own."""

    def __init__(self, language, sentences):
        self.language = language
        self._table = np.arange(4)
        super().__init__(sentences, **FAST)


def test_attributes_of_users_and_subclasses_are_saved(tmp_path):
    model = Mine("en", SENTENCES * 3)
    model.notes = {"a": [1, 2.5, None, "ü"]}
    model.wv.source = "wiki"
    model.save(tmp_path / "m")
    again = Mine.load(tmp_path / "m")
    assert type(again) is Mine
    assert (again.language, again.notes, again.wv.source) == ("en", model.notes, "wiki")
    assert_same_bits(again._table, model._table)
    again.train(SENTENCES, epochs=1)
    with pytest.warns(UserWarning, match="class Mine.*Mine.load"):
        assert Word2Vec.load(tmp_path / "m").language == "en"
    assert KeyedVectors.load(tmp_path / "m").source == "wiki"
    model.wv.save(tmp_path / "v")
    assert KeyedVectors.load(tmp_path / "v").source == "wiki"


class Vectors(KeyedVectors):
    """A subclass with other arguments."""

    def __init__(self, name):
        super().__init__(3)
        self.name = name


def test_a_subclass_of_vectors_is_saved(tmp_path):
    vectors = Vectors("mine")
    vectors.add_vectors(["a", "b"], np.eye(3)[:2])
    vectors.save(tmp_path / "v")
    again = Vectors.load(tmp_path / "v")
    assert (type(again), again.name, again.index_to_key) == (Vectors, "mine", ["a", "b"])
    with pytest.warns(UserWarning, match="class Vectors") as seen:
        KeyedVectors.load(tmp_path / "v")
    assert [warning.filename for warning in seen] == [__file__]


@pytest.mark.parametrize("value", [object(), {1: 2}, (1, 2), np.array(["x"]), np.float32(1), {1}])
def test_an_attribute_that_a_file_cannot_hold_is_refused_by_name(tmp_path, value):
    model = trained()
    model.mine = model.wv.ours = value
    refuses(model, r"wv\.ours", lambda m: m.save(tmp_path / "m"), lambda m: m.wv.save("v"))
    del model.wv.ours
    refuses(model, r"model\.mine", lambda m: m.save(tmp_path / "m"))
    assert list(tmp_path.iterdir()) == []
    model.save(tmp_path / "m", ignore=["mine"])
    assert not hasattr(Word2Vec.load(tmp_path / "m"), "mine")


def test_a_method_is_not_hidden_by_a_saved_attribute(tmp_path):
    model = trained()
    model.train = 5
    refuses(model, r"model\.train: expected a name that no method has", lambda m: m.save("m"))


def test_attributes_of_words_stay_across_save_and_update(tmp_path):
    model = trained()
    for row, word in enumerate(model.wv.index_to_key):
        model.wv.set_vecattr(word, "rank", row + 0.5)
    model.wv.note = "kept"
    model.save(tmp_path / "m")
    again = Word2Vec.load(tmp_path / "m")
    assert_same_bits(again.wv.expandos["rank"], model.wv.expandos["rank"])
    again.build_vocab([["you", "new"]] * 2, update=True)
    assert again.wv.get_vecattr("you", "rank") == model.wv.get_vecattr("you", "rank")
    assert again.wv.get_vecattr("new", "rank") == 0
    assert again.wv.note == "kept"
    assert again.wv.get_vecattr("you", "count") == model.wv.get_vecattr("you", "count") + 2


def test_words_that_were_added_are_saved_and_get_outputs_by_an_update(tmp_path):
    model = trained(hs=1)
    model.wv.add_vector("added", np.ones(20))
    refuses(model, "syn1neg: expected shape .* build_vocab.*update=True", train)
    model.save(tmp_path / "m")
    again = Word2Vec.load(tmp_path / "m")
    assert again.wv.index_to_key == model.wv.index_to_key
    again.build_vocab([["added", "you"]] * 2, update=True)
    assert again.syn1neg.shape == again.wv.vectors.shape
    assert_same_bits(again.wv["added"], np.ones(20, "f4"))
    train(again)


def test_a_model_can_be_mapped(tmp_path):
    model = trained()
    model.save(tmp_path / "m")
    mapped = Word2Vec.load(tmp_path / "m", mmap="r")
    assert not mapped.wv.vectors.flags.writeable
    train(mapped)
    train(model)
    assert_same_bits(mapped.wv.vectors, model.wv.vectors)
    with pytest.raises(ValueError, match="mmap: expected"):
        Word2Vec.load(tmp_path / "m", mmap="w")


def test_the_ids_of_a_checkpoint_are_read_or_mapped_by_the_memory_limit(rng, tmp_path):
    for limit, mapped in ((None, False), (10**9, False), (0, True)):
        model = Word2Vec(**FAST, memory_limit=limit)
        sentences = planted(rng, 50)
        model.build_vocab(sentences)
        stop = Calls(on_epoch_end=lambda model: True)
        path = tmp_path / f"run {limit}"
        model.train(checkpoint=path, every=0, callbacks=[stop])
        ids = Word2Vec.load(path)._corpus.ids
        assert (ids.base is not None and "mmap" in repr(type(_root(ids)))) is mapped


def _root(array):
    while isinstance(getattr(array, "base", None), np.ndarray | memoryview):
        array = array.base if isinstance(array, np.ndarray) else array.obj
    return getattr(array, "base", array)


def test_copies_of_a_model_in_training_can_be_trained():
    copies = []
    model = trained()
    model.train(
        epochs=1,
        callbacks=[Calls(on_epoch_end=lambda m: copies.append(pickle.loads(pickle.dumps(m))))],
    )
    copies[0].train(SENTENCES, epochs=1)
