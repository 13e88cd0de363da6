"""Values recorded from the book's code, against the reference and the fast package.

Only values are compared: the book turns float32 scores with integer targets into float64
gradients, and the fast package stays in float32.
"""

import re

import numpy as np
import pytest
from golden import assert_close, cases, load, sequence
from implementations import both
from own_model import TwoLayerNet

LAYERS = ["MatMul", "Affine", "Softmax", "Sigmoid", "SoftmaxWithLoss", "SigmoidWithLoss"]
FUNCTIONS = {
    "sigmoid": "sigmoid",
    "relu": "relu",
    "softmax1": "softmax",
    "softmax2": "softmax",
}
# The recording does not name its settings; these were found from its numbers, and reproduce them.
OPTIMIZER_SETTINGS = {
    "SGD": {"lr": 0.1},
    "AdaGrad": {"lr": 0.1},
    "Adam_lr": {"lr": 0.02, "beta1": 0.8, "beta2": 0.99},
}
DROPOUT_RATIO = 0.3
WORDS = {f"w{i:02}": i for i in range(13)}
ID_TO_WORD = {i: word for word, i in WORDS.items()}


def name_of(key):
    return key.rsplit("/", 1)[1]


# common.functions ------------------------------------------------------------------------------


@both
@pytest.mark.parametrize("key", cases("functions", *FUNCTIONS))
def test_elementwise_functions_and_softmax(book, key):
    case = load(key)
    x = case["x"].copy()
    assert_close(getattr(book.functions, FUNCTIONS[name_of(key)])(x), case["y"], key)
    np.testing.assert_array_equal(x, case["x"])


@both
@pytest.mark.parametrize("key", cases("functions", "cross_entropy"))
def test_cross_entropy_error(book, key):
    case = load(key)
    assert_close(book.functions.cross_entropy_error(case["y"], case["t"]), case["loss"], key)


# layers ----------------------------------------------------------------------------------------


def assert_all_close(results, case, prefix, key):
    """Assert that one result, or a tuple of them, equals the recorded one."""
    results = results if isinstance(results, tuple) else (results,)
    expected = [case[f"{prefix}{k}"] for k in range(len(results))]
    assert f"{prefix}{len(results)}" not in case
    for actual, recorded in zip(results, expected, strict=True):
        assert_close(actual, recorded, key)


def check_layer(layer, key):
    """Check one forward and two backwards: results, gradients, and unchanged arguments."""
    case = load(key)
    inputs, douts = sequence(load(key), "in"), sequence(load(key), "dout")
    params = [param.copy() for param in layer.params]
    grads = list(layer.grads)

    assert_all_close(layer.forward(*inputs), case, "out", key)
    for _ in range(2):
        dx = layer.backward(*douts)
        if "dx0" in case:
            assert_all_close(dx, case, "dx", key)
        else:
            assert dx is None
        for grad, expected in zip(layer.grads, sequence(case, "grad"), strict=True):
            assert_close(grad, expected, key)

    assert all(now is before for now, before in zip(layer.grads, grads, strict=True))
    for now, before in [
        *zip(inputs, sequence(load(key), "in"), strict=True),
        *zip(douts, sequence(load(key), "dout"), strict=True),
        *zip(layer.params, params, strict=True),
    ]:
        np.testing.assert_array_equal(now, before)


@both
@pytest.mark.parametrize(
    "key",
    [
        *cases("layers"),
        *cases("extras", "MatMul_int32_onehot"),
        *cases("tiles", "Embedding"),
    ],
)
def test_layer(book, key):
    params = sequence(load(key), "param")
    layer = getattr(book.layers, name_of(key).split("_")[0])(*params)
    assert all(mine is given for mine, given in zip(layer.params, params, strict=True))
    check_layer(layer, key)


@both
def test_dropout_at_test_time(book):
    key = "extras/Dropout_test"
    case = load(key)
    y = book.layers.Dropout(DROPOUT_RATIO).forward(case["x"], train_flg=False)
    assert_close(y, case["y"], key)


