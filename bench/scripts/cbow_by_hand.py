"""Predict a word from two others with the layers of a tiny CBOW, once."""

import numpy as np
from common.layers import MatMul

rng = np.random.default_rng(0)
first, second = np.eye(7)[[0]], np.eye(7)[[2]]
W_in, W_out = rng.standard_normal((7, 3)), rng.standard_normal((3, 7))
inputs, output = [MatMul(W_in), MatMul(W_in)], MatMul(W_out)
h = 0.5 * (inputs[0].forward(first) + inputs[1].forward(second))
print(output.forward(h))
