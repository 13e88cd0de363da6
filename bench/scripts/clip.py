"""Clip two small gradients."""

import numpy as np
from common.util import clip_grads

grads = [10 * np.random.rand(3, 3), 10 * np.random.rand(3, 3)]
print("before:", grads[0].flatten())
clip_grads(grads, 5.0)
print("after:", grads[0].flatten())
