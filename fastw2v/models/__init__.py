"""The book's models, one file each under the book's names."""

from fastw2v.models.better_rnnlm import BetterRnnlm
from fastw2v.models.cbow import CBOW
from fastw2v.models.rnnlm import Rnnlm
from fastw2v.models.simple_rnnlm import SimpleRnnlm
from fastw2v.models.skip_gram import SkipGram

__all__ = ["CBOW", "BetterRnnlm", "Rnnlm", "SimpleRnnlm", "SkipGram"]
