"""Alias table and draws: every entry against plain Python with integers, to the last bit."""

import os
import subprocess
import sys
from fractions import Fraction
from functools import cache

import numpy as np
import pytest
from conftest import N_PARTS, assert_same_bits

from fastw2v import _kernels
from fastw2v._kernels import _sampler, specialise
from fastw2v.reference import rng as twin

ONE = 2**32  # mass of one bucket


def build_alias(p):
    table = np.full((len(p), 2), 0xDEADBEEF, np.uint32)
    _sampler.build_alias(table, np.asarray(p, np.float64))
    return table


def draw_distinct(table, p, target, K, key, n_parts):
    out = np.full((len(target), K), -7, np.int32)
    specialise(_sampler.draw_distinct)[target.dtype](
        out, table, np.asarray(p, np.float64), target, key, n_parts
    )
    return out


def masses(table):
    """Count how many of the V * 2^32 equally likely (bucket, coin) give each word."""
    mass = [0] * len(table)
    for bucket, (threshold, alias) in enumerate(table.tolist()):
        mass[bucket] += threshold
        mass[alias] += ONE - threshold
    return mass


def exact_masses(p):
    """Compute the same from the weights, without any rounding."""
    p = [Fraction(float(x)) for x in p]
    scale = len(p) * ONE / sum(p)
    return [x * scale for x in p]


def zipf(V):
    return 1 / np.arange(1.0, V + 1) ** 0.75


WEIGHTS = {
    "one word": [0.3],
    "two": [1.0, 3.0],
    "two, one never": [0.0, 5.0],
    "first never": [0.0, 0.0, 0.2, 0.8],
    "last never": [0.2, 0.8, 0.0, 0.0],
    "equal": [0.1] * 7,
    "nearly equal": [1 / 3, 1 / 3, np.nextafter(1 / 3, 0), 1.0 - 3 * (1 / 3)],
    "one holds nearly everything": [1e-12, 1 - 5e-12, 1e-12, 3e-12],
    "tiny beside huge": [1e-300, 1e300, 1.0, 0.0, 1e290],
    "counts": [120.0, 3.0, 44.0, 1.0, 1.0, 7.0, 0.0, 1.0, 2500.0],
    "zipf": zipf(1000),
    "zipf, rare first": zipf(1000)[::-1],
    "cubes": np.arange(50.0) ** 3,
    "random": np.random.default_rng(5).random(500) ** 8,
}


@pytest.mark.parametrize("name", WEIGHTS)
def test_alias_table_holds_the_weights_exactly(name):
    p = np.array(WEIGHTS[name])
    table = build_alias(p)
    assert table[:, 1].max() < len(p)
    mass, exact = masses(table), exact_masses(p)
    assert sum(mass) == len(p) * ONE
    assert max(abs(m - e) for m, e in zip(mass, exact, strict=True)) < 1 + Fraction(1, 1000)
    assert all(m == 0 for m, x in zip(mass, p, strict=True) if x == 0)


def test_alias_table_of_many_words():
    p = np.random.default_rng(6).random(300_000) ** 4
    p[::5] = 0
    table = build_alias(p)
    mass = table[:, 0].astype(np.uint64)
    np.add.at(mass, table[:, 1], np.uint64(ONE) - table[:, 0])
    assert int(mass.sum()) == len(p) * ONE
    exact = p / p.sum() * len(p) * ONE
    assert np.abs(mass - exact).max() <= 1.01
    assert not mass[::5].any()


def test_build_alias_of_no_words():
    _sampler.build_alias(np.empty((0, 2), np.uint32), np.empty(0))
    table = np.full((3, 2), 9, np.uint32)
    _sampler.build_alias(table, np.empty(0))
    assert (table == 9).all()


def ids_of(table, bits):
    """Return the word by the definition of a cell: the first 96 bits of the product bits * V."""
    bucket, rest = twin.mulhi(bits, len(table))
    bucket = bucket.astype(np.int64)
    threshold, alias = table[bucket].T
    return np.where(rest >> 32 < threshold, bucket, alias).astype(np.int32)


