"""`FrozenPhrases`: phrases that were learned, without the counts they were learned from."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from fastw2v.phrases import files
from fastw2v.phrases.counting import Tokens
from fastw2v.phrases.joining import SentenceJoiner

if TYPE_CHECKING:
    from fastw2v.phrases.phrases import Phrases


class FrozenPhrases(SentenceJoiner):
    """The phrases of a `Phrases` at its present settings; they join as it does.

    phrasegrams {joined phrase: score} and phrase_scores {words: score} list them. `threshold` may
    be raised later; `min_count` and `scoring` only tell how the phrases were chosen.

    >>> from fastw2v.phrases import Phrases
    >>> text = [["new", "york", "is", "big"], ["in", "new", "york"]] * 3
    >>> phrases = Phrases(text, min_count=1, threshold=1).freeze()
    >>> phrases["new york state".split()]
    ['new_york', 'state']
    """

    def __init__(self, phrases_model: Phrases) -> None:
        if not isinstance(phrases_model, SentenceJoiner):
            raise TypeError(
                f"phrases_model: expected Phrases, got {type(phrases_model).__name__}; learn them "
                "with Phrases(sentences)"
            )
        self._scores = phrases_model.phrase_scores
        self.threshold, self.min_count = phrases_model.threshold, phrases_model.min_count
        self.delimiter, self.scoring = phrases_model.delimiter, phrases_model.scoring
        self.connector_words = phrases_model.connector_words

    @property
    def phrasegrams(self) -> dict[str, float]:
        """The phrases, joined, and their scores; it is made anew at each access."""
        return self.export_phrases()

    def freeze(self) -> FrozenPhrases:
        """Return a copy."""
        return FrozenPhrases(self)  # type: ignore[arg-type]

    def save(self, fname: str | os.PathLike[str]) -> None:
        """Write phrases and settings to a file, which appears when it is complete.

        A scoring function of your own is not written; it is None after `load`.
        """
        files.save_phrases(fname, self, self._scores)

    @classmethod
    def load(cls, fname: str | os.PathLike[str]) -> FrozenPhrases:
        """Read what `save` wrote. Raises ValueError if the file is damaged or of another kind."""
        phrases = cls.__new__(cls)
        phrases._scores = files.load_phrases(fname, phrases)
        return phrases

    def __repr__(self) -> str:
        return (
            f"FrozenPhrases<{len(self._scores)} phrases, min_count={self.min_count}, "
            f"threshold={self.threshold}>"
        )

    # ---- of SentenceJoiner

    def _settings(self) -> tuple[Any, ...]:
        return self.threshold, self.delimiter, self.connector_words

    def _scored(self) -> dict[Tokens, float]:
        return {words: score for words, score in self._scores.items() if score > self.threshold}
