"""Random keys for the kernels: a kernel gets one 64-bit integer per call, and no generator."""

from __future__ import annotations

import numpy as np


def key(rng: np.random.Generator | np.random.RandomState | int | None = None) -> int:
    """Draw one 64-bit key.

    None draws from numpy's global stream, so that `np.random.seed` determines it; a
    `numpy.random.Generator` or `RandomState` draws from its own. An int is the key itself, the
    same for each call. TypeError for anything else.
    """
    if rng is None:
        bits = np.random.get_bit_generator()  # type: ignore[attr-defined]
    elif isinstance(rng, np.random.Generator):
        bits = rng.bit_generator
    elif isinstance(rng, np.random.RandomState):
        bits = rng._bit_generator
    elif isinstance(rng, (int, np.integer)) and not isinstance(rng, bool):
        return int(rng) & 0xFFFF_FFFF_FFFF_FFFF
    else:
        raise TypeError(
            f"rng: expected None, a numpy.random.Generator or an int, got {type(rng).__name__}; "
            "pass np.random.default_rng(seed)"
        )
    # Some bit generators give 32 bits at a time (MT19937, the global one), so two draws.
    high, low = bits.random_raw(), bits.random_raw()
    return ((high << 32) ^ low) & 0xFFFF_FFFF_FFFF_FFFF
