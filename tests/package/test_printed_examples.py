"""Numbers that the book, and notebooks and notes about it, print: fastw2v computes the same.

The sections follow the sources. These print eight digits, hence the tolerance.
"""

import numpy as np
import pytest
from implementations import both

from fastw2v import models
from fastw2v.datasets import sequence
from fastw2v.optimizer import Adam
from fastw2v.trainer import Trainer, remove_duplicate

ATOL = 1e-7


def assert_printed(actual, expected):
    """Assert equality to eight printed digits."""
    actual = np.asarray(actual)
    assert actual.shape == np.shape(expected)
    np.testing.assert_allclose(actual, expected, rtol=0, atol=ATOL)


# A notebook on negative sampling (chapter 4) -----------------------------------------------------

CORPUS = np.array([0, 1, 2, 3, 4, 5, 1, 0, 3, 4, 5, 0, 6])

W_OUT = np.array(
    [
        [0.42033671, 0.80675672, 0.62130127],
        [0.80137914, 0.64169277, 0.5595805],
        [0.21548923, 0.56463616, 0.48042361],
        [0.29726869, 0.96336842, 0.20021747],
        [0.30847581, 0.08188968, 0.28270171],
        [0.21747332, 0.45931022, 0.29034645],
        [0.74353172, 0.64695558, 0.88687812],
        [0.79125092, 0.65129791, 0.23946311],
        [0.80483524, 0.46378042, 0.27779781],
        [0.19622793, 0.01250582, 0.83777769],
    ]
)

H_5 = np.array(
    [
        [0.80350185, 0.60052725, 0.05609662],
        [0.28917538, 0.37431915, 0.48310407],
        [0.70374215, 0.34036285, 0.4686944],
        [0.67850496, 0.20096729, 0.07690045],
        [0.56121228, 0.84712113, 0.66834159],
    ]
)
IDX_5 = np.array([0, 1, 2, 0, 5])
DOUT_5 = np.array([0.49593873, 0.1242032, 0.36082813, 0.26037497, 0.45331597])

CONTEXTS_W1 = [
    [0, 2],
    [1, 3],
    [2, 4],
    [3, 5],
    [4, 1],
    [5, 0],
    [1, 3],
    [0, 4],
    [3, 5],
    [4, 0],
    [5, 6],
]
TARGET_W1 = np.array([1, 2, 3, 4, 5, 1, 0, 3, 4, 5, 0])

CONTEXTS_W2 = [
    [0, 1, 3, 4],
    [1, 2, 4, 5],
    [2, 3, 5, 1],
    [3, 4, 1, 0],
    [4, 5, 0, 3],
    [5, 1, 3, 4],
    [1, 0, 4, 5],
    [0, 3, 5, 0],
    [3, 4, 0, 6],
]
TARGET_W2 = [2, 3, 4, 5, 1, 0, 3, 4, 5]

H_11 = np.array(
    [
        [0.20492465, 0.75936608, 0.6827763],
        [0.34191755, 0.45416866, 0.37110143],
        [0.52786969, 0.4027141, 0.71930598],
        [0.1190902, 0.00528928, 0.49815719],
        [0.33127124, 0.32771372, 0.32955939],
        [0.70687755, 0.22116059, 0.45107849],
        [0.73416129, 0.46468047, 0.36414281],
        [0.55719554, 0.14669425, 0.06622113],
        [0.98160422, 0.67501499, 0.89157764],
        [0.92863165, 0.42049922, 0.31162513],
        [0.4942497, 0.45484971, 0.91184724],
    ]
)
NEGATIVE_11 = np.array(
    [
        [0, 4, 3],
        [1, 4, 0],
        [0, 4, 2],
        [0, 3, 5],
        [6, 3, 0],
        [2, 3, 0],
        [5, 4, 1],
        [1, 5, 2],
        [1, 0, 3],
        [4, 3, 0],
        [4, 3, 6],
    ],
    dtype=np.int32,
)
DH_11 = [
    [0.04532614, 0.1071281, 0.05719736],
    [0.0841118, 0.07447839, 0.07108188],
    [0.04866971, 0.06285227, 0.07957215],
    [0.03496314, 0.10941099, 0.04568705],
    [0.07903256, 0.12396893, 0.09147545],
    [0.03491494, 0.12043171, 0.06286656],
    [0.07233327, 0.05278868, 0.05334319],
    [0.05714568, 0.05223116, 0.06388118],
    [0.10358789, 0.17297228, 0.09408668],
    [0.0549831, 0.10041509, 0.0581471],
    [0.08127711, 0.09442739, 0.07999488],
]