@both
@pytest.mark.parametrize("key", cases("negative_sampling", "EmbeddingDot"))
def test_embedding_dot(book, key):
    check_layer(book.negative_sampling_layer.EmbeddingDot(*sequence(load(key), "param")), key)


@both
@pytest.mark.parametrize("key", cases("negative_sampling", "NegativeSamplingLoss"))
def test_negative_sampling_loss(book, key):
    case = load(key)
    W, h, negative = case["W"].copy(), case["h"].copy(), case["negative"]
    layer = book.negative_sampling_layer.NegativeSamplingLoss(
        W, case["corpus"], sample_size=negative.shape[1]
    )
    layer.sampler.get_negative_sample = lambda target: negative
    assert_close(layer.sampler.word_p, case["word_p"], key.replace("/f4/", "/f8/"))

    assert_close(layer.forward(h, case["target"]), case["loss"], key)
    for _ in range(2):
        assert_close(layer.backward(), case["dh"], key)
        # How the gradient is spread over the copies of W is left open; their sum is not.
        assert_close(np.sum([np.asarray(g) for g in layer.grads], axis=0), case["grad_sum"], key)
    assert len(layer.params) == len(layer.grads) == negative.shape[1] + 1
    assert all(param is W for param in layer.params)
    np.testing.assert_array_equal(h, case["h"])
    np.testing.assert_array_equal(W, case["W"])


# common.time_layers ----------------------------------------------------------------------------

RECURRENT = ["TimeRNN", "TimeLSTM", "TimeGRU", "TimeBiLSTM"]
STEPWISE = [
    *("RNN", "LSTM", "GRU", "TimeEmbedding", "TimeAffine", "TimeSoftmaxWithLoss"),
    *("TimeSoftmaxWithLoss_onehot", "TimeSigmoidWithLoss", "Simple_TimeSoftmaxWithLoss"),
]


def keys(names):
    groups = [*cases("time_layers"), *cases("tiles")]
    return [key for key in groups if name_of(key) in names]


def check_time_layer(book, key):
    case = load(key)
    layer = getattr(book.time_layers, name_of(key).removesuffix("_onehot"))(
        *sequence(case, "param")
    )
    check_layer(layer, key)
    if "dh" in case:
        assert_close(layer.h, case["h"], key)
        assert_close(layer.dh, case["dh"], key)


@both
@pytest.mark.parametrize("key", keys(RECURRENT))
def test_recurrent_layer(book, key):
    check_time_layer(book, key)


@both
@pytest.mark.parametrize("key", keys(STEPWISE))
def test_layer_over_time(book, key):
    check_time_layer(book, key)


def test_every_case_of_the_layers_over_time_is_checked():
    states = [*cases("time_layers", "TimeLSTM_set_state"), *keys_of_stateful()]
    assert {*keys(RECURRENT), *keys(STEPWISE), *states} >= set(cases("time_layers"))


def keys_of_stateful():
    return [key for key in cases("time_layers") if key.endswith("_stateful")]


def check_gradients(layer, case, key):
    for _ in range(2):
        assert_close(layer.backward(case["dhs"]), case["dx"], key)
        assert_close(layer.dh, case["dh"], key)
        for grad, expected in zip(layer.grads, sequence(case, "grad"), strict=True):
            assert_close(grad, expected, key)


@both
@pytest.mark.parametrize("key", keys_of_stateful())
def test_stateful_layer(book, key):
    case = load(key)
    cls = getattr(book.time_layers, name_of(key).removesuffix("_stateful"))
    layer = cls(*sequence(case, "param"), stateful=True)
    assert_close(layer.forward(case["xa"]), case["ha"], key)
    assert_close(layer.forward(case["xb"]), case["hb"], key)
    check_gradients(layer, case, key)


