"""Table of layers and models, with a sample of each.

test_table.py checks the promises that all of them make, and takes them from this table only. A new
layer is one line here; a public one that is missing fails a test. readers.py is the table of the
functions that read files, and kernel_calls.py that of parallel kernels. Errors that only one layer
raises are in test_bad_input.py.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
from implementations import COMPILED
from whole_models import in_float64

import fastw2v.candidate_sampling
import fastw2v.models

# test_like_the_reference.py runs this file with other sizes.
N, T, D, H, V, K = globals().get("SIZES", (4, 3, 5, 6, 7, 2))
CORPUS = [0, 1, 2, 3, 4, 5, 6, 1, 0, 3, 4, 5, 0, 6]


class Layer(NamedTuple):
    """Recipe of a layer: its constructor, its arguments, and which of them hold ids."""

    make: Callable[..., Any]  # (book, weights, dtype); weights(*shape) draws an array
    inputs: Callable[..., dict[str, Any]]  # (rng, dtype) -> arguments of forward
    # argument -> (number of ids, meaning of negative ones: "count back", "refused", "ignored")
    ids: Mapping[str, tuple[int, str]] = {}
    empty: bool = True  # whether forward takes empty batches
    whole: bool = False  # a model, which draws float32 weights from numpy's global stream
    twin: bool = True  # whether fastw2v.reference has it
    agree: Callable[[Any], None] = lambda layer: None  # makes both draw the same numbers
    differentiable: bool = True  # False: tested elsewhere, or not a function of x
    dx: bool = True  # whether backward returns the gradients of the float inputs


def _normal(*shapes):
    """Return a function that draws arguments of these shapes by name."""
    return lambda rng, dtype, names: {
        name: rng.standard_normal(shape).astype(dtype)
        for name, shape in zip(names, shapes, strict=True)
    }


def floats(**shapes):
    return lambda rng, dtype: _normal(*shapes.values())(rng, dtype, shapes)


def ids(*shape, below=V, low=0):
    """Return a function that draws ids of a shape, the highest and the lowest first."""

    def draw(rng):
        drawn = rng.integers(low, below, shape)
        drawn.reshape(-1)[:2] = (below - 1, low)[: drawn.size]
        return drawn

    return draw


def with_ids(shapes, **drawn):
    def inputs(rng, dtype):
        return floats(**shapes)(rng, dtype) | {name: draw(rng) for name, draw in drawn.items()}

    return inputs


def only_ids(**drawn):
    return with_ids({}, **drawn)


def _fixed_negatives(layer):
    n = layer.sampler.sample_size
    layer.sampler.get_negative_sample = lambda target: (target[:, None] + 1 + np.arange(n)) % V


def _cell(name, gates, *states, biases=(), **options):
    return Layer(
        lambda book, weights, dtype: getattr(book.time_layers, name)(
            weights(D, gates * H), weights(H, gates * H), weights(*biases, gates * H), **options
        ),
        floats(x=(N, D), **dict.fromkeys(states, (N, H))),
    )


def _over_time(name, gates, n=1, biases=(), **options):
    def make(book, weights, dtype):
        shapes = ((D, gates * H), (H, gates * H), (*biases, gates * H)) * n
        given = [weights(*shape) for shape in shapes]
        return getattr(book.time_layers, name)(*given, dtype=dtype, **options)

    return Layer(make, floats(xs=(N, T, D)))


def _stacked(make_layers, container):
    """Return the recipe of a container of layers that `make_layers(one)` returns.

    one(name, D, H, n_gates) makes a layer; `container` takes the time_layers and the list.
    """

    def make(book, weights, dtype):
        def one(name, D, H, n, **options):
            biases = (2,) if options else ()
            given = weights(D, n * H), weights(H, n * H), weights(*biases, n * H)
            return getattr(book.time_layers, name)(*given, dtype=dtype, **options)

        return container(book.time_layers, make_layers(one))

    return Layer(make, floats(xs=(N, T, D)))


def _sampled(name):
    values = (
        np.array([3, 5]),
        np.full((N, 1), 0.5),
        np.full(K, 0.25),
    )

    def inputs(rng, dtype):
        x = {"x": rng.standard_normal((N, D)).astype(dtype)}
        return x | {"labels": np.array([6, 0, 3, 2]), "sampled_values": values}

    return Layer(
        lambda book, weights, dtype: getattr(book.candidate_sampling, name)(
            weights(V, D), weights(V), num_sampled=K
        ),
        inputs,
        {"labels": (V, "refused")},
        empty=False,
    )


def _plain(module, name, inputs, *shapes, **options):
    """Return the recipe of a layer whose arguments are weights of these shapes."""
    dtype_too = options.pop("dtype_too", False)

    def make(book, weights, dtype):
        given = {"dtype": dtype} if dtype_too else {}
        return getattr(getattr(book, module), name)(*(weights(*shape) for shape in shapes), **given)

    return Layer(make, inputs, **options)


def _model(name, inputs, ids=None, sizes=(V, D, H), **options):
    module = getattr(fastw2v.models, name).__module__.rpartition(".")[2]

    def make(book, weights, dtype):
        home = fastw2v.models if book is COMPILED else getattr(book, module)
        model = getattr(home, name)(*sizes)
        return in_float64(model) if dtype == np.float64 else model

    settings = {"whole": True, "empty": False, "dx": False}
    return Layer(make, inputs, ids or {}, **settings | options)


def _part(name, inputs):
    """Return the recipe of an encoder or decoder, which takes ids and states of the other one."""
    return _model(name, inputs, {"xs": (V, BACK)}, empty=True)


BACK, REFUSED, IGNORED = "count back", "refused", "ignored"
SENTENCES = only_ids(xs=ids(N, T), ts=ids(N, T))
OF_SENTENCES = {"xs": (V, BACK), "ts": (V, IGNORED)}
QUESTIONS = only_ids(xs=ids(N, T), ts=ids(N, T + 1))
OF_QUESTIONS = {"xs": (V, BACK), "ts": (V, IGNORED)}
CONTEXTS = only_ids(contexts=ids(N, 2), target=ids(N))
OF_CONTEXTS = {"contexts": (V, BACK), "target": (V, BACK)}


def _one_hot(rng, dtype):
    eye = np.eye(V, dtype=np.int32)
    return {"contexts": eye[ids(N, 2)(rng)], "target": eye[ids(N)(rng)]}


def _char_ids(rng, dtype):
    return {
        "sources": np.array([[0, 1, 2], [2, -1, -1], [1, 1, -1], [0, -1, -1]], np.int32),
        "targets": np.array(
            [[0, 2, 1, 1], [0, 1, -1, -1], [2, 0, 1, -1], [0, 1, -1, -1]], np.int32
        ),
    }


LAYERS: dict[str, Layer] = {
    "layers.MatMul": _plain("layers", "MatMul", floats(x=(N, D)), (D, H)),
    "layers.Affine": _plain("layers", "Affine", floats(x=(N, D)), (D, H), (H,)),
    "layers.Sigmoid": _plain("layers", "Sigmoid", floats(x=(N, D))),
    "layers.Softmax": _plain("layers", "Softmax", floats(x=(N, V))),
    "layers.SoftmaxWithLoss": _plain(
        *("layers", "SoftmaxWithLoss", with_ids({"x": (N, V)}, t=ids(N))),
        ids={"t": (V, BACK)},
        empty=False,
    ),
    "layers.SigmoidWithLoss": _plain(
        *("layers", "SigmoidWithLoss", with_ids({"x": (N,)}, t=ids(N, below=2))),
        ids={"t": (2, REFUSED)},
        empty=False,
    ),
    "layers.Dropout": _plain("layers", "Dropout", floats(x=(N, D))),
    "layers.Embedding": _plain(
        "layers", "Embedding", only_ids(idx=ids(N)), (V, D), ids={"idx": (V, BACK)}, dx=False
    ),
    "negative_sampling_layer.EmbeddingDot": _plain(
        *("negative_sampling_layer", "EmbeddingDot", with_ids({"h": (N, D)}, idx=ids(N)), (V, D)),
        ids={"idx": (V, BACK)},
    ),
    "negative_sampling_layer.NegativeSamplingLoss": Layer(
        lambda book, weights, dtype: book.negative_sampling_layer.NegativeSamplingLoss(
            weights(V, D), CORPUS, sample_size=K
        ),
        with_ids({"h": (N, D)}, target=ids(N)),
        {"target": (V, BACK)},
        empty=False,
        agree=_fixed_negatives,
    ),
    "candidate_sampling.NCELoss": _sampled("NCELoss"),
    "candidate_sampling.SampledSoftmaxLoss": _sampled("SampledSoftmaxLoss"),
    "time_layers.RNN": _cell("RNN", 1, "h_prev"),
    "time_layers.LSTM": _cell("LSTM", 4, "h_prev", "c_prev"),
    "time_layers.GRU": _cell("GRU", 3, "h_prev"),
    "time_layers.RNN with two biases": _cell("RNN", 1, "h_prev", biases=(2,)),
    "time_layers.LSTM with two biases": _cell("LSTM", 4, "h_prev", "c_prev", biases=(2,)),
    "time_layers.GRU with reset_after": _cell(
        "GRU", 3, "h_prev", biases=(2,), reset_after=True
    ),
    "time_layers.TimeRNN": _over_time("TimeRNN", 1),
    "time_layers.TimeLSTM": _over_time("TimeLSTM", 4),
    "time_layers.TimeGRU": _over_time("TimeGRU", 3),
    "time_layers.TimeRNN with two biases": _over_time("TimeRNN", 1, biases=(2,)),
    "time_layers.TimeLSTM with two biases": _over_time("TimeLSTM", 4, biases=(2,)),
    "time_layers.TimeGRU with reset_after": _over_time(
        "TimeGRU", 3, biases=(2,), reset_after=True
    ),
    "time_layers.TimeBiLSTM": _over_time("TimeBiLSTM", 4, n=2),
    "time_layers.TimeBidirectional": _stacked(
        lambda one: (one("TimeGRU", D, H, 3, reset_after=True), one("TimeLSTM", D, 2, 4)),
        lambda layers, pair: layers.TimeBidirectional(*pair),
    ),
    "time_layers.TimeStack": _stacked(
        lambda one: [one("TimeLSTM", D, H, 4), one("TimeRNN", H, 3, 1), one("TimeGRU", 3, H, 3)],
        lambda layers, stack: layers.TimeStack(stack),
    ),
    "time_layers.TimeEmbedding": _plain(
        *("time_layers", "TimeEmbedding", only_ids(xs=ids(N, T)), (V, D)),
        ids={"xs": (V, BACK)},
        dtype_too=True,
        dx=False,
    ),
    "time_layers.TimeAffine": _plain(
        "time_layers", "TimeAffine", floats(x=(N, T, D)), (D, H), (H,)
    ),
    "time_layers.Simple_TimeAffine": _plain(
        "time_layers", "Simple_TimeAffine", floats(xs=(N, T, D)), (D, H), (H,), dtype_too=True
    ),
    "time_layers.TimeDropout": _plain(
        "time_layers", "TimeDropout", floats(xs=(N, T, D)), agree=lambda layer: vars(layer).update(
            dropout_ratio=0.0
        )
    ),
    "time_layers.TimeSoftmaxWithLoss": _plain(
        *("time_layers", "TimeSoftmaxWithLoss", with_ids({"xs": (N, T, V)}, ts=ids(N, T))),
        ids={"ts": (V, IGNORED)},
    ),
    "time_layers.TimeSigmoidWithLoss": _plain(
        *("time_layers", "TimeSigmoidWithLoss", with_ids({"xs": (N, T)}, ts=ids(N, T, below=2))),
        ids={"ts": (2, REFUSED)},
        dtype_too=True,
        empty=False,
    ),
    "time_layers.Simple_TimeSoftmaxWithLoss": _plain(
        *("time_layers", "Simple_TimeSoftmaxWithLoss"),
        with_ids({"xs": (N, T, V)}, ts=ids(N, T)),
        ids={"ts": (V, BACK)},
        dtype_too=True,
        empty=False,
    ),
    "attention_layer.WeightSum": _plain(
        "attention_layer", "WeightSum", floats(hs=(N, T, H), a=(N, T))
    ),
    "attention_layer.AttentionWeight": _plain(
        "attention_layer", "AttentionWeight", floats(hs=(N, T, H), h=(N, H))
    ),
    "attention_layer.Attention": _plain(
        "attention_layer", "Attention", floats(hs=(N, T, H), h=(N, H))
    ),
    "attention_layer.TimeAttention": _plain(
        "attention_layer", "TimeAttention", floats(hs_enc=(N, T, H), hs_dec=(N, 2, H))
    ),
    "models.CBOW": _model(
        *("CBOW", CONTEXTS, OF_CONTEXTS, (V, D, 1, CORPUS)),
        agree=lambda model: _fixed_negatives(model.ns_loss),
    ),
    "models.SkipGram": _model(
        *("SkipGram", CONTEXTS, OF_CONTEXTS, (V, D, 1, CORPUS)),
        agree=lambda model: [_fixed_negatives(loss) for loss in model.loss_layers],
    ),
    "models.NCESkipGram": _model(
        "NCESkipGram", only_ids(centres=ids(N), labels=ids(N)), {"labels": (V, REFUSED)}, (V, D, K),
        twin=False,
    ),
    "models.SimpleCBOW": _model("SimpleCBOW", _one_hot, sizes=(V, H), twin=False),
    "models.SimpleSkipGram": _model("SimpleSkipGram", _one_hot, sizes=(V, H), twin=False),
    "models.TwoLayerNet": _model(
        "TwoLayerNet", with_ids({"x": (N, D)}, t=ids(N)), {"t": (V, BACK)}, (D, H, V), twin=False,
    ),
    "models.SimpleRnnlm": _model("SimpleRnnlm", SENTENCES, OF_SENTENCES, empty=True),
    "models.Rnnlm": _model("Rnnlm", SENTENCES, OF_SENTENCES, empty=True),
    "models.RnnlmGen": _model("RnnlmGen", SENTENCES, OF_SENTENCES, empty=True),
    "models.BetterRnnlm": _model(
        "BetterRnnlm", SENTENCES, OF_SENTENCES, (V, H, H, 0.0), empty=True
    ),
    "models.BetterRnnlmGen": _model(
        "BetterRnnlmGen", SENTENCES, OF_SENTENCES, (V, H, H, 0.0), empty=True
    ),
    "models.Seq2seq": _model("Seq2seq", QUESTIONS, OF_QUESTIONS),
    "models.PeekySeq2seq": _model("PeekySeq2seq", QUESTIONS, OF_QUESTIONS),
    "models.AttentionSeq2seq": _model("AttentionSeq2seq", QUESTIONS, OF_QUESTIONS),
    "models.Encoder": _part("Encoder", only_ids(xs=ids(N, T))),
    "models.AttentionEncoder": _part("AttentionEncoder", only_ids(xs=ids(N, T))),
    "models.Decoder": _part("Decoder", with_ids({"h": (N, H)}, xs=ids(N, T))),
    "models.PeekyDecoder": _part("PeekyDecoder", with_ids({"h": (N, H)}, xs=ids(N, T))),
    "models.AttentionDecoder": _part(
        "AttentionDecoder", with_ids({"enc_hs": (N, T, H)}, xs=ids(N, 2))
    ),
    "models.SequenceRegressor": _model(
        "SequenceRegressor", floats(xs=(N, T, 1), t=(N,)), sizes=("gru", 1, H), twin=False
    ),
    "models.CharTranslator": _model(
        "CharTranslator", _char_ids, sizes=(["a", "b", "c"], ["x", "y", "z"], H), twin=False
    ),
}  # fmt: skip
