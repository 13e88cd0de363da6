"""Attention layers: gradients, attributes, ownership, bad input; in both implementations."""

import copy
import pickle

import numpy as np
import pytest
from conftest import assert_same_bits
from gradcheck import assert_gradients
from hypothesis import given, settings
from hypothesis import strategies as st
from implementations import COMPILED, REFERENCE, both

N, T, T_DEC, H = 3, 5, 4, 6
SHAPES = {  # of forward's arguments and of its result
    "WeightSum": [(N, T, H), (N, T), (N, H)],
    "AttentionWeight": [(N, T, H), (N, H), (N, T)],
    "Attention": [(N, T, H), (N, H), (N, H)],
    "TimeAttention": [(N, T, H), (N, T_DEC, H), (N, T_DEC, H)],
}
every_layer = pytest.mark.parametrize("name", list(SHAPES))


def make(book, rng, name, dtype=np.float64):
    """Return a layer, the two arguments of its forward, and dout."""
    layer = getattr(book.attention_layer, name)()
    return layer, *(rng.standard_normal(shape).astype(dtype) for shape in SHAPES[name])


@both
@every_layer
def test_gradients_agree_with_finite_differences(book, rng, name):
    layer, *inputs, dout = make(book, rng, name)

    def run():
        return float((layer.forward(*inputs) * dout).sum())

    run()
    assert_gradients(run, inputs, layer.backward(dout))


@both
@every_layer
def test_results_are_new_and_inputs_unchanged(book, rng, dtype, name):
    layer, *inputs, dout = make(book, rng, name, dtype)
    assert layer.params == layer.grads == []
    before = [a.copy() for a in (*inputs, dout)]
    out = layer.forward(*inputs)
    results = [out, *layer.backward(dout)]
    kept = [a.copy() for a in results]
    for a, shape in zip(results, (*SHAPES[name][2:], *SHAPES[name][:2]), strict=True):
        assert type(a) is np.ndarray and a.flags.writeable
        assert a.shape == shape and a.dtype == dtype
        assert not any(np.shares_memory(a, b) for b in (*inputs, dout))
        a *= 100
    for mine, expected in zip(layer.backward(dout), kept[1:], strict=True):
        assert_same_bits(mine, expected)
    assert_same_bits(layer.forward(*inputs), kept[0])
    for a, expected in zip((*inputs, dout), before, strict=True):
        assert_same_bits(a, expected)


@both
@every_layer
def test_inputs_in_any_memory_layout_give_the_same(book, rng, name):
    layer, *inputs, dout = make(book, rng, name)
    expected = layer.forward(*inputs), *layer.backward(dout)
    for change in (np.asfortranarray, lambda a: np.repeat(a, 2, axis=-1)[..., ::2]):
        changed = [change(a) for a in (*inputs, dout)]
        for a in changed:
            a.setflags(write=False)
        found = layer.forward(*changed[:2]), *layer.backward(changed[2])
        for mine, theirs in zip(found, expected, strict=True):
            np.testing.assert_allclose(mine, theirs, rtol=1e-12, atol=1e-14)


@both
@every_layer
@pytest.mark.parametrize("clone", [copy.deepcopy, lambda layer: pickle.loads(pickle.dumps(layer))])
def test_copies_continue_from_the_layers_state(book, rng, name, clone):
    layer, *inputs, dout = make(book, rng, name)
    layer.forward(*inputs)
    for mine, theirs in zip(clone(layer).backward(dout), layer.backward(dout), strict=True):
        assert_same_bits(mine, theirs)


@both
def test_attention_keeps_its_weights(book, rng):
    layer, hs, h, _ = make(book, rng, "Attention")
    assert layer.attention_weight is None
    out = layer.forward(hs, h)
    scores = (hs * h[:, None]).sum(axis=2)
    expected = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(layer.attention_weight, expected, rtol=1e-12)
    np.testing.assert_allclose(out, (hs * expected[:, :, None]).sum(axis=1), rtol=1e-12)
    assert type(layer.attention_weight_layer) is book.attention_layer.AttentionWeight
    assert type(layer.weight_sum_layer) is book.attention_layer.WeightSum
    softmax = layer.attention_weight_layer.softmax
    assert type(softmax) is book.layers.Softmax
    np.testing.assert_allclose(softmax.out, expected, rtol=1e-12)


