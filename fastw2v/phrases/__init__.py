"""Phrases of a text, with the interface of gensim's `Phrases`.

`Phrases` learns which words stand together more often than by chance, and joins them. Its
sentences, phrases joined, are an input of `Word2Vec`:

>>> from fastw2v import Word2Vec
>>> text = [["new", "york", "is", "big"], ["i", "love", "new", "york"]] * 3
>>> phrases = Phrases(text, min_count=1, threshold=1)
>>> model = Word2Vec(phrases[text], min_count=1, vector_size=8)
>>> "new_york" in model.wv
True
"""

from fastw2v.phrases.frozen import FrozenPhrases
from fastw2v.phrases.joining import JoinedSentences
from fastw2v.phrases.phrases import Phrases
from fastw2v.phrases.scoring import npmi_scorer, original_scorer
from fastw2v.phrases.settings import ENGLISH_CONNECTOR_WORDS

Phraser = FrozenPhrases  # the name in gensim 3, which gensim 4 keeps

__all__ = [
    "ENGLISH_CONNECTOR_WORDS",
    "FrozenPhrases",
    "JoinedSentences",
    "Phraser",
    "Phrases",
    "npmi_scorer",
    "original_scorer",
]