@both
def test_embedding_dot_forward(book):
    layer = book.negative_sampling_layer.EmbeddingDot(W_OUT.copy())
    rows = layer.embed.forward(IDX_5)
    assert_printed(
        rows,
        [
            [0.42033671, 0.80675672, 0.62130127],
            [0.80137914, 0.64169277, 0.5595805],
            [0.21548923, 0.56463616, 0.48042361],
            [0.42033671, 0.80675672, 0.62130127],
            [0.21747332, 0.45931022, 0.29034645],
        ],
    )
    out = layer.forward(H_5, IDX_5)
    assert_printed(out, [0.85707363, 0.74227263, 0.56900188, 0.4951106, 0.7051907])
    h, kept_rows = layer.cache
    assert_printed(h, H_5)
    assert_printed(kept_rows, rows)


@both
def test_embedding_dot_backward(book):
    layer = book.negative_sampling_layer.EmbeddingDot(W_OUT.copy())
    grads, array = layer.grads, layer.grads[0]
    np.testing.assert_array_equal(array, np.zeros((10, 3)))
    layer.forward(H_5, IDX_5)
    dh = layer.backward(DOUT_5)

    expected = np.zeros((10, 3))
    expected[0] = [0.57515339, 0.35015157, 0.04784344]
    expected[1] = [0.03591651, 0.04649164, 0.06000307]
    expected[2] = [0.25392997, 0.12281249, 0.16911812]
    expected[5] = [0.25440649, 0.38401354, 0.30296992]
    assert_printed(grads[0], expected)
    np.testing.assert_array_equal(grads[0][[3, 4, 6, 7, 8, 9]], 0)
    assert_printed(dh[0], [0.20846125, 0.4001019, 0.30812736])
    assert layer.grads is grads
    assert grads[0] is array


@both
def test_embedding_backward_of_the_printed_rows(book):
    layer = book.layers.Embedding(W_OUT.copy())
    layer.forward(IDX_5)
    dtarget = np.array(
        [
            [0.39848769, 0.29782472, 0.02782049],
            [0.03591651, 0.04649164, 0.06000307],
            [0.25392997, 0.12281249, 0.16911812],
            [0.17666571, 0.05232685, 0.02002295],
            [0.25440649, 0.38401354, 0.30296992],
        ]
    )
    assert layer.backward(dtarget) is None
    assert_printed(layer.grads[0][0], [0.57515339, 0.35015157, 0.04784344])
    assert_printed(layer.grads[0][5], dtarget[4])


@both
def test_word_probabilities_of_the_sampler(book):
    counts = np.bincount(CORPUS)
    assert counts.tolist() == [3, 2, 1, 2, 2, 2, 1]
    sampler = book.negative_sampling_layer.UnigramSampler(CORPUS, 0.75, 3)
    assert sampler.vocab_size == 7
    assert sampler.sample_size == 3
    word_p = [0.20710218, 0.15279749, 0.09085393, 0.15279749, 0.15279749, 0.15279749, 0.09085393]
    assert_printed(sampler.word_p, word_p)
    plain = book.negative_sampling_layer.UnigramSampler(CORPUS, 1.0, 3)
    assert_printed(plain.word_p, counts / 13)


@both
@pytest.mark.parametrize(
    ("window", "contexts", "target"),
    [(1, CONTEXTS_W1, TARGET_W1), (2, CONTEXTS_W2, TARGET_W2)],
    ids=["window 1", "window 2"],
)
def test_contexts_and_target(book, window, contexts, target):
    made = book.util.create_contexts_target(CORPUS, window)
    np.testing.assert_array_equal(made[0], contexts)
    np.testing.assert_array_equal(made[1], target)


@both
def test_samples_with_replacement(book):
    np.random.seed(0)
    sampler = book.negative_sampling_layer.UnigramSampler(CORPUS, 0.75, 3, replace=True)
    draws = [sampler.get_negative_sample(TARGET_W1) for _ in range(100)]
    assert all(draw.shape == (11, 3) and draw.dtype == np.int32 for draw in draws)
    rows = np.concatenate(draws)
    targets = np.tile(TARGET_W1, 100)
    assert set(rows.ravel().tolist()) == set(range(7))
    assert any(len(set(row)) < 3 for row in rows.tolist())
    assert (rows == targets[:, np.newaxis]).any()