@both
def test_attention_over_time_keeps_the_weights_of_each_step(book, rng):
    layer, enc, dec, dout = make(book, rng, "TimeAttention")
    assert layer.attention_weights is None and layer.layers is None
    out = layer.forward(enc, dec)
    weights = layer.attention_weights
    assert type(weights) is list and len(weights) == len(layer.layers) == T_DEC
    denc, ddec = layer.backward(dout)
    total = 0
    for t, step in enumerate(layer.layers):
        assert type(step) is book.attention_layer.Attention
        single = book.attention_layer.Attention()
        np.testing.assert_allclose(out[:, t], single.forward(enc, dec[:, t]), rtol=1e-12)
        np.testing.assert_allclose(weights[t], single.attention_weight, rtol=1e-12)
        np.testing.assert_allclose(step.attention_weight, single.attention_weight, rtol=1e-12)
        dhs, dh = single.backward(dout[:, t])
        np.testing.assert_allclose(ddec[:, t], dh, rtol=1e-10, atol=1e-13)
        total = total + dhs
    np.testing.assert_allclose(denc, total, rtol=1e-10, atol=1e-13)
    kept = [a.copy() for a in weights]
    layer.forward(2 * enc, dec)
    for a, before in zip(weights, kept, strict=True):
        assert_same_bits(a, before)


@both
def test_caches_hold_the_inputs(book, rng):
    layer, hs, a, _ = make(book, rng, "WeightSum")
    assert layer.cache is None
    layer.forward(hs, a)
    np.testing.assert_array_equal(layer.cache[0], hs)
    np.testing.assert_array_equal(np.broadcast_to(layer.cache[1], hs.shape)[:, :, 0], a)
    layer, hs, h, _ = make(book, rng, "AttentionWeight")
    assert layer.cache is None
    layer.forward(hs, h)
    np.testing.assert_array_equal(layer.cache[0], hs)
    expected = np.broadcast_to(h[:, None], hs.shape)
    np.testing.assert_array_equal(np.broadcast_to(layer.cache[1], hs.shape), expected)


@both
def test_a_nan_stays_in_its_row(book, rng):
    layer, enc, dec, dout = make(book, rng, "TimeAttention")
    enc[1, 2, 3] = np.nan
    assert np.isnan(layer.forward(enc, dec)).any(axis=(1, 2)).tolist() == [False, True, False]
    for d in layer.backward(dout):
        assert np.isnan(d).any(axis=(1, 2)).tolist() == [False, True, False]


@both
@every_layer
@given(
    sizes=st.tuples(*(st.integers(low, 20) for low in (0, 1, 0, 1))),
    dtype=st.sampled_from([np.float32, np.float64]),
    seed=st.integers(0, 2**32 - 1),
)
@settings(max_examples=40)
def test_any_shape_agrees_with_the_reference(name, book, sizes, dtype, seed):
    rng = np.random.default_rng(seed)
    sizes = dict(zip((N, T, T_DEC, H), sizes, strict=True))
    *inputs, dout = (
        rng.standard_normal([sizes[n] for n in shape]).astype(dtype) for shape in SHAPES[name]
    )
    exact, layer = (getattr(m.attention_layer, name)() for m in (REFERENCE, book))
    expected = exact.forward(*(a.astype("d") for a in inputs)), *exact.backward(dout.astype("d"))
    rtol = 1e-4 if dtype == np.float32 else 1e-11
    for found, right in zip((layer.forward(*inputs), *layer.backward(dout)), expected, strict=True):
        assert found.dtype == dtype and found.shape == right.shape
        top = np.abs(right).max(initial=1.0)
        np.testing.assert_allclose(found, right, rtol=rtol, atol=rtol * top / 10)


# Bad input: the fast package ------------------------------------------------------------------


@every_layer
def test_backward_before_forward_is_an_error(rng, name):
    layer, *_, dout = make(COMPILED, rng, name)
    with pytest.raises(RuntimeError, match="backward: nothing .* call forward first"):
        layer.backward(dout)


SECOND = {"WeightSum": "a", "AttentionWeight": "h", "Attention": "h", "TimeAttention": "hs_dec"}


@every_layer
def test_bad_input_leaves_a_layer_as_it_was(rng, name):
    layer, hs, other, dout = make(COMPILED, rng, name)
    layer.forward(hs, other)
    expected = layer.backward(dout)
    first = "hs_enc" if name == "TimeAttention" else "hs"
    bad = [
        (
            (hs[0], other),
            ValueError,
            rf"{first}: expected states of shape \(N, T, H\).*got \(5, 6\)",
        ),
        ((hs.astype(complex), other), TypeError, f"{first}: expected real numbers"),
        ((hs, other[:2]), ValueError, rf"{SECOND[name]}: expected .*got \(2, "),
        ((hs, other[..., :-1]), ValueError, rf"{SECOND[name]}: expected .*got \(3, "),
        ((hs, other.astype(complex)), TypeError, f"{SECOND[name]}: expected real numbers"),
    ]
    if name != "WeightSum":  # a softmax of nothing
        bad.append(((hs[:, :0], other), ValueError, rf"{first}: expected .* T of at least 1, got"))
    for inputs, error, words in bad:
        with pytest.raises(error, match=words):
            layer.forward(*inputs)
    for wrong in (dout[:2], dout[..., :-1], 1.0):
        with pytest.raises(ValueError, match="expected shape"):
            layer.backward(wrong)
    for mine, theirs in zip(layer.backward(dout), expected, strict=True):
        assert_same_bits(mine, theirs)
