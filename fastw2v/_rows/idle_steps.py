"""Steps without gradient as sums: a row that missed k of them skips them at once.

Without gradient the states of a row fade by constant factors, and the weights follow them:
src_pyx/optimizer_idle.pxd has the formulas. Momentum and Nesterov add a geometric series. Adam adds
a series whose coefficients B_n depend on the learning rates since the row was last current. They
are kept for each of the steps since, and a step adds one term to each, until its factor beta1^j
has become too small to be seen.

The sums are nearer to Adam than the steps one by one, whose rounding errors add up.
rho = (1 - beta2) / (2 (1 - beta1)) decides how fast the series converges. The table has the largest
relative error of the change of a weight, computed in extended precision for all weights and numbers
of steps, for constant learning rates and for rates that rise a thousandfold when it does most harm.

| beta1, beta2 | rho | constant | risen |
|---|---|---|---|
| 0.9, 0.999 | 0.005 | below 1e-18 | below 1e-18 |
| 0.9, 0.998; 0.99, 0.9998 | 0.01 | below 1e-18 | 4e-17 |
| 0.9, 0.99; 0.99, 0.999 | 0.05 | 1e-11 | 1e-8 |
| 0.9, 0.98 | 0.1 | 2e-8 | 2e-5 |
| 0.99, 0.99 | 0.5 | 3e-2 | 8e-1 |
"""

from __future__ import annotations

import functools
import math
from decimal import Context, Decimal, localcontext
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastw2v._kernels import _optimizer

__all__ = ["HIGHEST_RATE", "MOST_STEPS", "MOVES_IDLE_ROWS", "IdleSteps", "check_idle_steps"]

# Rules that move rows without gradient. SGD and AdaGrad leave such rows alone.
MOVES_IDLE_ROWS = frozenset({"momentum", "nesterov", "rmsprop", "adam"})

MOST_STEPS = 1 << 16  # that are kept; each takes 120 bytes

HIGHEST_RATE = 1e20  # beyond, float32 may overflow where single steps do not

# The largest rho for which Adam's series is exact enough in each dtype. The last digits are for the
# rounding of 1 - beta.
_REACH = {np.dtype(np.float32): 0.05 + 1e-12, np.dtype(np.float64): 0.01 + 1e-12}

# Below this beta1 a rate that rises from 0 leaves larger errors, which less of the reach avoids.
_FAST_FADING, _SHARE_OF_REACH = 0.6, 0.6

# Elements of a row share the errors of these numbers, so the numbers have more digits than a float.
_DIGITS = Context(prec=40, traps=[])

# A term with a smaller factor changes no sum, even if the learning rate rises a thousandfold.
_SMALLEST = 1e-20
_HIGHEST_RISE = 1000


class IdleSteps:
    """The steps since all rows of some tables were current, for rows that had no gradient in them.

    rule: its name in the kernels. settings: the optimizer's, in the order of `_idle_settings`. n:
    the number of steps, which may be set to 0. rates (n,): their learning rates. sums (n, N_SUMS):
    Adam's B_n from each step on. fades (n + 1, 3): what k steps do, see `_fades`. All have room for
    more.
    """

    def __init__(self, rule: str, settings: tuple[float, ...]) -> None:
        self.rule, self.settings, self.n = rule, settings, 0
        self.number = _optimizer.RULES[rule]
        self.scalars = settings  # of the rule's single step
        self.rates = np.empty(0)
        self.sums = np.empty((1, _optimizer.N_SUMS))
        self.fades = np.empty((1, 3))
        self.lead, self.rho = np.zeros(2), 0.0
        self.terms: NDArray[np.float64] | None = None
        if rule == "adam":
            beta1, beta2, eps = settings
            self.scalars = 1 - beta1, 1 - beta2, eps
            self.rho = (1 - beta2) / (2 * (1 - beta1))
            if self.rho <= max(_REACH.values()):
                self.terms, self.lead = _terms(beta1, beta2, eps)

    def can_skip(self, dtype: np.dtype[Any]) -> bool:
        """Return whether rows of a dtype can skip steps; otherwise they take them one by one."""
        if self.rule == "adam":
            share = _SHARE_OF_REACH if self.settings[0] < _FAST_FADING else 1
            return self.rho <= share * _REACH[dtype]
        if self.rule == "rmsprop":
            return 0 <= self.settings[0] <= 1
        return abs(self.settings[0]) < 1

    def is_cut_short(self, rate: float) -> bool:
        """Return whether a rate rises so far, as from zero, that terms which were cut would count.

        Sums that begin at the present step lack nothing.
        """
        if self.terms is None or self.n < len(self.terms):
            return False
        limit = rate / _HIGHEST_RISE
        last = self.rates[self.n - len(self.terms) : self.n]
        return bool(last[-1] < limit and last.max() < limit)

    def add(self, rate: float) -> None:
        """Add a step with this learning rate, which is finite and not negative."""
        if self.n == len(self.rates):
            room = max(256, 2 * self.n)
            self.rates = _with_room(self.rates, room)
            if self.terms is not None:
                self.sums = _with_room(self.sums, room)
            if any(map(self.can_skip, _REACH)):
                self.fades = _fades(self.rule, self.settings[:2], room)
        self.rates[self.n] = rate
        if self.terms is not None:
            _optimizer.add_idle_step(self.sums, self.terms, rate, self.n)
        self.n += 1


