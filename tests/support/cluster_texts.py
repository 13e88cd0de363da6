"""Texts and models for the tests of `fastw2v.distributed`."""

import zlib

import numpy as np

SETTINGS = {"vector_size": 12, "workers": 1, "min_count": 2, "sample": 1e-2, "epochs": 2}


def sentences(n=900, seed=0):
    """Return sentences with ties among counts, rare words and words of any script."""
    rng = np.random.default_rng(seed)
    names = [f"w{i}" for i in range(120)] + ["日本", "naïve", "Ω"]
    rows = rng.zipf(1.4, (n, 12)) % len(names)
    return [[names[i] for i in row[: 2 + k % 11]] for k, row in enumerate(rows)]


def write(path, text):
    path.write_text("".join(" ".join(words) + "\n" for words in text), encoding="utf-8")
    return str(path)


def crc(model):
    """Return a checksum of all tables and words."""
    tables = [model.wv.vectors, model.syn1neg, model.syn1]
    found = zlib.crc32(repr(model.wv.index_to_key).encode())
    for table in tables:
        if table is not None:
            found = zlib.crc32(np.ascontiguousarray(table).tobytes(), found)
    return found
