"""Random bits: the plain twin and the compiled kernels against published numbers."""

import numpy as np
import pytest
from conftest import assert_same_bits

from fastw2v._kernels import _sampler
from fastw2v.reference import rng as twin

# The first numbers of SplitMix64 by seed, from its published tests.
SPLITMIX64 = {
    0: [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4, 0x06C45D188009454F, 0xF88BB8A8724C81EC],
    1234567: [6457827717110365317, 3203168211198807973, 9817491932198370423, 4593380528125082431],
}


@pytest.mark.parametrize("seed", SPLITMIX64)
def test_twin_is_splitmix64(seed):
    expected = SPLITMIX64[seed]
    assert [int(twin.draw(seed, k)) for k in range(4)] == expected
    assert twin.draw(seed, np.arange(4)).tolist() == expected


def test_compiled_is_splitmix64():
    # mix(0) = 0, so this key gives row 0 the stream 0 and row n the n-th number as its stream.
    key = (-twin.GOLDEN) % 2**64
    out = np.empty((5, 4), np.uint64)
    _sampler.random_bits(out, key)
    assert out[0].tolist() == SPLITMIX64[0]
    for n in range(1, 5):
        assert out[n].tolist() == [int(twin.draw(SPLITMIX64[0][n - 1], k)) for k in range(4)]


@pytest.mark.parametrize("key", [0, 1, 42, 2**63, 2**64 - 1])
def test_compiled_has_the_bits_of_the_twin(key):
    out = np.empty((37, 19), np.uint64)
    _sampler.random_bits(out, key)
    expected = twin.draw(twin.row_stream(key, np.arange(37))[:, None], np.arange(19))
    assert_same_bits(out, expected)


def test_known_bits():
    # Frozen: a change here changes the samples of every seed.
    out = np.empty((2, 2), np.uint64)
    _sampler.random_bits(out, 20240229)
    assert out.tolist() == [
        [4855017773398574587, 9244264258998068929],
        [11251888724192948407, 6769053341575898681],
    ]


def test_mulhi(rng):
    edges = [0, 1, 2**32 - 1, 2**32, 2**63, 2**64 - 1]
    a = np.concatenate([np.array(edges, np.uint64), rng.integers(0, 2**64, 200, np.uint64)])
    high, low = twin.mulhi(a[:, None], a)
    for i, x in enumerate(a.tolist()):
        for j, y in enumerate(a.tolist()):
            assert (int(high[i, j]) << 64) + int(low[i, j]) == x * y
