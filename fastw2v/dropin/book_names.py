"""The names of the book's modules, the names they define, and those their star imports leak.

The drop-in serves exactly these names. `tests/dropin/test_dropin.py` compares the tables with
`tests/data/book_names.json`, which was taken from the book's own files.
"""

from __future__ import annotations

from typing import NamedTuple


class Book(NamedTuple):
    """One module of the book: the module of ours in its place, and its public names.

    `home` is None if all names are leaked ones (common.np). `leaks` are the names that a star
    import gives besides the module's own; readers' files use them without importing them.
    """

    home: str | None
    defines: tuple[str, ...]
    leaks: tuple[str, ...]


def _book(home: str | None, defines: str, leaks: str) -> Book:
    own = tuple(defines.split())
    return Book(home, own, tuple(sorted(set(leaks.split()) - set(own))))


# Leaked names that come from other libraries.
LIBRARIES = {
    "np": "numpy",
    "numpy": "numpy",
    "plt": "matplotlib.pyplot",
    "collections": "collections",
    "os": "os",
    "pickle": "pickle",
    "sys": "sys",
    "time": "time",
}

# Packages whose modules come partly from fastw2v and partly from the reader's folders.
PACKAGES = ("common", "ch04", "ch05", "ch06", "ch07", "ch08")

_LAYERS = "Affine Dropout Embedding MatMul Sigmoid SigmoidWithLoss Softmax SoftmaxWithLoss"
_TIME_LAYERS = (
    "GRU LSTM RNN Simple_TimeAffine Simple_TimeSoftmaxWithLoss TimeAffine TimeBiLSTM TimeDropout"
    " TimeEmbedding TimeGRU TimeLSTM TimeRNN TimeSigmoidWithLoss TimeSoftmaxWithLoss"
)
_UTIL = (
    "analogy clip_grads convert_one_hot cos_similarity create_co_matrix create_contexts_target"
    " eval_perplexity eval_seq2seq most_similar normalize ppmi preprocess to_cpu to_gpu"
)
_NP = "GPU np"
_LAYERS_STAR = f"{_NP} cross_entropy_error softmax {_LAYERS}"
_TIME_LAYERS_STAR = f"{_LAYERS_STAR} sigmoid {_TIME_LAYERS}"

_NEGATIVE_SAMPLING = _book(
    "fastw2v.negative_sampling_layer",
    "EmbeddingDot NegativeSamplingLoss UnigramSampler",
    f"{_NP} Embedding SigmoidWithLoss collections sys",
)
_ATTENTION = _book(
    "fastw2v.attention_layer",
    "Attention AttentionWeight TimeAttention WeightSum",
    f"{_NP} Softmax sys",
)

# Always served.
SERVED = {
    "common.config": _book("fastw2v.config", "", "GPU"),
    "common.np": _book(None, "", _NP),
    "common.functions": _book("fastw2v.functions", "cross_entropy_error relu sigmoid softmax", _NP),
    "common.layers": _book("fastw2v.layers", _LAYERS, _LAYERS_STAR),
    "common.time_layers": _book("fastw2v.time_layers", _TIME_LAYERS, _TIME_LAYERS_STAR),
    "common.base_model": _book(
        "fastw2v.base_model", "BaseModel", f"{_NP} os pickle sys to_cpu to_gpu"
    ),
    "common.optimizer": _book(
        "fastw2v.optimizer", "AdaGrad Adam Momentum Nesterov RMSprop SGD", f"{_NP} sys"
    ),
    "common.trainer": _book(
        "fastw2v.trainer",
        "RnnlmTrainer Trainer remove_duplicate",
        f"{_NP} clip_grads numpy plt sys time",
    ),
    "common.util": _book("fastw2v.util", _UTIL, f"{_NP} os sys"),
    "ch04.negative_sampling_layer": _NEGATIVE_SAMPLING,
    "negative_sampling_layer": _NEGATIVE_SAMPLING,
    "ch08.attention_layer": _ATTENTION,
    "attention_layer": _ATTENTION,
}


def _model(name: str, defines: str, leaks: str) -> Book:
    return _book(f"fastw2v.models.{name}", defines, leaks)


_RNN_STAR = f"{_TIME_LAYERS_STAR} sys"

# The model files by (chapter, name), served under both spellings with `--models`.
_MODEL_FILES = {
    ("ch04", "cbow"): ("CBOW", f"{_NP} sys Embedding NegativeSamplingLoss"),
    ("ch04", "skip_gram"): ("SkipGram", f"{_LAYERS_STAR} sys NegativeSamplingLoss"),
    ("ch05", "simple_rnnlm"): ("SimpleRnnlm", _RNN_STAR),
    ("ch06", "rnnlm"): ("Rnnlm", f"{_RNN_STAR} BaseModel"),
    ("ch06", "better_rnnlm"): ("BetterRnnlm", f"{_RNN_STAR} BaseModel"),
    ("ch07", "rnnlm_gen"): ("BetterRnnlmGen RnnlmGen", "BetterRnnlm Rnnlm np softmax sys"),
    ("ch07", "seq2seq"): ("Decoder Encoder Seq2seq", f"{_RNN_STAR} BaseModel"),
    ("ch07", "peeky_seq2seq"): ("PeekyDecoder PeekySeq2seq", f"{_RNN_STAR} Encoder Seq2seq"),
    ("ch08", "attention_seq2seq"): (
        "AttentionDecoder AttentionEncoder AttentionSeq2seq",
        f"{_RNN_STAR} Encoder Seq2seq TimeAttention",
    ),
}

MODELS = {
    spelling: _model(name, defines, leaks)
    for (chapter, name), (defines, leaks) in _MODEL_FILES.items()
    for spelling in (name, f"{chapter}.{name}")
}

# The module of ours that defines each name of the book. Leaked names are looked up in it.
HOMES = {
    name: book.home
    for book in (*SERVED.values(), *MODELS.values())
    if book.home is not None
    for name in book.defines
}