@both
@pytest.mark.parametrize("key", cases("time_layers", "TimeLSTM_set_state"))
def test_lstm_with_a_given_state(book, key):
    case = load(key)
    layer = book.time_layers.TimeLSTM(*sequence(case, "param"), stateful=True)
    layer.set_state(case["h0"], case["c0"])
    assert_close(layer.forward(case["xs"]), case["hs"], key)
    check_gradients(layer, case, key)


@both
def test_lstm_with_a_given_h_alone(book):
    key = "extras/TimeLSTM_set_state_h_only"
    case = load(key)
    layer = book.time_layers.TimeLSTM(*sequence(case, "param"), stateful=True)
    layer.set_state(case["h0"])
    assert_close(layer.forward(case["xs"]), case["hs"], key)
    assert_close(layer.c, case["c"], key)
    assert_close(layer.backward(case["dhs"]), case["dx"], key)
    assert_close(layer.dh, case["dh"], key)


@both
@pytest.mark.parametrize("name", ["TimeAffine", "Simple_TimeAffine"])
def test_affine_with_the_transpose_of_a_table(book, name):
    key = "extras/TimeAffine_transposed"
    case = load(key)
    layer = getattr(book.time_layers, name)(case["embed_W"].T, case["b"])
    assert_close(layer.forward(case["xs"]), case["out"], key)
    assert_close(layer.backward(case["dout"]), case["dx"], key)
    dW, db = layer.grads if name == "TimeAffine" else (layer.dW, layer.db)
    assert_close(dW, case["dW"], key)
    assert_close(db, case["db"], key)


@both
def test_time_dropout_at_test_time(book):
    case = load("extras/TimeDropout_test")
    layer = book.time_layers.TimeDropout(DROPOUT_RATIO)
    layer.train_flg = False
    np.testing.assert_array_equal(layer.forward(case["x"]), case["y"], strict=True)


# ch08.attention_layer --------------------------------------------------------------------------


@both
@pytest.mark.parametrize("key", cases("attention"))
def test_attention(book, key):
    layer = getattr(book.attention_layer, name_of(key))()
    check_layer(layer, key)
    for weights, expected in zip(
        getattr(layer, "attention_weights", ()), load(key).get("weights", ()), strict=True
    ):
        assert_close(weights, expected, key)


# common.optimizer ------------------------------------------------------------------------------


@both
@pytest.mark.parametrize("key", cases("optimizer"))
def test_optimizer_trajectory(book, key):
    case = load(key)
    name = name_of(key)
    settings = OPTIMIZER_SETTINGS.get(name, {})  # the book's defaults for the others
    optimizer = getattr(book.optimizer, name.split("_")[0])(**settings)
    params = [case["init0"].copy(), case["init1"].copy()]
    n_steps = len(sequence(case, "g0_"))
    assert n_steps == 6
    for step in range(n_steps):
        grads = [case[f"g{i}_{step}"].copy() for i in range(2)]
        optimizer.update(params, grads)
        for i in range(2):
            assert_close(params[i], case[f"p{i}_{step}"], key)
            np.testing.assert_array_equal(grads[i], case[f"g{i}_{step}"])


# common.util -----------------------------------------------------------------------------------


@both
@pytest.mark.parametrize("key", cases("util", "clip_grads"))
def test_clip_grads(book, key):
    case = load(key)
    grads = sequence(case, "in")
    book.util.clip_grads(grads, case["max_norm"])
    for grad, expected in zip(grads, sequence(case, "out"), strict=True):
        assert_close(grad, expected, key)


@both
@pytest.mark.parametrize("key", cases("util", "remove_duplicate"))
def test_remove_duplicate(book, key):
    case = load(key)
    grads = sequence(case, "grad_in")
    rng = np.random.default_rng(0)
    first, second = rng.random(grads[0].shape), rng.random(grads[1].shape)
    lists = [first, second, first, first.T.copy()], list(grads)
    params, merged = book.trainer.remove_duplicate(*lists)
    assert [id(param) for param in params] == [id(first), id(second)]
    assert len(merged) == case["kept"]
    assert all(mine is array for mine, array in zip(merged, grads[:2], strict=True))
    assert [len(part) for part in lists] == [4, 4]
    for grad, expected in zip(merged, sequence(case, "grad_out"), strict=True):
        assert_close(grad, expected, key)


