"""Watch the gradient of a recurrent product grow, in plain numpy."""

import numpy as np
from common.layers import MatMul

np.random.seed(3)
dh, layer = np.ones((2, 3)), MatMul(np.random.randn(3, 3))
layer.forward(np.ones((2, 3)))
norms = []
for _ in range(20):
    dh = layer.backward(dh)
    norms.append(np.sqrt(np.sum(dh**2)) / 2)
print(norms)