# Every fit needs the same numbers again.


@functools.lru_cache(maxsize=16)
def _fades(rule: str, settings: tuple[float, ...], most: int) -> NDArray[np.float64]:
    """Return what k steps do, for k up to `most`.

    That is the factor of the first state and of the second one, then zero; or the factor of the
    velocity, then what a velocity of one adds to the weight, and the digits that this lacks.
    """
    fades = np.zeros((most + 1, 3))
    with localcontext(_DIGITS):
        first, second = map(Decimal, settings)
        lead = first * first if rule == "nesterov" else 1
        powers = Decimal(1), Decimal(1)
        gain = Decimal(0)
        for fade in fades:
            if rule == "adam":
                fade[:2] = powers
            elif rule == "rmsprop":
                fade[0] = powers[0]
            else:
                fade[:] = powers[0], *_two_floats(lead * gain)
            powers = powers[0] * first, powers[1] * second
            gain += powers[0]
    fades.flags.writeable = False
    return fades


@functools.lru_cache(maxsize=8)
def _terms(
    beta1: float, beta2: float, eps: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the terms (J, N_SUMS) of steps J .. 1 without gradient, at a rate of one, and eps / R.

    That of step j is beta1^j e^n / (R (1 + e/2)^(n+1)), with e = beta2^(j/2) / R - 1.
    """
    J = 1 if beta1 == 0 else math.ceil(math.log(_SMALLEST) / math.log(beta1))
    J = min(max(J, 1), MOST_STEPS)
    terms, ratios = np.zeros((J, _optimizer.N_SUMS)), np.zeros(J)
    with localcontext(_DIGITS):
        R = Decimal(beta2 ** (1 / (2 * (1 - beta1))))
        root, base = Decimal(beta2).sqrt(), Decimal(beta1)
        fade = power = Decimal(1)
        for i in range(J - 1, -1, -1):
            fade, power = fade * root, power * base
            e = fade / R - 1
            terms[i, 0], terms[i, -1] = _two_floats(power / (R * (1 + e / 2)))
            ratios[i] = e / (1 + e / 2)
        lead = np.array(_two_floats(Decimal(eps) / R))
    for n in range(1, _optimizer.N_TERMS):
        terms[:, n] = terms[:, n - 1] * ratios
    terms.flags.writeable = lead.flags.writeable = False
    return terms, lead


def _two_floats(x: Decimal) -> tuple[float, float]:
    """Return x as a float and the float of the digits that it lacks."""
    return float(x), float(x - Decimal(float(x)))


def _with_room(array: NDArray[Any], n: int) -> NDArray[Any]:
    """Return an array of n rows that begins with those of `array`; the others hold anything."""
    longer = np.empty((n, *array.shape[1:]), array.dtype)
    longer[: len(array)] = array
    return longer


def check_idle_steps(rule: str, settings: tuple[Any, ...], rates: NDArray[Any]) -> None:
    """Check settings and learning rates from a file; ValueError if no optimizer can have them."""
    numbers = len(settings) == 3 and all(isinstance(value, int | float) for value in settings)
    if not (
        numbers
        and all(map(math.isfinite, settings))
        and (rule != "adam" or (0 <= settings[0] < 1 and 0 <= settings[1] < 1))
    ):
        raise ValueError(f"settings {settings!r:.60} of {rule}")
    if not (
        rates.dtype == np.float64
        and rates.ndim == 1
        and len(rates) <= MOST_STEPS
        and ((rates >= 0) & (rates < HIGHEST_RATE)).all()
    ):
        raise ValueError("learning rates of deferred steps")
