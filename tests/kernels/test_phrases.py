"""Runs of words counted and found, against dicts of tuples."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastw2v._kernels import _phrases
from fastw2v.phrases.counting import first_words, tokens, with_beginnings
from fastw2v.phrases.joining import made_finder
from fastw2v.reference.phrases import count_runs, join

V = 6
TEXTS = st.lists(st.lists(st.integers(0, V - 1), max_size=12), max_size=12)
CONNECTORS = st.sets(st.integers(0, V - 1), max_size=3)


def tables(max_nodes):
    slots = np.full(1 << (2 * max_nodes - 1).bit_length(), -1, np.int32)
    nodes, counts = np.zeros((max_nodes, 2), np.int32), np.zeros(max_nodes, np.int64)
    state = np.array([0, 0, _phrases.NOTHING], np.int64)
    return np.zeros(V, np.int64), slots, nodes, counts, state


def as_ids(text):
    return np.array([v for sentence in text for v in (*sentence, _phrases.END)], np.int32)


def flags(connectors):
    return np.isin(np.arange(V), list(connectors)).astype(np.uint8)


def runs_of(nodes, counts, n):
    words = [str(v) for v in range(V)]
    live = np.flatnonzero(counts[:n]).tolist()
    return dict(zip(tokens(words, nodes[:n], live), counts[live].tolist(), strict=True))


@given(TEXTS, CONNECTORS)
def test_counts(text, connectors):
    words, slots, nodes, counts, state = tables(512)
    ids = as_ids(text)
    taken = _phrases.count(words, slots, nodes, counts, state, ids, flags(connectors), 10**9)
    assert taken == len(ids)
    as_text = [[str(v) for v in sentence] for sentence in text]
    singles, runs = count_runs(as_text, {str(v) for v in connectors})
    assert {str(v): n for v, n in enumerate(words.tolist()) if n} == singles
    n = state[_phrases.N_NODES]
    found = runs_of(nodes, counts, n)
    assert found == runs and list(found) == list(runs)
    assert state[_phrases.N_LIVE] == len(singles) + len(runs)
    assert first_words(nodes[:n]).tolist() == [
        int(run[0]) for run in tokens([str(v) for v in range(V)], nodes, list(range(n)))
    ]


@given(TEXTS, CONNECTORS, st.integers(1, 4))
def test_counting_stops_for_more_room_anywhere_and_is_taken_up_again(text, connectors, room):
    ids, chosen = as_ids(text), flags(connectors)
    words, slots, nodes, counts, state = tables(512)
    _phrases.count(words, slots, nodes, counts, state, ids, chosen, 10**9)
    again, _, more, more_counts, more_state = tables(512)
    at = n = 0
    while at < len(ids):
        n = min(n + room, 512)
        _, more_slots, _, _, _ = tables(n)
        _phrases.place(more_slots, more[: more_state[0]])
        at += _phrases.count(
            *(again, more_slots, more[:n], more_counts[:n], more_state),
            *(ids[at:], chosen, 10**9),
        )
    assert (again == words).all() and (more == nodes).all() and (more_counts == counts).all()
    assert more_state.tolist() == state.tolist()


def test_it_stops_behind_a_sentence_with_too_many_words_and_runs():
    words, slots, nodes, counts, state = tables(64)
    ids = as_ids([[0, 1], [2], [3, 4, 5], [0]])
    arguments = words, slots, nodes, counts, state
    assert _phrases.count(*arguments, ids, flags(()), 4) == 9
    assert state.tolist() == [3, 9, _phrases.NOTHING]


def test_beginnings_of_chosen_nodes_are_kept():
    nodes = np.array([(0, 1), (~0, 2), (~1, 3), (4, 5), (~3, 0)], np.int32)
    chosen = np.array([False, False, True, False, False])
    assert with_beginnings(nodes, chosen).tolist() == [True, True, True, False, False]


def test_arrays_that_do_not_fit_are_refused():
    words, slots, nodes, counts, state = tables(8)
    ids, chosen = as_ids([[0, 1]]), flags(())
    right = [words, slots, nodes, counts, state, ids, chosen]
    for place, wrong in [
        *((1, slots[:-1]), (1, slots[:8]), (1, slots[:0]), (2, nodes[:-1]), (3, counts[:-1])),
        *((4, state[:2]), (6, chosen[:-1]), (4, np.array([9, 0, 0])), (4, np.array([-1, 0, 0]))),
    ]:
        given = [*right[:place], wrong, *right[place + 1 :]]
        with pytest.raises(ValueError, match="count: expected arrays that fit"):
            _phrases.count(*given, 100)
    with pytest.raises(ValueError, match="place: expected arrays that fit"):
        _phrases.place(slots[:8], nodes)
    with pytest.raises(ValueError, match="Finder: expected arrays that fit"):
        _phrases.Finder({"a": 0}, chosen, nodes, slots, [None] * 8, [0.0] * 8)


@given(TEXTS, CONNECTORS, st.data())
def test_finder(text, connectors, data):
    text = [[str(v) for v in sentence] for sentence in text]
    inside = {str(v) for v in connectors}
    runs = list(count_runs(text, inside)[1])
    chosen = data.draw(st.lists(st.sampled_from(runs), unique=True)) if runs else []
    scores = {run: float(i) for i, run in enumerate(chosen)}
    finder = made_finder(scores, frozenset(inside), "+")
    for sentence in text:
        expected = join(sentence, scores, inside, "+")
        assert finder.analyze(sentence) == expected
        assert finder.join(sentence) == [word for word, _ in expected]
