"""Text to train on: what every Python already carries, and the user's own files.

| name | does |
|---|---|
| `builtin_corpus` | the words of the English documentation inside this Python |
| `builtin_text` | the same documentation as text |
| `read_text` | UTF-8 text files, plain or gzip, in pieces |
| `tokenize` | text to lower-case words |
| `tokenize_lines` | text to words, marks and ends of lines, for language models |
| `build_corpus` | words to ids, most frequent word first |
| `subsample` | thins out the most frequent words |
| `sequence` | questions and answers as characters: generated sums and dates, the book's files |

A corpus is one run of ids, as in the book: windows reach across the ends of sentences, lines and
files. Two sentences that stand side by side are mostly about the same thing, and the few windows
that join strangers (one per file) are noise no larger than that of the text itself.
"""

from fastw2v.datasets import sequence
from fastw2v.datasets.builtin import builtin_corpus, builtin_text
from fastw2v.datasets.text import (
    Corpus,
    build_corpus,
    read_text,
    subsample,
    tokenize,
    tokenize_lines,
)

__all__ = [
    "Corpus",
    "build_corpus",
    "builtin_corpus",
    "builtin_text",
    "read_text",
    "sequence",
    "subsample",
    "tokenize",
    "tokenize_lines",
]
