"""Every entry of a kernel refuses arrays that do not fit each other, before it writes."""

import kernel_calls
import numpy as np
import pytest

# Kernels of text and of whole models are tested where their tables are made. Where arrays do not
# fit, `try_product` answers None, and a checked product takes over.
ELSEWHERE = ("_vocabulary.", "_word2vec.", "_gemm.only_registers", "_gemm.try_product")
# (entry, argument): arrays that may have more room than the call needs.
ROOMY = {
    *(("_embedding.overwrite_rows", k) for k in (2, 3, 4)),
    *(("_embedding.pack_rows", k) for k in (1, 2, 3, 4)),
    ("_negative_sampling.forward", 3),
    ("_optimizer.sum_squares", 0),
    *(("_optimizer.skip_steps", k) for k in (5, 6)),
    *(("_optimizer.take_steps", k) for k in (5, 6)),
    ("_optimizer.update_rows", 7),
    ("_corpus.cooccurrence", 1),
    ("_corpus.cooccurrence", 3),
}
# (entry, argument, axis): the call takes this size from this array alone.
FREE = {
    *(("_embedding.gather_mean", 2, 1), ("_embedding.unlisted_rows_are_zero", 0, 1)),
    *(
        ("_gemm.column_sums", 1, 0),
        ("_loss.cross_entropy_step", 0, 1),
        ("_ranking.rank_compressed", 4, 0),
        ("_ranking.only_read", 1, 0),
        ("_ranking.row_norms", 1, 1),
        ("_ranking.rank", 4, 0),
    ),
    *(("_sampler.draw", 0, 0), ("_sampler.draw", 1, 0), ("_sampler.draw_distinct", 0, 1)),
    *(("_optimizer.sum_squares", 1, axis) for axis in (0, 1)),
    ("_embedding.pack_rows", 0, 0),
    ("_subwords.draw_rows", 0, 1),
    *((f"_optimizer.{name}_steps", 7, 0) for name in ("skip", "take")),
    *(("_optimizer.scale", 0, axis) for axis in (0, 1)),
}
# (entry, argument): tables whose rows are chosen by ids, which callers have checked.
BY_ID = {
    *(("_embedding.gather", 1), ("_embedding.gather_mean", 1), ("_embedding.scatter_add", 0)),
    *(("_embedding.overwrite_rows", 0), ("_embedding_dot.forward", 3)),
    ("_negative_sampling.forward", 5),
}


def cuts():
    """Return (entry, argument, axis) for every array of every entry."""
    found = []
    for name, make in kernel_calls.CALLS.items():
        if name.startswith(ELSEWHERE):
            continue
        for k, given in enumerate(make(2)):
            if isinstance(given, np.ndarray) and (name, k) not in ROOMY:
                axes = [a for a in range((name, k) in BY_ID, given.ndim) if given.shape[a]]
                found += [(name, k, axis) for axis in axes if (name, k, axis) not in FREE]
    return found


@pytest.mark.parametrize(("name", "k", "axis"), cuts())
@pytest.mark.parametrize("change", ["shorter", "longer"])
def test_arrays_of_another_size_are_refused(name, k, axis, change):
    arguments = list(kernel_calls.CALLS[name](2))
    array = arguments[k]
    if change == "shorter":
        array = np.ascontiguousarray(np.delete(array, -1, axis))
    else:
        array = np.concatenate([array, array.take([0], axis)], axis)
    arguments[k] = array
    before = [np.copy(x) if isinstance(x, np.ndarray) else x for x in arguments]
    try:
        kernel_calls.entry(name)(*arguments)
    except ValueError as error:
        assert "fit" in str(error)
        for now, then in zip(arguments, before, strict=True):
            np.testing.assert_array_equal(now, then)
    else:  # more room than is needed is no fault
        assert change == "longer", f"{name} took argument {k} of shape {array.shape}"


@pytest.mark.parametrize("name", ["_embedding.gather", "_embedding_dot.forward", "_optimizer.sgd"])
def test_rows_with_gaps_are_refused(name):
    arguments = list(kernel_calls.CALLS[name](1))
    (k, W), *_ = [
        (k, x)
        for k, x in enumerate(arguments)
        if isinstance(x, np.ndarray) and x.shape == (kernel_calls.V, kernel_calls.D)
    ]
    arguments[k] = np.repeat(W, 2, axis=1)[:, ::2]
    with pytest.raises(ValueError, match="fit each other"):
        kernel_calls.entry(name)(*arguments)
