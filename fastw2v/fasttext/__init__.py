"""Word vectors that are composed of the n-grams of words, with the interface of gensim's.

>>> from fastw2v.fasttext import FastTextKeyedVectors
>>> vectors = FastTextKeyedVectors(vector_size=4, min_n=3, max_n=6, bucket=2_000_000)
>>> "a word of no text" in vectors, vectors["unseen"].shape
(True, (4,))
"""

from typing import NoReturn

from fastw2v._core.class_methods import refuse_name
from fastw2v.fasttext.gensim_names import (
    OF_MODULE,
    load_facebook_model,
    load_facebook_vectors,
    save_facebook_model,
)
from fastw2v.fasttext.model import FastText
from fastw2v.fasttext.rows import NgramRows
from fastw2v.fasttext.vectors import FastTextKeyedVectors

__all__ = [
    "FastText",
    "FastTextKeyedVectors",
    "NgramRows",
    "load_facebook_model",
    "load_facebook_vectors",
    "save_facebook_model",
]


def __getattr__(name: str) -> NoReturn:
    refuse_name(__name__, name, OF_MODULE)
