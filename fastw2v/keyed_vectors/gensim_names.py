"""Names that gensim's `KeyedVectors` has or had: short ones that do little, and refused ones.

docs/coming-from-gensim.md lists them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from fastw2v._core.class_methods import Refused
from fastw2v.keyed_vectors import evaluation
from fastw2v.keyed_vectors.search import Key

if TYPE_CHECKING:
    from fastw2v.keyed_vectors.vectors import KeyedVectors

_ONE_CLASS = "use KeyedVectors, which opens files of all of them"

OF_MODULE = {
    "CompatVocab": "use KeyedVectors.get_vecattr and set_vecattr",
    "Doc2VecKeyedVectors": _ONE_CLASS,
    "EuclideanKeyedVectors": _ONE_CLASS,
    "Vocab": "use KeyedVectors.get_vecattr and set_vecattr",
    "Word2VecKeyedVectors": _ONE_CLASS,
    "load_word2vec_format": "call KeyedVectors.load_word2vec_format",
    "prep_vectors": "call KeyedVectors.resize_vectors",
    "pseudorandom_weak_vector": "draw with np.random.default_rng(seed)",
}


class GensimNames:
    """The names; `KeyedVectors` inherits them."""

    vocab = Refused("use key_to_index, and get_vecattr(word, 'count') for counts")
    index2word = Refused("use index_to_key")
    index2entity = Refused("use index_to_key")
    syn0 = Refused("use vectors")
    syn0norm = Refused("call get_normed_vectors()")
    vectors_norm = Refused("call get_normed_vectors()")
    syn0_lockf = Refused("use vectors_lockf")
    accuracy = Refused("call evaluate_word_analogies")
    mapfile_path = Refused("KeyedVectors.load(file, mmap='r') maps a file")
    lifecycle_events = Refused("keep notes in an attribute of your own, which save keeps")
    add_lifecycle_event = Refused("keep notes in an attribute of your own, which save keeps")

    @property
    def next_index(self) -> int:
        """The row that the next new word gets."""
        return len(cast("KeyedVectors", self))

    def word_vec(self, key: Key, norm: bool = False) -> np.ndarray:
        """Call `get_vector`."""
        return cast("KeyedVectors", self).get_vector(key, norm)

    def words_closer_than(self, word1: Key, word2: Key) -> list[str]:
        """Call `closer_than`."""
        return cast("KeyedVectors", self).closer_than(word1, word2)

    def fill_norms(self, force: bool = False) -> None:
        """Do nothing, because `norms` is always up to date."""

    def init_sims(self, replace: bool = False) -> None:
        """Call `unit_normalize_all` if `replace`."""
        if replace:
            cast("KeyedVectors", self).unit_normalize_all()

    @staticmethod
    def log_accuracy(section: Mapping[str, Any]) -> None:
        """Log the share of right answers in a section of `evaluate_word_analogies` as INFO."""
        evaluation.log_section(section)

    @staticmethod
    def log_evaluate_word_pairs(
        pearson: Sequence[float], spearman: Sequence[float], oov: float, pairs: object
    ) -> None:
        """Log what `evaluate_word_pairs` has returned for the file `pairs` as INFO."""
        evaluation.log_pairs(pearson, spearman, oov, pairs)
