"""LSTM over time: right, and the same bits however it is cut."""

import numpy as np
from recurrent_kernels import Call, RecurrentKernelTests


class TestLSTM(RecurrentKernelTests):
    noun = "_lstm"

    def test_keeps_the_gates_and_the_states(self, rng, dtype):
        call = Call("_lstm", rng, dtype, 5, 4, 18)
        found = call.run()
        f, g, i, o = np.split(found["gates"], 4, axis=2)
        h, c = call.starts
        c_prev = np.concatenate([c[:, None], found["cs"][:, :-1]], axis=1)
        # A fused multiply-add, where the CPU has it, rounds once.
        np.testing.assert_allclose(found["cs"], f * c_prev + g * i, rtol=1e-5, atol=1e-7)
        np.testing.assert_allclose(found["hs"], o * np.tanh(found["cs"]), rtol=1e-6)
        np.testing.assert_array_equal(found["before"][:, 0], h)
        np.testing.assert_array_equal(found["before"][:, 1:], found["hs"][:, :-1])
