"""Word vectors and the words they belong to, in gensim's shape."""

from fastw2v.keyed_vectors.vectors import KeyedVectors

__all__ = ["KeyedVectors"]