# One table is larger than those that are read without prefetch.
@pytest.mark.parametrize("V", [1, 2, 7, 1000, 70_001])
@pytest.mark.parametrize("N", [0, 1, 63, 64, 65, 1009])
def test_draw(V, N):
    table = build_alias(zipf(V))
    expected = ids_of(table, twin.draw(twin.row_stream(77, 0), np.arange(N)))
    for n_parts in N_PARTS:
        out = np.full(N, -7, np.int32)
        _sampler.draw(out, table, 77, n_parts)
        assert_same_bits(out, expected)


def test_draw_reaches_both_ends_of_the_bits():
    # Draw 0 of these keys is all zeros or all ones, the first cell and the last.
    table = build_alias([1.0, 1.0, 0.0, 2.0, 1.0])
    for bits, word in [(0, 0), (2**64 - 1, 4)]:
        key = inverse_row_stream(inverse_row_stream(bits))
        out = np.empty(1, np.int32)
        _sampler.draw(out, table, key, 1)
        assert out[0] == word == ids_of(table, np.array([bits], np.uint64))[0]


def inverse_row_stream(stream):
    """Return the key with row_stream(key, 0) == stream."""
    z = stream
    for shift, factor in ((31, 1), (27, 0x94D049BB133111EB), (30, 0xBF58476D1CE4E5B9)):
        if shift != 31:
            z = z * pow(factor, -1, 2**64) % 2**64
        x = z
        for _ in range(3):
            x = z ^ (x >> shift)
        z = x
    key = (z - twin.GOLDEN) % 2**64
    assert int(twin.row_stream(key, 0)) == stream
    return key


def slow_draw_distinct(table, p, target, K, key):
    """Draw as the kernel does: try up to 64 draws per pick, then pass once over p."""
    rows = []
    for n, t in enumerate(target.tolist()):
        stream, used, picks = twin.row_stream(key, n), 0, []
        known = ids_of(table, twin.draw(stream, np.arange(65 * K))).tolist()
        for _ in range(K):
            for _ in range(64):
                word = known[used]
                used += 1
                if word != t and word not in picks:
                    break
            else:
                left = [v for v, x in enumerate(p) if x > 0 and v != t and v not in picks]
                reached = np.cumsum(np.asarray(p)[left])
                goal = (int(twin.draw(stream, used)) >> 11) * 2.0**-53 * reached[-1]
                word = left[np.flatnonzero(reached > goal)[0]]
                used += 1
            picks.append(word)
        rows.append(picks)
    return np.array(rows, np.int32).reshape(len(target), K)


CASES = {  # p, K
    "V=2 K=1": ([0.25, 0.75], 1),
    "V=7 K=5": ([0.3, 0.05, 0.25, 0.1, 0.1, 0.15, 0.05], 5),
    "all but the target": (zipf(9), 8),
    "usual": (zipf(1000), 5),
    "16, compared": (zipf(40), 16),
    "17, hashed": (zipf(40), 17),
    "hashed, all but the target": (zipf(40), 39),
    "hashed, many": (zipf(300), 130),
    "large table": (zipf(70_001), 5),
    "large table, hashed": (zipf(70_001), 20),
    "one holds nearly everything": ([1e-9, 1 - 1e-8, 2e-9, 3e-9, 2e-9, 1e-9], 4),
    "hashed, one holds nearly everything": ([1 - 1e-9] + [1e-9 / 29] * 29, 25),
    "large, one holds nearly everything": ([*zipf(200), 1e9], 5),
    "hashed, large, one holds nearly everything": ([1e9, *zipf(200)], 30),
    "zeros": ([0, 0.2, 0, 0.3, 0.1, 0, 0.4, 0], 3),
    "below the table's resolution": ([1.0, 1e-20, 1e-25, 1e-30], 3),
}


