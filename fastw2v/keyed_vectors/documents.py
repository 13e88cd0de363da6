"""Documents, which are lists of words: their distances, and vectors of all their words."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, cast

import numpy as np

from fastw2v.keyed_vectors.consistency import check_attributes
from fastw2v.keyed_vectors.search import Key, normalized, unit

if TYPE_CHECKING:
    from fastw2v.keyed_vectors.vectors import KeyedVectors

_log = logging.getLogger(__name__)


class Documents:
    """Methods that `KeyedVectors` inherits; they use its words and vectors."""

    def wmdistance(
        self, document1: Sequence[Key], document2: Sequence[Key], norm: bool = True
    ) -> float:
        """Return the word mover's distance between two lists of words (Kusner et al. 2015).

        It is the least sum of (share of a word) times (distance that it moves) that turns one
        document into the other; norm=True moves between vectors of length 1. Unknown words do not
        count. Without a known word in one of them the distance is infinite, and a warning is
        logged.

        Raises ImportError without POT, which `pip install fastw2v[wmd]` installs; TypeError for a
        document that is not a list of words.
        """
        return _word_movers(cast("KeyedVectors", self), document1, document2, norm)

    def similarity_unseen_docs(self, doc_words1: Sequence[Key], doc_words2: Sequence[Key]) -> float:
        """Return the cosine between the means of the vectors of the known words of two documents.

        It is 0 if one of them has no known word.

        Raises TypeError for a document that is not a list of words.
        """
        vectors = cast("KeyedVectors", self)
        means = [
            np.sum([vectors[word] for word in words], axis=0, dtype=np.float64)
            for words in (
                _known(vectors, "doc_words1", doc_words1),
                _known(vectors, "doc_words2", doc_words2),
            )
        ]
        if min(np.ndim(mean) for mean in means) == 0:
            return 0.0
        return float(np.dot(unit(means[0]), unit(means[1])))

    def vectors_for_all(
        self, keys: Iterable[Key], allow_inference: bool = True, copy_vecattrs: bool = False
    ) -> KeyedVectors:
        """Return copies of the vectors of those of the words that are known, each once.

        They keep the order of `keys`. copy_vecattrs also copies the attributes of words; a "count"
        that is not copied falls from word to word, as in gensim. allow_inference has no effect: no
        vector is inferred, and a row number is no word.

        >>> from fastw2v import KeyedVectors
        >>> vectors = KeyedVectors.from_words("abc", [[1, 0], [0, 1], [1, 1]])
        >>> vectors.vectors_for_all(["c", "unknown", "a", "c"]).index_to_key
        ['c', 'a']
        """
        vectors = cast("KeyedVectors", self)
        words = [word for word in dict.fromkeys(keys) if word in vectors.key_to_index]
        rows = [vectors.get_index(word) for word in words]
        check_attributes(vectors)
        result = type(vectors).from_words(words, vectors[words])
        result.expandos["count"] = np.arange(len(words), 0, -1)
        if copy_vecattrs:
            result.expandos.update({name: a[rows] for name, a in vectors.expandos.items()})
        return result


def _known(vectors: KeyedVectors, name: str, document: Sequence[Key]) -> list[Key]:
    """Return the known words of a document."""
    if isinstance(document, str | bytes) or not hasattr(document, "__iter__"):
        raise TypeError(
            f"{name}: expected a list of words, got {type(document).__name__}; split the text, "
            "e.g. text.lower().split()"
        )
    return [word for word in document if word in vectors]


def _word_movers(
    vectors: KeyedVectors, document1: Sequence[Key], document2: Sequence[Key], norm: bool
) -> float:
    """See `Documents.wmdistance`."""
    try:
        from ot import emd2  # type: ignore[import-not-found]
    except ImportError as error:
        raise ImportError("wmdistance: POT is not installed; pip install fastw2v[wmd]") from error
    counts = [
        Counter(_known(vectors, "document1", document1)),
        Counter(_known(vectors, "document2", document2)),
    ]
    if not all(counts):
        _log.warning("wmdistance: a document has no known word, so its distance is infinite")
        return float("inf")
    if counts[0] == counts[1]:
        return 0.0
    points, shares = [], []
    for count in counts:
        rows = [vectors.get_vector(word) for word in count]
        points.append(np.array([normalized(row) if norm else row for row in rows], np.float64))
        shares.append(np.fromiter(count.values(), np.float64, len(count)) / count.total())
    moves = points[0][:, None] - points[1][None]
    return float(emd2(*shares, np.sqrt(np.vecdot(moves, moves))))
