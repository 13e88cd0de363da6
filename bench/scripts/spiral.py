"""Train a network of two dense layers on three spirals, with a loop of its own."""

import numpy as np
from common.layers import Affine, Sigmoid, SoftmaxWithLoss
from common.optimizer import SGD


def spirals(n, n_classes, rng):
    """Return points (n * n_classes, 2) and one-hot classes."""
    x, t = np.zeros((n * n_classes, 2)), np.zeros((n * n_classes, n_classes), int)
    for label in range(n_classes):
        for k in range(n):
            radius = k / n
            angle = 4 * label + 4 * radius + 0.2 * rng.standard_normal()
            x[label * n + k] = radius * np.sin(angle), radius * np.cos(angle)
            t[label * n + k, label] = 1
    return x, t


class Network:
    def __init__(self, sizes, rng):
        n_in, n_hidden, n_out = sizes
        self.layers = [
            Affine(0.01 * rng.standard_normal((n_in, n_hidden)), np.zeros(n_hidden)),
            Sigmoid(),
            Affine(0.01 * rng.standard_normal((n_hidden, n_out)), np.zeros(n_out)),
        ]
        self.loss = SoftmaxWithLoss()
        self.params = [param for layer in self.layers for param in layer.params]
        self.grads = [grad for layer in self.layers for grad in layer.grads]

    def step(self, x, t):
        for layer in self.layers:
            x = layer.forward(x)
        loss = self.loss.forward(x, t)
        dout = self.loss.backward()
        for layer in reversed(self.layers):
            dout = layer.backward(dout)
        return loss


rng = np.random.default_rng(0)
x, t = spirals(100, 3, rng)
network, optimizer = Network((2, 10, 3), rng), SGD(lr=1.0)
for epoch in range(300):
    order = rng.permutation(len(x))
    total = 0
    for k in range(0, len(x), 30):
        rows = order[k : k + 30]
        total += network.step(x[rows], t[rows])
        optimizer.update(network.params, network.grads)
    if epoch % 100 == 99:
        print(f"epoch {epoch + 1}, loss {total / 10:.3f}")
