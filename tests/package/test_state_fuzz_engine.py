"""The engine of the state fuzz finds planted faults, and repeats a round from its seed."""

import random
from collections import Counter

import numpy as np
import pytest
from state_faulty import TARGETS
from state_fuzz import Find, fuzz_in_child, places, play
from state_word2vec import TARGETS as OF_WORD2VEC


@pytest.mark.parametrize("name", ["crash", "wrong", "unlisted"])
def test_a_fault_is_found_and_its_steps_are_shown(name):
    with pytest.raises(AssertionError, match=r"(?s)exit status.*seed \d+\n.*thing.number"):
        fuzz_in_child("state_faulty", name)


def test_a_listed_error_is_no_find():
    assert "refused" in fuzz_in_child("state_faulty", "refused")


def test_a_seed_repeats_its_round():
    def steps_of(seed):
        steps = []
        try:
            play(TARGETS["wrong"], seed, steps.append, Counter())
        except Find:
            steps.append("found")
        return steps

    rounds = [steps_of(seed) for seed in range(200)]
    assert rounds == [steps_of(seed) for seed in range(200)]
    assert 20 < sum("found" in steps for steps in rounds) < 200


def test_all_public_state_is_reached():
    rng = random.Random(1)
    models = OF_WORD2VEC["model"].make(rng)
    found = {place.path for _ in range(20) for place in places(models, rng)}
    assert {"model.negative", "model.wv", "model.wv.vectors", "other.wv.index_to_key"} <= found
    assert "model.wv.key_to_index['you']" in found
    assert "model.wv.expandos['count']" in found
    assert not any("._" in path for path in found)
    assert isinstance(models["model"].wv.vectors, np.ndarray)
