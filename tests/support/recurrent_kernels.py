"""The recurrent kernels called as they are, beside the plain layers that say what they mean.

With the identity as Wx, a layer's xs are the pre-activations x Wx + b that a kernel gets, and its
dxs the gates' gradients da that it gives.
"""

import importlib

import numpy as np
import pytest
from conftest import N_PARTS, assert_same_bits
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fastw2v._kernels import specialise
from fastw2v.reference import time_layers
from fastw2v.reference._recurrent import RECURRENT_ACTIVATIONS

KINDS = list(RECURRENT_ACTIVATIONS)

# noun -> (the layer, blocks of H columns, states, arrays (N, T, H) that forward leaves, which of
# everything backward is given)
LAYERS = {
    "_rnn": ("TimeRNN", 1, ["h"], ["before"], ["gates"]),
    "_gru": ("TimeGRU", 3, ["h"], ["before", "reset"], ["gates", "before"]),
    "_gru_after": ("TimeGRU", 3, ["h"], ["before", "inner"], ["gates", "before", "inner"]),
    "_lstm": ("TimeLSTM", 4, ["h", "c"], ["cs", "before"], ["gates", "cs", "c0"]),
}
# The gates in the cache of a cell of the reference.
CACHED = {"_rnn": [2], "_gru": [2, 3, 4], "_gru_after": [2, 3, 4], "_lstm": [4, 5, 3, 6]}

# Of the widest tile, 10 rows by 32 columns of float32, at least two and an edge; of a smaller one
# more. Runs of units are cut at 64. The weights of the last size are too many to stay in a cache.
SIZES = [(23, 4, 69), (1, 3, 1), (5, 2, 16), (2, 1, 131), (12, 7, 33), (26, 3, 225)]


