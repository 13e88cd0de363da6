"""Models of the book, one file each under the book's names, and further models."""

from typing import NoReturn

from fastw2v._core.class_methods import refuse_name
from fastw2v.models.attention_seq2seq import AttentionDecoder, AttentionEncoder, AttentionSeq2seq
from fastw2v.models.better_rnnlm import BetterRnnlm
from fastw2v.models.cbow import CBOW
from fastw2v.models.char_translator import CharTranslator
from fastw2v.models.nce_skip_gram import NCESkipGram
from fastw2v.models.peeky_seq2seq import PeekyDecoder, PeekySeq2seq
from fastw2v.models.rnnlm import Rnnlm
from fastw2v.models.rnnlm_gen import BetterRnnlmGen, RnnlmGen
from fastw2v.models.seq2seq import Decoder, Encoder, Seq2seq
from fastw2v.models.sequence_regressor import SequenceRegressor
from fastw2v.models.simple_cbow import SimpleCBOW
from fastw2v.models.simple_rnnlm import SimpleRnnlm
from fastw2v.models.simple_skip_gram import SimpleSkipGram
from fastw2v.models.skip_gram import SkipGram
from fastw2v.models.two_layer_net import TwoLayerNet

__all__ = [
    "CBOW",
    "AttentionDecoder",
    "AttentionEncoder",
    "AttentionSeq2seq",
    "BetterRnnlm",
    "BetterRnnlmGen",
    "CharTranslator",
    "Decoder",
    "Encoder",
    "NCESkipGram",
    "PeekyDecoder",
    "PeekySeq2seq",
    "Rnnlm",
    "RnnlmGen",
    "Seq2seq",
    "SequenceRegressor",
    "SimpleCBOW",
    "SimpleRnnlm",
    "SimpleSkipGram",
    "SkipGram",
    "TwoLayerNet",
]

# What a script finds in gensim.models.
_ELSEWHERE = {
    name: f"look in {home}"
    for home, names in {
        "fastw2v": ("FastText", "KeyedVectors", "Phrases", "Word2Vec"),
        "fastw2v.word2vec": ("callbacks", "word2vec"),
        "fastw2v.keyed_vectors": ("keyedvectors",),
        "fastw2v.phrases": ("Phraser", "phrases"),
        "fastw2v.fasttext": ("fasttext",),
    }.items()
    for name in names
}


def __getattr__(name: str) -> NoReturn:
    refuse_name(__name__, name, _ELSEWHERE)