@both
def test_samples_without_replacement(book):
    np.random.seed(0)
    sampler = book.negative_sampling_layer.UnigramSampler(CORPUS, 0.75, 3)
    for _ in range(100):
        draw = sampler.get_negative_sample(TARGET_W1)
        assert draw.shape == (11, 3)
        assert draw.dtype == np.int32
        assert draw.min() >= 0
        assert draw.max() < 7
        assert all(len(set(row)) == 3 for row in draw.tolist())
        assert not (draw == TARGET_W1[:, np.newaxis]).any()


@both
def test_negative_sampling_loss(book):
    layer = book.negative_sampling_layer.NegativeSamplingLoss(
        W_OUT.copy(), CORPUS, power=0.75, sample_size=3
    )
    layer.sampler.get_negative_sample = lambda target: NEGATIVE_11
    assert_printed(layer.forward(H_11, TARGET_W1), 3.7561602905079527)
    assert_printed(layer.backward(1), DH_11)
    total = sum(np.asarray(grad) for grad in layer.grads)
    assert_printed(total[0], [0.24323087, 0.19551592, 0.24852948])
    np.testing.assert_array_equal(total[7:], 0)


@both
def test_negative_sampling_loss_of_its_layers_one_by_one(book):
    ns = book.negative_sampling_layer
    W = W_OUT.copy()
    losses = [book.layers.SigmoidWithLoss() for _ in range(4)]
    dots = [ns.EmbeddingDot(W) for _ in range(4)]
    words = [TARGET_W1, *NEGATIVE_11.T]
    labels = [np.full(11, k == 0, dtype=np.int32) for k in range(4)]
    columns = list(zip(losses, dots, words, labels, strict=True))

    loss = sum(loss.forward(dot.forward(H_11, word), t) for loss, dot, word, t in columns)
    assert_printed(loss, 3.7561602905079527)
    dh = sum(dot.backward(loss.backward(1)) for loss, dot, _, _ in columns)
    assert_printed(dh, DH_11)


@both
def test_negative_sampling_loss_lists_its_table_once_per_layer(book):
    W = W_OUT.copy()
    layer = book.negative_sampling_layer.NegativeSamplingLoss(W, CORPUS, sample_size=3)
    assert len(layer.params) == len(layer.grads) == 4
    assert all(param is W for param in layer.params)
    assert len(layer.loss_layers) == len(layer.embed_dot_layers) == 4


@both
def test_gradients_before_backward_are_zeros_and_print_as_arrays(book):
    W = np.ones((7, 3), dtype=np.float32)
    grads = book.negative_sampling_layer.NegativeSamplingLoss(W, CORPUS, sample_size=2).grads
    assert len(grads) == 3
    for grad in grads:
        assert grad.dtype == np.float32
        np.testing.assert_array_equal(grad, np.zeros((7, 3)))
        rows = ",\n       ".join(["[0., 0., 0.]"] * 7)
        assert repr(grad) == f"array([{rows}], dtype=float32)"
    assert repr(grads).startswith("[array([[0., 0., 0.],\n")


@both
def test_cbow_step_by_step(book):
    np.random.seed(0)
    W_in = 0.01 * np.random.randn(7, 3).astype("f")
    W_out = 0.01 * np.random.randn(7, 3).astype("f")
    in_layers = [book.layers.Embedding(W_in) for _ in range(4)]
    ns_loss = book.negative_sampling_layer.NegativeSamplingLoss(
        W_out, CORPUS, power=0.75, sample_size=2
    )
    contexts, target = book.util.create_contexts_target(CORPUS, 2)

    h = 0
    for i, layer in enumerate(in_layers):
        h += layer.forward(contexts[:, i])
    h *= 1 / len(in_layers)
    loss = ns_loss.forward(h, target)
    assert loss == pytest.approx(3 * np.log(2), abs=1e-3)

    dout = ns_loss.backward(1)
    dout *= 1 / len(in_layers)
    for layer in in_layers:
        layer.backward(dout)
    for layer in [*in_layers, ns_loss]:
        for grad in layer.grads:
            assert grad.dtype == np.float32
    assert np.any(in_layers[0].grads[0])
    assert np.any(sum(np.asarray(grad) for grad in ns_loss.grads))


# A notebook on the common modules ----------------------------------------------------------------


