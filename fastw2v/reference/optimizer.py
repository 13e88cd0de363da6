"""Update rules: `update(params, grads)` moves every array in `params` in place.

State is kept by position in the list and made at the first update. All of it is updated: a row
without gradient takes its step as well. g is the gradient of the parameter w.

`idle(rates, w, *states)` takes len(rates) steps without gradient at once, in place. rates are the
learning rates of these steps, in Adam with the correction of the bias.
"""

import math

import numpy as np

__all__ = ["SGD", "AdaGrad", "Adam", "Momentum", "Nesterov", "RMSprop"]

# Added to the root of the mean square; the rules differ from their papers in nothing else.
EPS = 1e-7

TERMS = 12  # of Adam's series


def zeros_like_all(arrays):
    return [np.zeros_like(array) for array in arrays]


class SGD:
    """w -= lr * g."""

    def __init__(self, lr=0.01):
        self.lr = lr

    def update(self, params, grads):
        for w, g in zip(params, grads, strict=True):
            w -= self.lr * g

    def idle(self, rates, w):
        pass


class Momentum:
    """v = momentum * v - lr * g; w += v."""

    def __init__(self, lr=0.01, momentum=0.9):
        self.lr = lr
        self.momentum = momentum
        self.v = None

    def update(self, params, grads):
        if self.v is None:
            self.v = zeros_like_all(params)
        for w, g, v in zip(params, grads, self.v, strict=True):
            v *= self.momentum
            v -= self.lr * g
            w += v

    def idle(self, rates, w, v):
        w += v * sum(self.momentum ** (j + 1) for j in range(len(rates)))
        v *= self.momentum ** len(rates)


class Nesterov:
    """v = momentum * v - lr * g; w += momentum^2 * v - (1 + momentum) * lr * g."""

    def __init__(self, lr=0.01, momentum=0.9):
        self.lr = lr
        self.momentum = momentum
        self.v = None

    def update(self, params, grads):
        if self.v is None:
            self.v = zeros_like_all(params)
        for w, g, v in zip(params, grads, self.v, strict=True):
            v *= self.momentum
            v -= self.lr * g
            w += self.momentum**2 * v - (1 + self.momentum) * self.lr * g

    def idle(self, rates, w, v):
        w += v * self.momentum**2 * sum(self.momentum ** (j + 1) for j in range(len(rates)))
        v *= self.momentum ** len(rates)


class AdaGrad:
    """h += g^2; w -= lr * g / (sqrt(h) + 1e-7)."""

    def __init__(self, lr=0.01):
        self.lr = lr
        self.h = None

    def update(self, params, grads):
        if self.h is None:
            self.h = zeros_like_all(params)
        for w, g, h in zip(params, grads, self.h, strict=True):
            h += g * g
            w -= self.lr * g / (np.sqrt(h) + EPS)

    def idle(self, rates, w, h):
        pass


class RMSprop:
    """h = decay_rate * h + (1 - decay_rate) * g^2; w -= lr * g / (sqrt(h) + 1e-7)."""

    def __init__(self, lr=0.01, decay_rate=0.99):
        self.lr = lr
        self.decay_rate = decay_rate
        self.h = None

    def update(self, params, grads):
        if self.h is None:
            self.h = zeros_like_all(params)
        for w, g, h in zip(params, grads, self.h, strict=True):
            h *= self.decay_rate
            h += (1 - self.decay_rate) * g * g
            w -= self.lr * g / (np.sqrt(h) + EPS)

    def idle(self, rates, w, h):
        h *= self.decay_rate ** len(rates)


class Adam:
    """m += (1 - beta1) * (g - m); v += (1 - beta2) * (g^2 - v); w -= lr_t * m / (sqrt(v) + 1e-7).

    The correction of the bias towards the zero start is folded into the step of update t, counted
    from 1 in `iter`: lr_t = lr * sqrt(1 - beta2^t) / (1 - beta1^t).
    """

    def __init__(self, lr=0.001, beta1=0.9, beta2=0.999):
        self.lr = lr
        self.beta1 = beta1
        self.beta2 = beta2
        self.iter = 0
        self.m = None
        self.v = None

    def update(self, params, grads):
        if self.m is None:
            self.m, self.v = zeros_like_all(params), zeros_like_all(params)
        self.iter += 1
        lr_t = self.lr * math.sqrt(1 - self.beta2**self.iter) / (1 - self.beta1**self.iter)
        for w, g, m, v in zip(params, grads, self.m, self.v, strict=True):
            m += (1 - self.beta1) * (g - m)
            v += (1 - self.beta2) * (g * g - v)
            w -= lr_t * m / (np.sqrt(v) + EPS)

    def idle(self, rates, w, m, v):
        """Sum the steps lr_j beta1^j m / (sqrt(v) beta2^(j/2) + EPS) as a series.

        beta2^(j/2) = R (1 + e_j), where R is in the middle of those with a large beta1^j. So
        1 / (sqrt(v) beta2^(j/2) + EPS) = 1 / (R D (1 + e_j/2 - z e_j)), whose powers of z e_j have
        coefficients that do not depend on v.
        """
        j = np.arange(1, len(rates) + 1)
        middle = self.beta2 ** (1 / (2 * (1 - self.beta1)))
        e = self.beta2 ** (j / 2) / middle - 1
        D = np.sqrt(v) + EPS / middle
        z = EPS / middle / D - 0.5
        first = np.asarray(rates) * self.beta1**j / (middle * (1 + e / 2))
        ratio = e / (1 + e / 2)
        w -= m / D * sum((first * ratio**n).sum() * z**n for n in range(TERMS))
        m *= self.beta1 ** len(rates)
        v *= self.beta2 ** len(rates)
