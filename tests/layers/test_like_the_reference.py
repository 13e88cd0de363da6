"""Random calls of every layer, on the fast package and on the reference, leave the same behind.

Sizes are any; weights, inputs and gradients have dtypes, strides and values of their own; calls
come in any order. Results agree in dtype, shape and numbers, and so do gradients and all public
attributes.
"""

import functools
import re
import runpy

import numpy as np
import pytest
import table
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from implementations import COMPILED, REFERENCE

NAMES = [
    name
    for name, entry in table.LAYERS.items()
    if entry.twin and not entry.whole and not name.startswith("candidate_sampling.")
]
FLOATS = st.sampled_from(["f4", "f8"])
# N, T, D, H, V, K. V is at least the number of words of the table's corpus.
SIZES = st.tuples(*(st.integers(*ends) for ends in ((1, 12), (1, 6), (1, 20), (1, 40), (7, 20))))
ARRANGE = {
    "plain": lambda x: x,
    "Fortran": np.asfortranarray,
    "backwards": lambda x: np.ascontiguousarray(x[::-1])[::-1],
    "with gaps": lambda x: np.repeat(x, 2, axis=-1)[..., ::2] if x.ndim else x,
    "read-only": lambda x: np.broadcast_to(x, x.shape),
}
# What the fast package computes in another way on purpose.
NOT_COMPARED = {
    "sampler": "draws other numbers",
    "cache": "holds what each implementation needs, if the layer runs all steps in one call",
    "embed_dot_layers": "share one gradient, of which the sum is compared",
}
# The steps of a layer over time are made of what its one call keeps, in the dtype of the call.
OF_STEPS = re.compile(r"layer(\.(forward|backward)_layer)?\.layers")
CACHES = ("Embedding", "EmbeddingDot", "RNN", "LSTM", "GRU", "WeightSum", "AttentionWeight")


@functools.lru_cache(maxsize=64)
def layers_of(sizes):
    """Return the table of layers with these sizes."""
    return runpy.run_path(table.__file__, init_globals={"SIZES": (*sizes, 2)})["LAYERS"]


def draw(rng, x, form, scale, special):
    """Return an argument in this form; floats are scaled, and some of them special."""
    if x.dtype.kind == "f":
        x = (x * scale).astype(x.dtype)
        spots = rng.random(x.shape) < 0.1
        values = np.array([0, -0.0, scale, -scale, *special], x.dtype)
        x = np.where(spots, rng.choice(values, x.shape), x)
    return ARRANGE[form](x)


def build(entry, book, seed, weights, sequences, form):
    rng = np.random.default_rng(seed)
    layer = entry.make(
        book,
        lambda *shape: ARRANGE[form](0.5 * rng.standard_normal(shape).astype(weights)).copy("K"),
        np.dtype(sequences),
    )
    if type(layer).__name__ != "TimeDropout":  # both draw the same mask
        entry.agree(layer)
    return layer


def compare(path, mine, theirs, rtol):
    if isinstance(theirs, list | tuple):
        assert len(mine) == len(theirs), path
        for k, pair in enumerate(zip(mine, theirs, strict=True)):
            compare(f"{path}[{k}]", *pair, rtol)
    elif isinstance(theirs, np.ndarray | np.generic):
        assert np.shape(mine) == theirs.shape, path
        if not OF_STEPS.match(path):
            assert mine.dtype == theirs.dtype, path
        top = np.abs(theirs, where=np.isfinite(theirs), out=np.zeros(theirs.shape)).max(initial=1)
        np.testing.assert_allclose(mine, theirs, rtol=rtol, atol=rtol * top, err_msg=path)
    elif hasattr(theirs, "__dict__") and hasattr(theirs, "forward"):
        attributes = [key for key in vars(theirs) if not key.startswith("_")]
        if type(theirs).__name__ == "Simple_TimeAffine":
            attributes.remove("layers")  # their backward fails in the book
        for key in attributes:
            if key not in NOT_COMPARED or (key == "cache" and type(theirs).__name__ in CACHES):
                compare(f"{path}.{key}", getattr(mine, key), getattr(theirs, key), rtol)
    elif not callable(theirs):
        assert mine == theirs or mine is theirs, path


def compare_states(mine, theirs, rtol):
    if hasattr(theirs, "embed_dot_layers"):
        total, expected = (sum(np.asarray(g, float) for g in x.grads) for x in (mine, theirs))
        np.testing.assert_allclose(
            total, expected, rtol=rtol, atol=rtol * 10, err_msg="sum of grads"
        )
        compare("loss_layers", mine.loss_layers, theirs.loss_layers, rtol)
        return
    compare("layer", mine, theirs, rtol)


@settings(max_examples=15, deadline=None, phases=[Phase.explicit, Phase.generate])
@pytest.mark.parametrize("name", NAMES)
@given(data=st.data())
def test_any_calls_leave_the_same_behind(name, data):
    seed = data.draw(st.integers(0, 2**20), label="seed")
    weights, inputs, sequences, dout_dtype = (data.draw(FLOATS) for _ in range(4))
    forms = [data.draw(st.sampled_from(list(ARRANGE))) for _ in range(3)]
    # In float32 a loss keeps few digits of a probability near 1, to which it adds 1e-7.
    scales = [1, 1e-3, 0] if name.endswith("Loss") else [1, 1e-3, 0, 20]
    scale = data.draw(st.sampled_from(scales), label="scale")
    calls = data.draw(st.lists(st.sampled_from(["forward", "backward"]), max_size=4), label="calls")
    # Near 0 and 1 the last digit of a gate decides whether an infinite gradient becomes NaN.
    specials = [(), (np.nan,), (np.inf, -np.inf)] if scale <= 1 else [(), (np.nan,)]
    special = data.draw(st.sampled_from(specials), label="special")
    entry = layers_of(data.draw(SIZES, label="sizes"))[name]
    layers = [
        build(entry, book, seed, weights, sequences, forms[0]) for book in (COMPILED, REFERENCE)
    ]
    rtol = 1e-9 if {weights, inputs, sequences, dout_dtype} == {"f8"} else 3e-5 * max(1, scale)
    rng = np.random.default_rng(seed + 1)
    for call in ["forward", *calls]:
        if call == "forward":
            drawn = entry.inputs(rng, np.dtype(inputs))
            arguments = {key: draw(rng, x, forms[1], scale, special) for key, x in drawn.items()}
            results = []
            for layer in layers:
                np.random.seed(seed)
                with np.errstate(all="ignore"):
                    results.append(layer.forward(**arguments))
            out = results[0] if isinstance(results[0], tuple) else (results[0],)
        else:
            drawn = [rng.standard_normal(x.shape).astype(dout_dtype) for x in out if np.ndim(x)]
            douts = [draw(rng, x, forms[2], 1, special) for x in drawn]
            with np.errstate(all="ignore"):
                results = [layer.backward(*douts) for layer in layers]
        compare(call, *results, rtol)
        compare_states(*layers, rtol)
