"""Models of fastText (.bin) with random rows, whole ones and ones with chosen faults."""

import struct

import numpy as np


def built(
    words,
    dim=3,
    bucket=7,
    labels=(),
    *,
    version=12,
    model=2,
    loss=2,
    minn=2,
    maxn=4,
    pruned=-1,
    pairs=None,
    quantised=0,
    kinds=None,
    entries=None,
):
    """Return a model of fastText with random rows, and these rows."""
    names = [w if isinstance(w, bytes) else w.encode() for w in [*words, *labels]]
    kinds = kinds or [0] * len(words) + [1] * len(labels)
    settings = dim, 5, 1, 1, 5, 1, loss, model, bucket, minn, maxn, 100
    sizes = len(names) if entries is None else entries, len(words), len(labels)
    data = struct.pack("<2i12id3i2q", 793712314, version, *settings, 1e-4, *sizes, 99, pruned)
    for count, (name, kind) in enumerate(zip(names, kinds, strict=True), 1):
        data += name + b"\0" + struct.pack("<qB", count, kind)
    kept = range(max(pruned, 0)) if pairs is None else pairs
    data += b"".join(struct.pack("<2i", *(p if pairs else (p, p))) for p in kept)
    n_rows = len(words) + (bucket if pruned < 0 else pruned)
    inputs = np.random.default_rng(0).random((n_rows, dim)).astype("<f4")
    outputs = np.zeros((len(words), dim), "<f4")
    for rows in (inputs, outputs):
        data += struct.pack("<B2q", quantised, *rows.shape) + rows.tobytes()
    return data, inputs