@both
def test_softmax_of_shifted_rows(book):
    x = np.array(
        [
            [0.11135296, 0.122053, 0.03633232, 0.88701696, 0.88453433]
            + [0.39621719, 0.1948172, 0.67292786, 0.61929743, 0.55097712],
            [0.32564866, 0.46566645, 0.4740782, 0.62373923, 0.39011894]
            + [0.26955994, 0.97346434, 0.46335032, 0.97516368, 0.20834321],
            [0.34916043, 0.83728344, 0.17019238, 0.08548609, 0.98580415]
            + [0.99480285, 0.26105012, 0.87504177, 0.27055001, 0.33323742],
        ]
    )
    shifted = np.array(
        [
            [-0.775664, -0.76496397, -0.85068464, 0.0, -0.00248264]
            + [-0.49079977, -0.69219976, -0.21408911, -0.26771953, -0.33603984],
            [-0.64951501, -0.50949723, -0.50108548, -0.35142444, -0.58504474]
            + [-0.70560374, -0.00169934, -0.51181336, 0.0, -0.76682047],
            [-0.64564242, -0.15751941, -0.82461047, -0.90931676, -0.0089987]
            + [0.0, -0.73375273, -0.11976108, -0.72425284, -0.66156543],
        ]
    )
    top = x.max(axis=1, keepdims=True)
    assert_printed(top.ravel(), [0.88701696, 0.97516368, 0.99480285])
    assert_printed(x - top, shifted)
    y = book.functions.softmax(x)
    assert_printed(y, book.functions.softmax(shifted))
    np.testing.assert_allclose(y.sum(axis=1), 1, rtol=1e-12)
    assert_printed(np.log(y / y.max(axis=1, keepdims=True)), shifted)


@both
def test_cross_entropy_of_ids_and_one_hot_rows(book):
    y = np.array(
        [
            [0.31257018, 0.34488643, 0.89503249, 0.81652211],
            [0.22353089, 0.93211929, 0.46599576, 0.07547959],
            [0.05032798, 0.44844512, 0.03888196, 0.75487034],
        ]
    )
    one_hot = np.array([[0, 0, 1, 0], [1, 0, 0, 0], [0, 0, 0, 1]])
    assert_printed(book.functions.cross_entropy_error(y, one_hot), 0.6301031654087983)
    assert_printed(book.functions.cross_entropy_error(y, np.array([2, 0, 3])), 0.6301031654087983)


@both
def test_sigmoid_with_loss_uses_both_probabilities(book):
    p = np.array([0.54160303, 0.70733586, 0.67806709, 0.50306421, 0.62419483])
    beside = np.array([0.45839697, 0.29266414, 0.32193291, 0.49693579, 0.37580517])
    x = np.log(p / (1 - p))
    assert_printed(book.functions.sigmoid(x), p)
    for t in ([1, 1, 1, 1, 1], [0, 0, 0, 0, 0], [0, 1, 0, 0, 1]):
        t = np.array(t)
        layer = book.layers.SigmoidWithLoss()
        expected = -np.log(np.where(t == 1, p, beside) + 1e-7).mean()
        assert_printed(layer.forward(x, t), expected)
        assert_printed(layer.y, p)


CONTEXTS_5 = np.array([[0, 2], [1, 3], [2, 4], [3, 0], [4, 2]])


@both
def test_embedding_forward_of_a_column_of_contexts(book):
    W = np.array(
        [
            [0.40764955, 0.56311368, 0.78249991],
            [0.99117109, 0.47447357, 0.7678935],
            [0.61934867, 0.70504507, 0.93998326],
            [0.43767825, 0.26531322, 0.09519192],
            [0.35273241, 0.12578239, 0.53037447],
        ]
    )
    layer = book.layers.Embedding(W)
    assert_printed(layer.forward(CONTEXTS_5[:, 0]), W)
    assert_printed(
        layer.forward(CONTEXTS_5[:, 1]),
        [
            [0.61934867, 0.70504507, 0.93998326],
            [0.43767825, 0.26531322, 0.09519192],
            [0.35273241, 0.12578239, 0.53037447],
            [0.40764955, 0.56311368, 0.78249991],
            [0.61934867, 0.70504507, 0.93998326],
        ],
    )


DW_5 = [[9, 10, 11], [0, 0, 0], [12, 14, 16], [3, 4, 5], [6, 7, 8]]


@both
def test_embedding_backward_adds_up_repeated_ids(book):
    layer = book.layers.Embedding(np.ones((5, 3)))
    layer.grads[0][...] = 1
    layer.forward(CONTEXTS_5[:, 1])
    layer.backward(np.arange(15).reshape(5, 3))
    np.testing.assert_array_equal(layer.grads[0], DW_5)


