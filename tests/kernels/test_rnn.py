"""A simple recurrent network over time: right, and the same bits however it is cut."""

import numpy as np
from recurrent_kernels import Call, RecurrentKernelTests


class TestRNN(RecurrentKernelTests):
    noun = "_rnn"

    def test_keeps_h_before_and_after_each_step(self, rng, dtype):
        call = Call("_rnn", rng, dtype, 5, 4, 18)
        found = call.run()
        np.testing.assert_array_equal(found["gates"], found["hs"])
        np.testing.assert_array_equal(found["before"][:, 1:], found["hs"][:, :-1])
        np.testing.assert_array_equal(found["before"][:, 0], call.starts[0])
