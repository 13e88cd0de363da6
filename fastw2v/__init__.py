"""fastw2v: the layers of Deep Learning from Scratch 2, compiled.

| name | what it is |
|---|---|
| `layers`, `functions`, `negative_sampling_layer` | the book's layers |
| `time_layers`, `attention_layer` | those for sequences (N, T, ...) |
| `candidate_sampling` | NCE and sampled softmax |
| `optimizer`, `trainer`, `util`, `base_model` | training, text, evaluation, saving |
| `Word2Vec`, `KeyedVectors` | word vectors for whole corpora, in gensim's shape |
| `word2vec` | the steps that `Word2Vec` is made of |
| `models` | the book's models, NCESkipGram, SequenceRegressor, CharTranslator |
| `text_model` | language models with their words |
| `keras` | weights from and to Keras, a summary of a model |
| `datasets`, `init`, `keyed_vectors` | text, initial weights, word vectors and their files |
| `reference` | the same in plain numpy: what every result is compared with |
| `install`, `uninstall` | serve the book's imports (`common.layers`, ...) from here |
| `set_num_threads`, `get_num_threads`, `build_info` | the machine |
| `RowGrad` | the gradient of a table, which knows its touched rows |
"""

from fastw2v import _lazy
from fastw2v._build_info import build_info
from fastw2v._row_grad import RowGrad
from fastw2v._threads import get_num_threads, set_num_threads
from fastw2v._version import __version__

__all__ = [
    "KeyedVectors",
    "RowGrad",
    "Word2Vec",
    "__version__",
    "build_info",
    "get_num_threads",
    "install",
    "load_ipython_extension",
    "set_num_threads",
    "uninstall",
    "unload_ipython_extension",
]

_DROPIN = ("install", "uninstall", "load_ipython_extension", "unload_ipython_extension")


def __getattr__(name):
    # Most programs need few of the modules, and never the import machinery.
    if name in _DROPIN:
        from fastw2v import dropin

        return getattr(dropin, name)
    if name == "Word2Vec":
        from fastw2v.word2vec import Word2Vec

        return Word2Vec
    if name == "KeyedVectors":
        from fastw2v.keyed_vectors import KeyedVectors

        return KeyedVectors
    return _lazy.submodule(__name__, name)


def __dir__():
    return sorted({*globals(), *__all__, *_lazy.submodules(__name__)})
