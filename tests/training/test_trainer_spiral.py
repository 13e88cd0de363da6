"""A run that is repeatable to the digit: the book's first network on its spiral of three arms."""

import numpy as np
import pytest
from implementations import both
from own_model import TwoLayerNet


def spiral():
    """Return 300 points in three arms of 100: x (300, 2), and one-hot t (300, 3), int32."""
    np.random.seed(1984)
    x, t = np.zeros((300, 2)), np.zeros((300, 3), dtype=np.int32)
    for arm in range(3):
        for i in range(100):
            radius = i / 100
            angle = 4 * arm + 4 * radius + 0.2 * np.random.randn()
            x[100 * arm + i] = radius * np.sin(angle), radius * np.cos(angle)
            t[100 * arm + i, arm] = 1
    return x, t


@both
def test_losses_on_the_spiral(book, capsys):
    x, t = spiral()
    given = x.copy(), t.copy()
    W1, b1 = 0.01 * np.random.randn(2, 10), np.zeros(10)
    W2, b2 = 0.01 * np.random.randn(10, 3), np.zeros(3)
    model = TwoLayerNet(book.layers, W1, b1, W2, b2)
    trainer = book.trainer.Trainer(model, book.optimizer.SGD(lr=1.0))
    trainer.fit(x, t, max_epoch=300, batch_size=30, eval_interval=10)

    assert len(trainer.loss_list) == 300
    assert [trainer.loss_list[i] for i in (0, 1, 2, 99, 199, 299)] == pytest.approx(
        [1.097984, 1.118918, 1.129901, 0.469147, 0.142219, 0.108686], abs=1e-6
    )
    np.testing.assert_array_equal(x, given[0])
    np.testing.assert_array_equal(t, given[1])

    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 300
    assert lines[0] == "| epoch 1 |  iter 1 / 10 | time 0[s] | loss 1.10"
    assert lines[-1].startswith("| epoch 300 |  iter 1 / 10 | time ")
    assert lines[-1].endswith("[s] | loss 0.11")
