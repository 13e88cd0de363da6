"""Fixtures of all tests: dtypes, numbers of parts, seeds."""

import os
import signal

import numpy as np
import pytest
from hypothesis import settings

from fastw2v._core import threads as _threads

# No test is timed: the machine may have other work to do.
settings.register_profile("untimed", parent=settings.default, deadline=None)
settings.load_profile("untimed")

# A shell starts its background jobs with Ctrl-C ignored, and they hand that on to their children.
# Tests of Ctrl-C need what a program in the foreground has.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist reads the options
def pytest_cmdline_main(config):
    """A run of all tests uses every core if pytest-xdist is installed.

    A run of named files or tests stays in one process, which starts sooner.
    """
    if hasattr(config, "workerinput"):  # a worker, which must not start workers of its own
        return
    all_tests = config.args_source is config.ArgsSource.TESTPATHS
    if all_tests and getattr(config.option, "numprocesses", 0) is None:
        config.option.numprocesses = "auto"
        config.option.dist = "worksteal"
        # Threads that wait sleep instead of spinning, as another process needs the core.
        os.environ.setdefault("OMP_WAIT_POLICY", "passive")


# Sizes in tests split into that many parts, whatever machine they run on.
N_PARTS = (1, 2, 3, 7)


@pytest.fixture(autouse=True)
def same_global_stream():
    """Code without rng= draws from numpy's global stream: the same draws in any order of tests."""
    np.random.seed(20240229)


@pytest.fixture(params=[np.float32, np.float64], ids=["f4", "f8"])
def dtype(request):
    return np.dtype(request.param)


@pytest.fixture(params=[np.int32, np.int64], ids=["i4", "i8"])
def index_dtype(request):
    return np.dtype(request.param)


@pytest.fixture
def rng():
    return np.random.default_rng(20240229)


@pytest.fixture
def all_parts():
    """Every call is cut, however small: run(n) sets the number of parts."""
    threads = _threads.get_num_threads()
    before = _threads.serial_below(0)
    yield _threads.set_num_threads
    _threads.serial_below(before)
    _threads.set_num_threads(threads)


def assert_same_bits(actual, expected):
    """Equal to the last bit, NaN payloads and the sign of zero included."""
    actual, expected = np.asarray(actual), np.asarray(expected)
    assert actual.dtype == expected.dtype and actual.shape == expected.shape
    assert actual.tobytes() == expected.tobytes()
