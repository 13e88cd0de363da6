"""Word vectors and the words they belong to, in gensim's shape."""

from typing import NoReturn

from fastw2v._core.class_methods import refuse_name
from fastw2v.keyed_vectors.gensim_names import OF_MODULE
from fastw2v.keyed_vectors.vectors import KeyedVectors

__all__ = ["KeyedVectors"]


def __getattr__(name: str) -> NoReturn:
    refuse_name(__name__, name, OF_MODULE)