@both
def test_scatter_add_adds_up_repeated_ids(book):
    dW = np.zeros((5, 3))
    book.functions.scatter_add(dW, CONTEXTS_5[:, 1], np.arange(15).reshape(5, 3))
    np.testing.assert_array_equal(dW, DW_5)


class CountsBatches:
    """A model with one weight and a constant loss."""

    def __init__(self):
        self.params = [np.zeros(1)]
        self.grads = [np.zeros(1)]
        self.sizes = []

    def forward(self, x, t):
        self.sizes.append((len(x), len(t)))
        return 1.0

    def backward(self, dout=1):
        pass


@both
def test_iterations_and_lines_of_fit(book, capsys):
    model = CountsBatches()
    trainer = book.trainer.Trainer(model, book.optimizer.SGD())
    rows = np.random.default_rng(0).standard_normal(1000)
    trainer.fit(rows, rows, max_epoch=10, batch_size=32, eval_interval=20)
    assert model.sizes == [(32, 32)] * 310
    lines = capsys.readouterr().out.splitlines()
    starts = [f"| epoch {e} |  iter {i} / 31 | time " for e in range(1, 11) for i in (1, 21)]
    for line, start in zip(lines, starts, strict=True):
        assert line.startswith(start)
        assert line.endswith("[s] | loss 1.00")
    assert trainer.loss_list == [1.0] * 20


@both
def test_remove_duplicate_adds_up_gradients_of_shared_weights(book):
    p0 = np.array([[0.93045654, 0.4905727], [0.49870966, 0.66568473], [0.61964113, 0.55019474]])
    p1 = np.array([[0.63848707, 0.17872674], [0.45618938, 0.25803042], [0.40786247, 0.42609544]])
    g0 = np.array([[0.11146234, 0.71098111], [0.39039955, 0.16017788], [0.21971684, 0.85103332]])
    g1 = np.array([[0.81315365, 0.51003043], [0.76415778, 0.76162947], [0.58297523, 0.62952891]])
    g2 = np.array([[0.17607174, 0.65581518], [0.20152484, 0.06226587], [0.72038493, 0.22736975]])
    second = g1.copy()
    params, grads = [p0, p1, p0], [g0, g1, g2]

    kept_params, kept_grads = book.trainer.remove_duplicate(params, grads)
    assert len(params) == len(grads) == 3
    assert len(kept_params) == len(kept_grads) == 2
    assert kept_params[0] is p0
    assert kept_params[1] is p1
    assert kept_grads[0] is g0
    assert kept_grads[1] is g1
    summed = [[0.28753408, 1.36679629], [0.59192439, 0.22244375], [0.94010177, 1.07840307]]
    assert_printed(g0, summed)
    np.testing.assert_array_equal(g1, second)


def rnn_of_the_notebook():
    """Return the sizes and weights of the notebook's RNN."""
    N, T, D, H = 10, 10, 5, 3
    Wx = (np.random.randn(D, H) / np.sqrt(D)).astype("f")
    Wh = (np.random.randn(H, H) / np.sqrt(H)).astype("f")
    return N, T, D, H, [Wx, Wh, np.zeros(H).astype("f")]


@both
def test_one_step_of_an_rnn(book):
    N, _, D, H, params = rnn_of_the_notebook()
    Wx, Wh, b = params
    layer = book.time_layers.RNN(*params)
    assert [grad.shape for grad in layer.grads] == [(5, 3), (3, 3), (3,)]
    assert not any(grad.any() for grad in layer.grads)
    assert layer.cache is None
    h_prev, x = np.random.rand(N, H), np.random.rand(N, D)  # float64, beside float32 weights

    h_next = layer.forward(x, h_prev)
    assert h_next.shape == (10, 3)
    np.testing.assert_allclose(h_next, np.tanh(h_prev @ Wh + x @ Wx + b), rtol=1e-6)

    dh_next = np.random.rand(*h_next.shape)
    dx, dh_prev = layer.backward(dh_next)
    dt = dh_next * (1 - h_next**2)
    for found, expected, shape in (
        (dx, dt @ Wx.T, (10, 5)),
        (dh_prev, dt @ Wh.T, (10, 3)),
        (layer.grads[0], x.T @ dt, (5, 3)),
        (layer.grads[1], h_prev.T @ dt, (3, 3)),
        (layer.grads[2], dt.sum(axis=0), (3,)),
    ):
        assert found.shape == shape
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-7)
    assert all(grad.dtype == np.float32 for grad in layer.grads)