@cache
def expected_rows(name):
    p, K = CASES[name]
    return slow_draw_distinct(build_alias(p), p, np.arange(83) % len(p), K, 99)


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("N", [1, 15, 16, 17, 83])
def test_draw_distinct(name, N, index_dtype):
    p, K = CASES[name]
    table = build_alias(p)
    target = (np.arange(N) % len(p)).astype(index_dtype)
    expected = expected_rows(name)[:N].copy()
    for n_parts in N_PARTS:
        out = draw_distinct(table, p, target, K, 99, n_parts)
        assert_same_bits(out, expected)
    assert not (out == target[:, None]).any()
    assert all(len(set(row)) == K for row in out.tolist())
    assert (np.asarray(p)[out] > 0).all()


def test_the_smallest_weight_is_found(index_dtype):
    p = np.zeros(300)
    p[0], p[100] = 1.0, 5e-324
    rows = draw_distinct(build_alias(p), p, np.zeros(20, index_dtype), 1, 5, 1)
    assert (rows == 100).all()


def test_draw_distinct_of_nothing(index_dtype):
    p = zipf(10)
    table = build_alias(p)
    assert draw_distinct(table, p, np.empty(0, index_dtype), 5, 1, 3).shape == (0, 5)
    assert draw_distinct(table, p, np.zeros(4, index_dtype), 0, 1, 3).shape == (4, 0)


def test_a_row_depends_only_on_key_and_place(index_dtype):
    p = zipf(50)
    table = build_alias(p)
    target = np.arange(50).astype(index_dtype)
    out = draw_distinct(table, p, target, 5, 3, 1)
    assert_same_bits(draw_distinct(table, p, target[:21], 5, 3, 1), out[:21])
    changed = target.copy()
    changed[7] = 30
    again = draw_distinct(table, p, changed, 5, 3, 1)
    assert_same_bits(np.delete(again, 7, axis=0), np.delete(out, 7, axis=0))
    # A shorter row is the beginning of a longer one.
    assert_same_bits(draw_distinct(table, p, target, 3, 3, 1), out[:, :3].copy())
    assert (draw_distinct(table, p, target, 5, 4, 1) != out).any()


SAMPLES = """
import hashlib
import numpy as np
from fastw2v._kernels import _sampler, specialise
p = 1 / np.arange(1.0, 1001) ** 0.75
p[0] = 1e6      # makes rows need the pass over p
table = np.empty((1000, 2), np.uint32)
_sampler.build_alias(table, p)
out = np.empty(100_003, np.int32)
_sampler.draw(out, table, 11, 2)
rows = np.empty((1003, 20), np.int32)
target = np.arange(1003) % 1000
specialise(_sampler.draw_distinct)[target.dtype](rows, table, p, target, 12, 2)
samples = [table.tobytes(), out.tobytes(), rows.tobytes()]
"""


def samples_of_level(level, folder):
    code = f"{SAMPLES}\nprint(*[hashlib.sha256(x).hexdigest() for x in samples])"
    env = {**os.environ, "FASTW2V_ISA": level}
    # In the source tree Python would import the package from there.
    command = [sys.executable, "-c", code]
    run = subprocess.run(command, env=env, cwd=folder, capture_output=True, check=True)
    return run.stdout.split()


def test_all_levels_give_the_same_samples(tmp_path):
    levels = _kernels.usable_levels()
    samples = {level: samples_of_level(level, tmp_path) for level in levels}
    assert len(samples[levels[0]]) == 3
    for level in levels:
        assert samples[level] == samples[levels[0]], level


def test_known_samples():
    # These numbers are frozen: a change would change the results of every seed.
    p = 1 / np.arange(1.0, 10_001)
    table = build_alias(p)
    out = np.empty(6, np.int32)
    _sampler.draw(out, table, 20240229, 1)
    assert out.tolist() == [0, 5, 0, 0, 185, 0]
    rows = draw_distinct(table, p, np.array([0, 1, 2]), 4, 20240229, 1)
    assert rows.tolist() == [[5, 185, 2, 42], [13, 606, 0, 205], [276, 51, 5832, 3]]
