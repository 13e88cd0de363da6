"""Word vectors of large texts, with the interface of gensim's Word2Vec.

`Word2Vec` counts, encodes and trains in one call. The functions `count_words`, `encode`,
`train_ids`, `weight_delta` and `merge_deltas` are its steps, for programs that distribute a text
over several machines; the docstring of `fastw2v.word2vec.shards` shows them together.
"""

from typing import NoReturn

from fastw2v._core.class_methods import refuse_name
from fastw2v.word2vec.callbacks import CallbackAny2Vec
from fastw2v.word2vec.corpus import EncodedCorpus
from fastw2v.word2vec.gensim_names import OF_MODULE
from fastw2v.word2vec.model import Word2Vec
from fastw2v.word2vec.sentences import (
    BrownCorpus,
    LineSentence,
    PathLineSentences,
    Text8Corpus,
)
from fastw2v.word2vec.shards import (
    TrainedIds,
    WeightDelta,
    count_words,
    encode,
    merge_deltas,
    train_ids,
    weight_delta,
)
from fastw2v.word2vec.vocabulary import (
    RULE_DEFAULT,
    RULE_DISCARD,
    RULE_KEEP,
    Vocabulary,
    WordCounts,
)

__all__ = [
    "RULE_DEFAULT",
    "RULE_DISCARD",
    "RULE_KEEP",
    "BrownCorpus",
    "CallbackAny2Vec",
    "EncodedCorpus",
    "LineSentence",
    "PathLineSentences",
    "Text8Corpus",
    "TrainedIds",
    "Vocabulary",
    "WeightDelta",
    "Word2Vec",
    "WordCounts",
    "count_words",
    "encode",
    "merge_deltas",
    "train_ids",
    "weight_delta",
]

# gensim's scripts ask whether compiled code is there; it always is.
FAST_VERSION = CORPUSFILE_VERSION = 1


def __getattr__(name: str) -> NoReturn:
    refuse_name(__name__, name, OF_MODULE)