@both
@pytest.mark.parametrize("key", cases("util", "normalize"))
def test_normalize_works_in_place(book, key):
    case = load(key)
    x = case["x"]
    assert book.util.normalize(x) is x
    assert_close(x, case["y"], key)


@both
@pytest.mark.parametrize("key", [*cases("util", "cos_sim"), *cases("extras", "cos_sim")])
def test_cos_similarity(book, key):
    case = load(key)
    similarity = book.util.cos_similarity(case["x"], case["y"])
    assert_close(similarity, case["c"], key)
    if case["x"].dtype == np.float16:
        assert float(similarity) == case["c"]


@both
@pytest.mark.parametrize("key", cases("util", "contexts"))
def test_create_contexts_target(book, key):
    case = load(key)
    window = int(key[-1])
    contexts, target = book.util.create_contexts_target(case["corpus"], window)
    np.testing.assert_array_equal(contexts, case["contexts"], strict=True)
    np.testing.assert_array_equal(target, case["target"], strict=True)


@both
@pytest.mark.parametrize("key", cases("util", "co_matrix"))
def test_co_matrix_and_ppmi(book, key):
    case = load(key)
    C = book.util.create_co_matrix(case["corpus"], len(case["C"]), int(key[-1]))
    np.testing.assert_array_equal(C, case["C"], strict=True)
    M = book.util.ppmi(C)
    assert M.dtype == np.float32
    assert_close(M, case["ppmi"], key)


@both
@pytest.mark.parametrize("key", cases("util", "one_hot"))
def test_convert_one_hot(book, key):
    case = load(key)
    y = book.util.convert_one_hot(case["x"], case["y"].shape[-1])
    np.testing.assert_array_equal(y, case["y"], strict=True)


def printed(capsys, function, *args, **kwargs):
    assert function(*args, **kwargs) is None
    return capsys.readouterr().out


def assert_same_print(actual, expected, key):
    """Assert the same words and layout, and the same scores: to the digit for float16.

    In float32 and float64 the last digits depend on the order in which a processor adds.
    """
    if key.endswith("_f2"):
        assert actual == expected
        return
    number = r"-?\d+\.\d+"
    assert re.sub(number, "#", actual) == re.sub(number, "#", expected)
    scores = [float(score) for score in re.findall(number, actual)]
    assert_close(scores, [float(score) for score in re.findall(number, expected)], key)


@both
@pytest.mark.parametrize("key", cases("extras", "most_similar"))
def test_most_similar_prints(book, key, capsys):
    case = load(key)
    tables = (WORDS, ID_TO_WORD, case["M"])
    text = printed(capsys, book.util.most_similar, case["query"], *tables, top=4)
    assert_same_print(text, case["text"], key)
    assert printed(capsys, book.util.most_similar, "zzz", *tables) == case["missing"]


@both
@pytest.mark.parametrize("key", cases("extras", "analogy"))
def test_analogy_prints(book, key, capsys):
    case = load(key)
    M = case["M"]
    text = printed(
        capsys, book.util.analogy, "w01", "w02", "w03", WORDS, ID_TO_WORD, M, 3, answer="w05"
    )
    assert_same_print(text, case["text"], key)
    np.testing.assert_array_equal(M, load(key)["M"])


class CountsBlocks:
    """A language model without the argument train_flg whose loss is 1."""

    def __init__(self):
        self.blocks = []

    def forward(self, xs, ts):
        self.blocks.append((xs.copy(), ts.copy()))
        return 1.0