class Call:
    """Arguments of one forward and backward of a kernel."""

    def __init__(self, noun, rng, dtype, N, T, H, kind=0, lengths=None):
        self.noun, self.dtype, self.shape, self.kind = noun, np.dtype(dtype), (N, T, H), kind
        self.layer, n_gates, self.states, self.keeps, self.needs = LAYERS[noun]
        self.lengths = None if lengths is None else np.asarray(lengths, np.int64)

        def draw(*shape):
            return rng.standard_normal(shape).astype(dtype)

        self.a = 1.5 * draw(N, T, n_gates * H)
        self.Wh = (draw(H, n_gates * H) / np.sqrt(H)).astype(dtype)
        self.starts, self.arriving = ([draw(N, H) for _ in self.states] for _ in "12")
        self.dhs = draw(N, T, H)
        self.bias = draw(H) if noun == "_gru_after" else None  # of h_prev Whh
        for array in (self.bias, self.Wh, self.dhs, *self.starts, *self.arriving, self.lengths):
            if array is not None:
                array.setflags(write=False)

    def run(self, by_units=False, n_parts=1, keep=True):
        """Return the kernel's outputs by name; backward's too if forward keeps its inputs."""
        module = importlib.import_module(f"fastw2v._kernels.{self.noun}")
        N, T, H = self.shape
        size = specialise(module.scratch_size)[self.dtype](self.Wh, N)
        options = () if self.noun == "_rnn" else (self.kind,)
        rest = (self.lengths, *options, by_units, n_parts)
        weights = (self.Wh,) if self.bias is None else (self.Wh, self.bias)

        def new(*shape):
            return np.full(shape, np.nan, self.dtype)

        def scratch():
            # NaN inside, as its content must not matter; guards behind it, which must remain 7.
            self._guarded = np.full(size + 64, 7, self.dtype)
            self._guarded[:size] = np.nan
            return self._guarded[:size]

        found = {"hs": new(N, T, H), "gates": self.a.copy()}
        found |= {name: new(N, T, H) if keep else None for name in self.keeps}
        found |= {name: start.copy() for name, start in zip(self.states, self.starts, strict=True)}
        specialise(module.forward)[self.dtype](*found.values(), scratch(), *weights, *rest)
        assert (self._guarded[size:] == 7).all()
        if keep:
            given = found | {"c0": self.starts[-1]}
            back = {"da": new(N, T, self.a.shape[2] + (0 if self.bias is None else H))}
            back |= {f"d{n}": d.copy() for n, d in zip(self.states, self.arriving, strict=True)}
            inputs = [given[name] for name in self.needs]
            before = [array.copy() for array in inputs]
            run = specialise(module.backward)[self.dtype]
            run(*back.values(), scratch(), self.dhs, *inputs, self.Wh, *rest)
            assert (self._guarded[size:] == 7).all()
            for array, copy in zip(inputs, before, strict=True):
                assert_same_bits(array, copy)
            found |= back
        return found

    def expected(self):
        """The same from the plain layer in float64."""
        options = {} if self.noun == "_rnn" else {"recurrent_activation": KINDS[self.kind]}
        width, b = self.a.shape[2], np.zeros(self.a.shape[2])
        if self.bias is not None:
            options["reset_after"] = True
            b = np.stack([b, np.append(b[: -len(self.bias)], self.bias)])
        layer = getattr(time_layers, self.layer)(
            np.eye(width), self.Wh.astype("d"), b, True, dtype=np.float64, **options
        )
        layer.set_state(*(start.astype("d") for start in self.starts))
        hs = layer.forward(self.a, lengths=self.lengths)
        arriving = {f"d{n}": d for n, d in zip(self.states, self.arriving, strict=True)}
        da = layer.backward(self.dhs, **arriving)
        gates = [np.hstack([cell.cache[k] for k in CACHED[self.noun]]) for cell in layer.layers]
        before = [cell.cache[1] for cell in layer.layers]
        found = {"hs": hs, "gates": np.stack(gates, 1), "before": np.stack(before, 1)}
        if self.bias is not None:  # da of inner is that of h~ times r
            r = np.stack([cell.cache[3] for cell in layer.layers], 1)
            found["inner"] = np.stack([cell.cache[5] for cell in layer.layers], 1)
            da = np.concatenate([da, da[:, :, -len(self.bias) :] * r], axis=2)
        found["da"] = da
        for name in self.states:
            found |= {name: getattr(layer, name), f"d{name}": getattr(layer, f"d{name}")}
        return found

    def there(self):
        """Which row has which step (N, T)."""
        N, T, _ = self.shape
        return np.arange(T) < (np.full(N, T) if self.lengths is None else self.lengths)[:, None]

    def assert_right(self, found):
        exact, there = self.expected(), self.there()
        inner = [] if self.bias is None else ["inner"]
        for name in ("hs", "gates", "before", *inner, *self.states):
            self._assert_close(name, found[name], exact[name], there)
        for name in ("hs", "da"):
            assert not found[name][~there].any()
        # A gate that is cut off in one precision and just not in the other has another slope.
        cut = [(y[there] > 0) & (y[there] < 1) for y in (found["gates"], exact["gates"])]
        if self.kind and (cut[0] != cut[1]).any():
            return
        for name in ("da", *(f"d{state}" for state in self.states)):
            self._assert_close(name, found[name], exact[name], there)

    def _assert_close(self, name, found, exact, there):
        assert found.shape == exact.shape
        if exact.ndim == 3:
            found, exact = found[there], exact[there]
        limit = 200 * np.finfo(self.dtype).eps * np.abs(exact).max(initial=1.0)
        np.testing.assert_allclose(found, exact, rtol=0, atol=limit, err_msg=name)


def assert_same(found, expected):
    assert found.keys() == expected.keys()
    for name, array in expected.items():
        assert_same_bits(found[name], array)


