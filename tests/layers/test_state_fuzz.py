"""Layers, optimizers, trainers and models refuse or survive any change of their public state."""

import pytest
from state_fuzz import fuzz_in_child
from state_layers import TARGETS


@pytest.mark.parametrize("target", TARGETS)
def test_no_change_of_public_state_crashes(target):
    assert "answered" in fuzz_in_child("state_layers", target)
