"""Largest errors of float32 exp, sigmoid and tanh over all 2^32 floats, in ulp of the exact value.

    python tools/ulp_check.py            on the level that import chooses
    FASTW2V_ISA=v3 python tools/ulp_check.py

The float64 value counts as exact, as its own error is negligible here. The check takes a few
minutes and exits with 1 if an error exceeds the 2 ulp that src_pyx/common_math.pxd promises.
"""

import sys

import numpy as np

from fastw2v import _kernels
from fastw2v._kernels import _activation, specialise

PROMISE = 2.0
CHUNK = 1 << 21  # divides the floats of one exponent, so a chunk holds NaNs only or none
FLOAT = np.dtype(np.float32)


def exact_exp(x):
    return np.exp(x)


def exact_sigmoid(x):
    return 1 / (1 + np.exp(-x))


def worst(actual, exact):
    """Return (largest error in ulp, its position) of float32 `actual` against float64 `exact`."""
    rounded = exact.astype(np.float32)
    wrong = np.flatnonzero(actual.view(np.int32) != rounded.view(np.int32))
    if wrong.size == 0:
        return 0.5, 0  # correctly rounded throughout
    # Infinity counts as 2^128, the next power of two beyond the largest float.
    got = np.minimum(actual[wrong].astype(np.float64), 2.0**128)
    want = np.minimum(exact[wrong], 2.0**128)
    _, exponent = np.frexp(want)
    ulp = np.ldexp(1.0, np.maximum(exponent - 24, -149))
    error = np.abs(got - want) / ulp
    error[np.isnan(error) | (np.signbit(got) != np.signbit(want))] = np.inf
    at = int(error.argmax())
    return float(error[at]), int(wrong[at])


def check(name, kernel, exact, step):
    top, where = 0.0, None
    out = np.empty(CHUNK, np.float32)
    for start in range(0, 1 << 32, CHUNK * step):
        x = np.arange(start, start + CHUNK, dtype=np.uint32).view(np.float32)
        kernel(out, x, 1)
        if np.isnan(x[-1]):
            finite = 1 if np.isinf(x[0]) else 0  # the infinity is the first float of its exponent
            if not np.isnan(out[finite:]).all():
                top, where = np.inf, x[finite]
            x, actual = x[:finite], out[:finite]
        else:
            actual = out
        if x.size:
            error, at = worst(actual, exact(x.astype(np.float64)))
            if error > top:
                top, where = error, x[at]
    print(f"{_kernels.LEVEL:8} {name:8} {top:.3f} ulp, at x = {where!r}", flush=True)
    return top


def main():
    step = int(sys.argv[1]) if len(sys.argv) > 1 else 1  # above 1: a quick check
    with np.errstate(over="ignore", under="ignore"):
        errors = [
            check("exp", specialise(_activation.exponential)[FLOAT], exact_exp, step),
            check("sigmoid", specialise(_activation.sigmoid)[FLOAT], exact_sigmoid, step),
            check("tanh", specialise(_activation.tanh)[FLOAT], np.tanh, step),
        ]
    return int(max(errors) > PROMISE)


if __name__ == "__main__":
    sys.exit(main())