@both
def test_time_rnn_equals_a_loop_over_rnn(book):
    N, T, D, H, params = rnn_of_the_notebook()
    xs, dhs = np.random.rand(N, T, D), np.random.rand(N, T, H)
    time_grads = [np.zeros_like(W) for W in params]

    time_layers, hs, h = [], np.empty((N, T, H), dtype="f"), np.zeros((N, H), dtype="f")
    for t in range(T):
        layer = book.time_layers.RNN(*params)
        h = layer.forward(xs[:, t, :], h)
        hs[:, t, :] = h
        time_layers.append(layer)
    dxs, dh, grads = np.empty((N, T, D), dtype="f"), 0, [0, 0, 0]
    for t in reversed(range(T)):
        dx, dh = time_layers[t].backward(dhs[:, t, :] + dh)
        dxs[:, t, :] = dx
        for i, grad in enumerate(time_layers[t].grads):
            grads[i] += grad
    for i, grad in enumerate(grads):
        time_grads[i][...] = grad

    whole = book.time_layers.TimeRNN(*params)
    found = whole.forward(xs)
    assert found.shape == (10, 10, 3) and found.dtype == np.float32
    np.testing.assert_allclose(found, hs, rtol=1e-5, atol=1e-6)
    found = whole.backward(dhs)
    assert found.shape == (10, 10, 5) and found.dtype == np.float32
    np.testing.assert_allclose(found, dxs, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(whole.dh, dh, rtol=1e-5, atol=1e-6)
    for mine, theirs in zip(whole.grads, time_grads, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-4, atol=1e-5)


@both
def test_time_affine(book):
    N, T, H, D = 2, 8, 3, 8
    W, b, hs = np.random.rand(H, D), np.random.rand(D), np.random.rand(N, T, H)
    inner = np.dot(hs.reshape(N * T, -1), W)
    assert inner.shape == (16, 8)
    out = book.time_layers.TimeAffine(W, b).forward(hs)
    assert out.shape == (2, 8, 8)
    assert_printed(out.reshape(16, 8), inner + b)


# Notes on Keras and TensorFlow -------------------------------------------------------------------


def test_addition_data_and_sizes():
    """45,000 and 5,000 sums, 13 characters; an embedding of 13 x 16 = 208 numbers."""
    data = sequence.encode_pairs(sequence.addition_pairs())
    assert data.x_train.shape == (45000, 7) and data.x_test.shape == (5000, 7)
    assert data.t_train.shape == (45000, 5) and data.t_test.shape == (5000, 5)
    assert sorted(data.char_to_id) == sorted("0123456789+ _")
    answer = "".join(data.id_to_char[i] for i in data.t_test[0].tolist())
    assert answer[0] == "_" and len(answer[1:]) == 4 and answer[1:].strip().isdecimal()
    model = models.Seq2seq(13, 16, 128)
    assert model.encoder.embed.W.size == 208
    assert model.encoder.lstm.params[0].shape == (16, 512)


ADDITION_MODELS = {
    "separate": {},
    "reversed": {"reverse": True},
    "shared": {"shared_embedding": True},
}


@pytest.mark.parametrize("name", ADDITION_MODELS)
def test_addition_models_learn(name):
    """Three models, on sums of one digit."""
    pairs = [(f"{a}+{b}", str(a + b)) for a in range(10) for b in range(10)] * 3
    data = sequence.encode_pairs(pairs)
    np.random.seed(0)
    model = models.Seq2seq(len(data.char_to_id), 16, 64, hand_over_c=True, **ADDITION_MODELS[name])
    assert (model.encoder.embed.W is model.decoder.embed.W) is (name == "shared")
    assert len(remove_duplicate(model.params, model.grads)[0]) == (9 if name == "shared" else 10)
    trainer = Trainer(model, Adam(0.01))
    trainer.fit(data.x_train, data.t_train, 60, 30, 5.0, eval_interval=None)
    assert model.accuracy(data.x_train, data.t_train) > 0.9


@both
def test_embedding_of_fixed_and_variable_length(book):
    """50,000 x 128 numbers; ids (3, 1) and (3, 2) of 0 give equal vectors."""
    W = np.random.default_rng(0).uniform(-1, 1, (50000, 128)).astype(np.float32)
    assert W.size == 6_400_000
    layer = book.layers.Embedding(W)
    for shape in ((3, 1), (3, 2)):
        for out in (layer.forward(np.zeros(shape, int)), W[np.zeros(shape, int)]):
            assert out.shape == (*shape, 128)
            np.testing.assert_array_equal(out, np.broadcast_to(W[0], out.shape))
    over_time = book.time_layers.TimeEmbedding(W)
    for T in (1, 2, 5):
        assert over_time.forward(np.zeros((3, T), int)).shape == (3, T, 128)
    assert layer.forward(np.array([7, 7])).shape == (2, 128)


@both
def test_parameter_counts_of_rnn_and_lstm(book):
    units, per_gate = 20, 20 + 400 + 20
    for name, gates, total in (("TimeLSTM", 4, 1760), ("TimeRNN", 1, 440)):
        shapes = (1, gates * units), (units, gates * units), (gates * units,)
        layer = getattr(book.time_layers, name)(*map(np.zeros, shapes))
        assert sum(W.size for W in layer.params) == gates * per_gate == total
        assert layer.forward(np.zeros((7, 25, 1))).shape == (7, 25, units)


@both
@pytest.mark.parametrize("kind", ["sigmoid", "hard_sigmoid_keras2"])
def test_lstm_formulas_with_a_kernel_per_gate(book, kind):
    """i, f, z, o with kernels of their own; c = f * c_tm1 + i * z, y = o * tanh(c)."""
    N, D, units = 4, 1, 20
    kernel, recurrent_kernel, bias = (
        {gate: 0.3 * np.random.randn(*shape) for gate in "fzio"}
        for shape in ((D, units), (units, units), (units,))
    )
    inputs, y_tm1, c_tm1 = (np.random.randn(N, width) for width in (D, units, units))
    gates = {
        "sigmoid": lambda a: 1 / (1 + np.exp(-a)),
        "hard_sigmoid_keras2": lambda a: np.clip(0.2 * a + 0.5, 0, 1),
    }
    a = {g: inputs @ kernel[g] + bias[g] + y_tm1 @ recurrent_kernel[g] for g in "fzio"}
    f, i, o = (gates[kind](a[g]) for g in "fio")
    c = f * c_tm1 + i * np.tanh(a["z"])
    y = o * np.tanh(c)

    columns = [np.concatenate([w[g] for g in "fzio"], axis=-1) for w in (kernel, recurrent_kernel)]
    b = np.concatenate([bias[g] for g in "fzio"])
    cell = book.time_layers.LSTM(*columns, b, recurrent_activation=kind)
    for found, expected in zip(cell.forward(inputs, y_tm1, c_tm1), (y, c), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-12)
    layer = book.time_layers.TimeLSTM(
        *columns, b, stateful=True, dtype=np.float64, recurrent_activation=kind
    )
    layer.set_state(y_tm1, c_tm1)
    np.testing.assert_allclose(layer.forward(inputs[:, None])[:, 0], y, rtol=1e-12)
    np.testing.assert_allclose(layer.c, c, rtol=1e-12)


# A note on where W_in changes --------------------------------------------------------------------

W_IN_7 = np.array(
    [
        [-0.00701334, -0.0073347, 0.01756549],
        [-0.00425539, -0.00826015, -0.00587883],
        [0.01375221, 0.01287736, 0.00347899],
        [-0.01656658, 0.01144262, 0.00432454],
        [0.01538134, -0.00216335, -0.00644081],
        [0.00757222, -0.00047482, -0.02197131],
        [0.01234352, 0.01055192, 0.00145422],
    ],
    dtype=np.float32,
)


@both
def test_a_row_of_the_table_is_a_view_of_it(book):
    W_in = W_IN_7.copy()
    # The note adds 0.3 to the row; an optimizer does the same with a gradient of -0.3.
    book.optimizer.SGD(lr=1.0).update([W_in[2]], [np.full(3, -0.3)])
    expected = W_IN_7.copy()
    expected[2] = [0.3137522, 0.31287736, 0.303479]
    assert_printed(W_in, expected)


@both
def test_word_vecs_is_the_weight_that_the_optimizer_updates(book, capsys):
    np.random.seed(0)
    model = book.cbow.CBOW(7, 3, 1, CORPUS)
    contexts, target = book.util.create_contexts_target(CORPUS, 1)
    assert model.word_vecs is model.params[0]
    vectors, row = model.word_vecs, model.word_vecs[2]
    before = vectors.copy()
    trainer = book.trainer.Trainer(model, book.optimizer.Adam())
    trainer.fit(contexts, target, max_epoch=2, batch_size=3)
    assert model.word_vecs is vectors
    assert model.params[0] is vectors
    assert (row != before[2]).all()
    np.testing.assert_array_equal(row, vectors[2])
    assert capsys.readouterr().out.count("\n") == 2


@both
def test_cbow_lists_its_tables_once_per_layer(book):
    model = book.cbow.CBOW(7, 3, 5, CORPUS)
    assert len(model.params) == len(model.grads) == 10 + 6
    assert all(param is model.word_vecs for param in model.params[:10])
    W_out = model.params[10]
    assert W_out is not model.word_vecs
    assert all(param is W_out for param in model.params[10:])


# A notebook on Embedding -------------------------------------------------------------------------


@both
def test_scatter_add_to_one_row(book):
    dW = np.array([[0.75742013, 0.36703447, 0.79939089], [0.39677436, 0.61034915, 0.32105759]])
    first = dW[0].copy()
    book.functions.scatter_add(dW, 1, np.array([1, 2, 3]))
    assert_printed(dW[1], [1.39677436, 2.61034915, 3.32105759])
    np.testing.assert_array_equal(dW[0], first)


@both
def test_embedding_of_one_id(book):
    embed_W = np.array(
        [
            [0.38920804, -0.07930378, -0.69509834],
            [-0.35006118, 1.02021864, -0.91219735],
            [-0.0519599, -2.21822357, -2.11739736],
            [0.73431946, 0.98623112, -2.42078412],
            [1.7784221, 0.96226115, 0.45536535],
            [0.92357557, 0.12315335, 0.75173579],
            [-0.32875561, 0.32420245, 0.08943111],
            [-0.18860348, -0.75743658, 0.44541143],
            [-0.68366388, 1.04258691, -1.25271607],
            [0.76258151, -1.00652386, 1.09406112],
        ]
    )
    layer = book.layers.Embedding(embed_W)
    row = layer.forward(2)
    assert row.shape == (3,)
    assert_printed(row, [-0.0519599, -2.21822357, -2.11739736])
    assert layer.idx == 2
    assert layer.backward(np.arange(3)) is None
    expected = np.zeros((10, 3))
    expected[2] = [0, 1, 2]
    np.testing.assert_array_equal(layer.grads[0], expected)


# The book, chapter 2 -----------------------------------------------------------------------------


@pytest.fixture
def say_hello():
    return "You say goodbye and I say hello."


@both
def test_similarity_of_you_and_i(book, say_hello):
    corpus, word_to_id, id_to_word = book.util.preprocess(say_hello)
    assert corpus.dtype == np.int64
    assert corpus.tolist() == [0, 1, 2, 3, 4, 1, 5, 6]
    assert len(word_to_id) == len(id_to_word) == 7
    C = book.util.create_co_matrix(corpus, 7)
    assert C.dtype == np.int32
    similarity = book.util.cos_similarity(C[word_to_id["you"]], C[word_to_id["i"]])
    assert similarity == pytest.approx(0.7071067691154799, abs=1e-15)


@both
def test_ppmi_of_you_say_goodbye(book, say_hello):
    corpus, _, _ = book.util.preprocess(say_hello)
    M = book.util.ppmi(book.util.create_co_matrix(corpus, 7))
    assert M.dtype == np.float32
    # Distinct values in the three digits the book prints.
    assert set(np.round(M, 3).ravel().tolist()) == set(
        np.float32([0, 0.807, 1.807, 2.807]).tolist()
    )
    np.testing.assert_allclose(M[0], [0, 1.807, 0, 0, 0, 0, 0], atol=5e-4)
    np.testing.assert_allclose(M[1], [1.807, 0, 0.807, 0, 0.807, 0.807, 0], atol=5e-4)
    np.testing.assert_allclose(M[6], [0, 0, 0, 0, 0, 2.807, 0], atol=5e-4)


@both
def test_most_similar_to_you(book, say_hello, capsys):
    corpus, word_to_id, id_to_word = book.util.preprocess(say_hello)
    C = book.util.create_co_matrix(corpus, 7)
    assert book.util.most_similar("you", word_to_id, id_to_word, C, top=5) is None
    blank, query, *lines = capsys.readouterr().out.splitlines()
    assert blank == ""
    assert query == "[query] you"
    # Equal scores come in the order of numpy's argsort, which is not the same on every processor.
    words, scores = zip(*(line.split(": ") for line in lines), strict=True)
    assert set(words[:3]) == {" goodbye", " i", " hello"}
    assert scores == ("0.7071067691154799",) * 3 + ("0.0",) * 2
