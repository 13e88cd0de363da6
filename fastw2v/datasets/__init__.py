"""Text to train on: the documentation inside every Python, and the user's own files.

| name | does |
|---|---|
| `builtin_corpus` | the words of the English documentation inside this Python |
| `builtin_text` | the same documentation as text |
| `read_text` | text files in any encoding, plain or packed, in pieces |
| `Splitter` | the rules by which text becomes words |
| `segment` | puts blanks between the words of Japanese, Chinese or Thai text |
| `tokenize` | text to words |
| `tokenize_lines` | text to words, marks and ends of lines, for language models |
| `build_corpus` | words to ids, most frequent word first |
| `subsample` | thins out the most frequent words |
| `sequence` | questions and answers as characters: generated sums and dates, the book's files |
| `build_vocab` | words to ids, up to a number of words, id 0 for the rest |
| `skip_gram_batches` | words and their neighbours, batch by batch |
| `read_pairs` | source and target texts from a file with tabs |
| `kanji_numbers` | numbers and their kanji numerals, as such pairs |
| `kanji_numeral` | one number in kanji |

A corpus is one sequence of ids, as in the book: windows reach across the ends of sentences, lines
and files. Adjacent sentences are mostly about the same thing, and the few windows that join
unrelated texts (one per file) add no more noise than the text itself has.
"""

from fastw2v.datasets import sequence
from fastw2v.datasets.builtin import builtin_corpus, builtin_text
from fastw2v.datasets.pairs import kanji_numbers, kanji_numeral, read_pairs
from fastw2v.datasets.segmentation import segment
from fastw2v.datasets.skip_grams import (
    NumberedWords,
    Vocabulary,  # the name of NumberedWords up to version 0.1
    build_vocab,
    skip_gram_batches,
)
from fastw2v.datasets.splitter import (
    UNICODE_VERSION,
    Splitter,
    Words,
    tokenize,
    tokenize_lines,
)
from fastw2v.datasets.text import (
    Corpus,
    build_corpus,
    read_text,
    subsample,
)

__all__ = [
    "UNICODE_VERSION",
    "Corpus",
    "NumberedWords",
    "Splitter",
    "Vocabulary",
    "Words",
    "build_corpus",
    "build_vocab",
    "builtin_corpus",
    "builtin_text",
    "kanji_numbers",
    "kanji_numeral",
    "read_pairs",
    "read_text",
    "segment",
    "sequence",
    "skip_gram_batches",
    "subsample",
    "tokenize",
    "tokenize_lines",
]
