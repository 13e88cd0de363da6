"""GRU over time that resets after the product: right, and the same bits however it is cut."""

import numpy as np
from recurrent_kernels import Call, RecurrentKernelTests


class TestGRUAfter(RecurrentKernelTests):
    noun = "_gru_after"

    def test_keeps_the_gates_and_the_product_before_the_reset(self, rng, dtype):
        call = Call("_gru_after", rng, dtype, 5, 4, 18)
        found = call.run()
        z, _, candidate = np.split(found["gates"], 3, axis=2)
        before = np.concatenate([call.starts[0][:, None], found["hs"][:, :-1]], axis=1)
        np.testing.assert_array_equal(found["before"], before)
        inner = before @ call.Wh[:, 36:] + call.bias
        np.testing.assert_allclose(found["inner"], inner, rtol=1e-5, atol=1e-6)
        # A fused multiply-add, where the CPU has it, rounds once.
        expected = (1 - z) * before + z * candidate
        np.testing.assert_allclose(found["hs"], expected, rtol=1e-5, atol=1e-7)