@both
def test_eval_perplexity_prints(book, capsys):
    case = load("extras/BetterRnnlm")
    model = CountsBlocks()
    ppl = book.util.eval_perplexity(model, case["eval_corpus"], 4, 5)
    assert capsys.readouterr().out == case["eval_text"]
    assert ppl == pytest.approx(np.e, rel=1e-12)
    assert len(model.blocks) == 19


class Answers:
    """A question answering model with one answer."""

    def __init__(self, answer):
        self.answer = answer

    def generate(self, question, start_id, sample_size):
        self.asked = (question, start_id, sample_size)
        return self.answer


@both
def test_eval_seq2seq_prints(book, capsys, monkeypatch):
    monkeypatch.setattr("sys.platform", "linux")
    case = load("extras/eval_seq2seq")
    letters = {i: chr(65 + i) for i in range(case["V"])}
    model = Answers([2, 2, 2, 2])
    right = book.util.eval_seq2seq(model, case["question"], case["correct"], letters, verbose=True)
    assert right == case["result"]
    assert capsys.readouterr().out == case["text"]
    assert model.asked[1:] == (case["correct"][0, 0], 4)
    np.testing.assert_array_equal(model.asked[0], case["question"])


# training --------------------------------------------------------------------------------------


@both
def test_trainer_with_a_readers_own_net(book, capsys):
    key = "extras/Trainer_custom_net"
    case = load(key)
    model = TwoLayerNet(book.layers, *sequence(case, "init"))
    trainer = book.trainer.Trainer(model, book.optimizer.SGD(1.0))
    np.random.seed(case["numpy_seed_fit"])
    trainer.fit(case["x"], case["t"], max_epoch=20, batch_size=30, eval_interval=2)

    assert_close(trainer.loss_list, case["loss_list"], key)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == case["lines"]
    assert lines[0] == case["first_line"]
    for param, expected in zip(model.params, sequence(case, "final"), strict=True):
        assert_close(param, expected, key)
    np.testing.assert_array_equal(case["x"], load(key)["x"])
    np.testing.assert_array_equal(case["t"], load(key)["t"])


@both
@pytest.mark.parametrize("name", ["CBOW", "SkipGram"])
def test_five_adam_steps(book, name):
    key = f"extras/{name}_5_adam_steps"
    case = load(key)
    np.random.seed(case["numpy_seed"])
    if name == "CBOW":
        model = book.cbow.CBOW(case["V"], case["H"], case["window"], case["corpus"])
        loss_layers = [model.ns_loss]
    else:
        model = book.skip_gram.SkipGram(case["V"], case["H"], case["window"], case["corpus"])
        loss_layers = model.loss_layers
    assert len(model.params) == len(model.grads) == case["n_params"]
    assert model.word_vecs is model.params[0]
    np.testing.assert_array_equal(model.params[0], case["W_in"], strict=True)
    np.testing.assert_array_equal(model.params[-1], case["W_out"], strict=True)

    pairs = book.util.create_contexts_target(case["corpus"], case["window"])
    for made, recorded in zip(pairs, (case["contexts"], case["target"]), strict=True):
        np.testing.assert_array_equal(made[:100], recorded)

    optimizer = book.optimizer.Adam()
    for step, expected in enumerate(case["losses"]):
        for column, layer in enumerate(loss_layers):
            negative = case["negative"][step, column]
            layer.sampler.get_negative_sample = lambda target, negative=negative: negative
        rows = slice(20 * step, 20 * (step + 1))
        assert_close(model.forward(case["contexts"][rows], case["target"][rows]), expected, key)
        assert model.backward() is None
        optimizer.update(*book.trainer.remove_duplicate(model.params, model.grads))
    assert_close(model.word_vecs, case["word_vecs"], key)
    assert_close(model.params[-1], case["W_out_final"], key)


