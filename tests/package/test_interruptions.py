"""Ctrl-C ends a long call, and a file is whole whenever its writer is killed."""

import os

import numpy as np
import pytest
from interruptions import LONG_CALLS, SAVERS, interrupt, killed_while_saving

from fastw2v._core import threads

forks = pytest.mark.skipif(not hasattr(os, "fork"), reason="this platform cannot fork")
# Those that need hundreds of megabytes or a second to begin are for tools/interrupt.py.
QUICK = (
    "fit of CBOW",
    "fit of Rnnlm",
    "fit of a regressor",
    "text_model.train",
    "drawing",
    "Word2Vec",
)


@pytest.fixture(autouse=True)
def same_threads(monkeypatch):
    monkeypatch.setattr(threads, "_num_threads", threads.get_num_threads())


@forks
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of forks beside threads
@pytest.mark.parametrize("name", QUICK)
def test_ctrl_c_ends_a_long_call(name, tmp_path):
    assert name in LONG_CALLS
    how, _ = interrupt(name, tmp_path, after=0.05)
    assert how == b"I"


@forks
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("name", SAVERS)
def test_a_file_is_the_old_or_the_new_one(name, tmp_path):
    rng = np.random.default_rng(sum(map(ord, name)))
    found = [killed_while_saving(name, tmp_path, rng) for _ in range(6)]
    assert set(found) <= {1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0}
    assert os.listdir(tmp_path) == [SAVERS[name][0]]
