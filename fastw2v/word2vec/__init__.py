"""Word vectors for whole corpora, in gensim's shape."""

from fastw2v.word2vec.corpus import EncodedCorpus, Vocabulary, WordCounts
from fastw2v.word2vec.model import CallbackAny2Vec, Word2Vec
from fastw2v.word2vec.sentences import LineSentence, PathLineSentences, Text8Corpus
from fastw2v.word2vec.shards import (
    TrainedIds,
    WeightDelta,
    count_words,
    encode,
    merge_deltas,
    train_ids,
    weight_delta,
)

__all__ = [
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