@both
@pytest.mark.parametrize(("module", "name"), [("simple_rnnlm", "SimpleRnnlm"), ("rnnlm", "Rnnlm")])
def test_language_model_trained(book, module, name):
    key = f"models/{name}"
    case = load(key)
    np.random.seed(case["numpy_seed"])
    model = getattr(getattr(book, module), name)(case["V"], case["D"], case["H"])
    assert_initial(model, case)
    trainer = book.trainer.RnnlmTrainer(model, book.optimizer.SGD(0.5))
    trainer.fit(
        case["xs"],
        case["ts"],
        max_epoch=3,
        batch_size=4,
        time_size=5,
        max_grad=0.25,
        eval_interval=1,
    )
    assert_close(trainer.ppl_list, case["ppl"], key)
    assert_final(model, case, key)


@both
def test_better_rnnlm_trained_and_evaluated(book, capsys):
    key = "extras/BetterRnnlm"
    case = load(key)
    np.random.seed(case["numpy_seed"])
    model = book.better_rnnlm.BetterRnnlm(case["V"], 8, 8, 0.0)
    assert_initial(model, case)
    trainer = book.trainer.RnnlmTrainer(model, book.optimizer.SGD(0.5))
    trainer.fit(
        case["xs"],
        case["ts"],
        max_epoch=2,
        batch_size=4,
        time_size=5,
        max_grad=0.25,
        eval_interval=1,
    )
    assert_close(trainer.ppl_list, case["ppl"], key)
    assert_final(model, case, key)
    model.reset_state()
    capsys.readouterr()
    ppl = book.util.eval_perplexity(model, case["eval_corpus"], 4, 5)
    assert capsys.readouterr().out == case["eval_text"]
    assert_close(ppl, case["eval_ppl"], key)


SEQ2SEQ = [
    ("seq2seq", "Seq2seq"),
    ("peeky_seq2seq", "PeekySeq2seq"),
    ("attention_seq2seq", "AttentionSeq2seq"),
]


@both
@pytest.mark.parametrize(("module", "name"), SEQ2SEQ)
def test_seq2seq_trained(book, module, name):
    key = f"models/{name}"
    case = load(key)
    np.random.seed(case["numpy_seed"])
    model = getattr(getattr(book, module), name)(case["V"], case["D"], case["H"])
    assert_initial(model, case)
    question, answer = case["question"], case["answer"]
    assert_close(model.forward(question[:8], answer[:8]), case["loss0"], key)
    assert model.backward() is None
    for grad, expected in zip(model.grads, sequence(case, "grad"), strict=True):
        assert_close(grad, expected, key)
    optimizer = book.optimizer.Adam()
    for step, expected in enumerate(case["losses"]):
        rows = slice(6 * step, 6 * (step + 1))
        assert_close(model.forward(question[rows], answer[rows]), expected, key)
        model.backward()
        params, grads = book.trainer.remove_duplicate(model.params, model.grads)
        book.util.clip_grads(grads, 5.0)
        optimizer.update(params, grads)
    assert_final(model, case, key)
    generated = model.generate(question[:1], answer[0, 0], 4)
    assert generated == case["generated"].tolist()


@both
def test_seq2seq_answers_one_question(book, capsys, monkeypatch):
    monkeypatch.setattr("sys.platform", "linux")
    case = load("extras/eval_seq2seq")
    np.random.seed(case["numpy_seed"])
    model = book.seq2seq.Seq2seq(case["V"], case["D"], case["H"])
    letters = {i: chr(65 + i) for i in range(case["V"])}
    right = book.util.eval_seq2seq(model, case["question"], case["correct"], letters, verbose=True)
    assert right == case["result"]
    assert capsys.readouterr().out == case["text"]


def assert_initial(model, case):
    """Assert that the same seed gives the book's bits."""
    for param, expected in zip(model.params, sequence(case, "init"), strict=True):
        np.testing.assert_array_equal(param, expected, strict=True)


def assert_final(model, case, key):
    for param, expected in zip(model.params, sequence(case, "final"), strict=True):
        assert_close(param, expected, key)
