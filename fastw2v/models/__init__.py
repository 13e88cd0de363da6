"""The book's models, one file each under the book's names, and ours beside them."""

from fastw2v.models.cbow import CBOW
from fastw2v.models.char_translator import CharTranslator
from fastw2v.models.nce_skip_gram import NCESkipGram
from fastw2v.models.sequence_regressor import SequenceRegressor
from fastw2v.models.skip_gram import SkipGram

__all__ = ["CBOW", "CharTranslator", "NCESkipGram", "SequenceRegressor", "SkipGram"]