class RecurrentKernelTests:
    """Tests of every recurrent kernel; a test class inherits them and names its kernel."""

    noun = ""

    @pytest.mark.parametrize(("N", "T", "H"), SIZES)
    def test_same_bits_in_any_parts(self, rng, dtype, N, T, H):
        for lengths in (None, rng.integers(0, T + 1, N)):
            call = Call(self.noun, rng, dtype, N, T, H, lengths=lengths)
            first = call.run()
            call.assert_right(first)
            for n_parts in N_PARTS:
                for by_units in (False, True):
                    assert_same(call.run(by_units, n_parts), first)

    @given(
        N=st.integers(1, 24),
        T=st.integers(1, 5),
        H=st.integers(1, 70),
        kind=st.integers(0, len(KINDS) - 1),
        dtype=st.sampled_from([np.float32, np.float64]),
        by_units=st.booleans(),
        n_parts=st.integers(1, 4),
        seed=st.integers(0, 2**32 - 1),
    )
    @settings(max_examples=40, suppress_health_check=[HealthCheck.differing_executors])
    def test_any_shape(self, N, T, H, kind, dtype, by_units, n_parts, seed):
        rng = np.random.default_rng(seed)
        call = Call(self.noun, rng, dtype, N, T, H, kind, rng.integers(0, T + 1, N))
        call.assert_right(call.run(by_units, n_parts))

    @pytest.mark.parametrize("shape", [(0, 3, 4), (3, 0, 4), (2, 2, 0)], ids=str)
    @pytest.mark.parametrize("by_units", [False, True], ids=["rows", "units"])
    def test_nothing(self, rng, dtype, shape, by_units):
        call = Call(self.noun, rng, dtype, *shape)
        found = call.run(by_units, 2)
        for name, start, arriving in zip(call.states, call.starts, call.arriving, strict=True):
            assert_same_bits(found[name], start)
            assert_same_bits(found[f"d{name}"], arriving)

    @pytest.mark.parametrize("kind", range(len(KINDS)), ids=KINDS)
    def test_activations_of_the_gates(self, rng, dtype, kind):
        call = Call(self.noun, rng, dtype, 11, 3, 35, kind)
        found = call.run()
        call.assert_right(found)
        assert_same(call.run(True, 3), found)

    @pytest.mark.parametrize("by_units", [False, True], ids=["rows", "units"])
    def test_the_same_when_nothing_is_kept(self, rng, dtype, by_units):
        call = Call(self.noun, rng, dtype, 13, 4, 37, lengths=rng.integers(0, 5, 13))
        kept, found = call.run(), call.run(by_units, 2, keep=False)
        for name in ("hs", *call.states):
            assert_same_bits(found[name], kept[name])

    def test_weights_of_any_strides(self, rng, dtype):
        call = Call(self.noun, rng, dtype, 6, 3, 19)
        expected, Wh = call.run(), call.Wh
        wide = np.zeros((2 * Wh.shape[0], 3 * Wh.shape[1]), dtype)
        wide[::2, ::3] = Wh
        for layout in (np.asfortranarray(Wh), wide[::2, ::3], Wh[::-1, ::-1].copy()[::-1, ::-1]):
            call.Wh = layout
            assert_same(call.run(), expected)
            assert_same(call.run(True, 2), expected)

    @pytest.mark.parametrize("by_units", [False, True], ids=["rows", "units"])
    def test_nothing_beyond_the_end_is_read(self, rng, dtype, by_units):
        call = Call(self.noun, rng, dtype, 7, 5, 21, lengths=[3, 0, 5, 1, 4, 0, 2])
        expected = call.run()
        call.dhs.setflags(write=True)
        call.a[~call.there()] = np.nan
        call.dhs[~call.there()] = np.nan
        found = call.run(by_units, 2)
        for name in ("hs", "da", *call.states, *(f"d{name}" for name in call.states)):
            assert_same_bits(found[name], expected[name])
        # Rows without a step hand on what they were given, even if the weights are no numbers.
        call.Wh = np.full_like(call.Wh, np.nan)
        found = call.run(by_units, 2)
        empty = call.lengths == 0
        for name, start, arriving in zip(call.states, call.starts, call.arriving, strict=True):
            assert_same_bits(found[name][empty], start[empty])
            assert_same_bits(found[f"d{name}"][empty], arriving[empty])

    def test_nan_stays_in_its_row(self, rng, dtype):
        call = Call(self.noun, rng, dtype, 9, 4, 20)
        expected = call.run()
        call.a[4, 1] = np.nan
        found = call.run()
        others = np.arange(9) != 4
        for name, array in expected.items():
            assert_same_bits(found[name][others], array[others])
        assert np.isfinite(found["hs"][4, 0]).all() and np.isnan(found["hs"][4, 1:]).all()
        assert np.isnan(found["h"][4]).all() and np.isnan(found["dh"][4]).all()
