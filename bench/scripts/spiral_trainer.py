"""Train the network of spiral.py with the Trainer."""

import numpy as np
from common.layers import Affine, Sigmoid, SoftmaxWithLoss
from common.optimizer import SGD
from common.trainer import Trainer


class Network:
    def __init__(self, rng):
        self.layers = [
            Affine(0.01 * rng.standard_normal((2, 10)), np.zeros(10)),
            Sigmoid(),
            Affine(0.01 * rng.standard_normal((10, 3)), np.zeros(3)),
        ]
        self.loss = SoftmaxWithLoss()
        self.params = [param for layer in self.layers for param in layer.params]
        self.grads = [grad for layer in self.layers for grad in layer.grads]

    def forward(self, x, t):
        for layer in self.layers:
            x = layer.forward(x)
        return self.loss.forward(x, t)

    def backward(self):
        dout = self.loss.backward()
        for layer in reversed(self.layers):
            dout = layer.backward(dout)


rng = np.random.default_rng(0)
label, step = np.repeat(np.arange(3), 100), np.tile(np.arange(100), 3) / 100
angle = 4 * label + 4 * step + 0.2 * rng.standard_normal(300)
x, t = np.stack([step * np.sin(angle), step * np.cos(angle)], 1), np.eye(3, dtype=int)[label]
Trainer(Network(rng), SGD(lr=1.0)).fit(x, t, 300, 30, eval_interval=10)
