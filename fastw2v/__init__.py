"""The layers of Deep Learning from Scratch 2, compiled, and word2vec for whole corpora.

| name | content |
|---|---|
| `layers`, `functions`, `negative_sampling_layer` | the book's layers |
| `time_layers`, `attention_layer` | the book's layers for sequences (N, T, ...) |
| `candidate_sampling` | NCE and sampled softmax |
| `optimizer`, `trainer`, `util`, `base_model` | training, text, evaluation, saving |
| `Word2Vec`, `KeyedVectors` | word vectors for whole corpora, with gensim's interface |
| `Phrases`, `FrozenPhrases` | words that belong together, with gensim's interface |
| `FastText`, `FastTextKeyedVectors` | vectors of any word, composed of its n-grams |
| `word2vec` | the steps of `Word2Vec`, for corpora in several parts |
| `models` | the book's models, NCESkipGram, SequenceRegressor, CharTranslator |
| `text_model` | language models with their vocabulary |
| `keras`, `torch` | weights from and to Keras and torch, a summary of a model |
| `datasets`, `init`, `keyed_vectors` | text, initial weights, word vectors and their files |
| `fonts` | fonts for pictures with kanji, kana and other scripts |
| `reference` | the same in plain numpy, with which every result is compared |
| `install`, `uninstall` | the drop-in, which serves the book's imports (`common.layers`, ...) |
| `set_num_threads`, `get_num_threads`, `build_info` | threads, and facts about this build |
| `RowGrad` | the gradient of a table, with a list of its touched rows |
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastw2v._core import lazy_modules
from fastw2v._core.moved_modules import forward_old_names
from fastw2v._core.source_folder import check_that_kernels_are_here
from fastw2v._version import __version__

__all__ = [
    "FastText",
    "FastTextKeyedVectors",
    "FrozenPhrases",
    "KeyedVectors",
    "Phrases",
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

if TYPE_CHECKING:
    # Type checkers and completion see the names that `__getattr__` imports on demand.
    from fastw2v import attention_layer as attention_layer
    from fastw2v import base_model as base_model
    from fastw2v import candidate_sampling as candidate_sampling
    from fastw2v import cli as cli
    from fastw2v import config as config
    from fastw2v import datasets as datasets
    from fastw2v import dropin as dropin
    from fastw2v import fasttext as fasttext
    from fastw2v import fonts as fonts
    from fastw2v import functions as functions
    from fastw2v import init as init
    from fastw2v import keras as keras
    from fastw2v import keyed_vectors as keyed_vectors
    from fastw2v import layers as layers
    from fastw2v import models as models
    from fastw2v import negative_sampling_layer as negative_sampling_layer
    from fastw2v import optimizer as optimizer
    from fastw2v import phrases as phrases
    from fastw2v import reference as reference
    from fastw2v import text_model as text_model
    from fastw2v import time_layers as time_layers
    from fastw2v import torch as torch
    from fastw2v import trainer as trainer
    from fastw2v import util as util
    from fastw2v import word2vec as word2vec
    from fastw2v._core.build_info import build_info
    from fastw2v._core.threads import get_num_threads, set_num_threads
    from fastw2v._rows.row_grad import RowGrad
    from fastw2v.dropin import install, load_ipython_extension, uninstall, unload_ipython_extension
    from fastw2v.fasttext import FastText, FastTextKeyedVectors
    from fastw2v.keyed_vectors import KeyedVectors
    from fastw2v.phrases import FrozenPhrases, Phrases
    from fastw2v.word2vec import Word2Vec

check_that_kernels_are_here()
forward_old_names()

# Where the names of the package live. Most programs need few of them, and the command line shows
# its help, and what is wrong with the environment, before it imports numpy and a kernel.
_HOMES = {
    "FastText": "fasttext",
    "FastTextKeyedVectors": "fasttext",
    "FrozenPhrases": "phrases",
    "KeyedVectors": "keyed_vectors",
    "Phrases": "phrases",
    "RowGrad": "_rows.row_grad",
    "Word2Vec": "word2vec",
    "build_info": "_core.build_info",
    "get_num_threads": "_core.threads",
    "install": "dropin",
    "load_ipython_extension": "dropin",
    "set_num_threads": "_core.threads",
    "uninstall": "dropin",
    "unload_ipython_extension": "dropin",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        return lazy_modules.submodule(__name__, name)
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, *lazy_modules.submodules(__name__)})
