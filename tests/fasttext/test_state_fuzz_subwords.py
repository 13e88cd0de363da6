"""Public state of vectors with n-grams, and of models that train them, changed at random."""

import pytest
from state_fuzz import fuzz_in_child
from state_subwords import TARGETS


@pytest.mark.parametrize("name", TARGETS)
def test_any_state_gives_an_error_that_says_why_or_a_right_answer(name):
    assert "rounds" in fuzz_in_child("state_subwords", name)
