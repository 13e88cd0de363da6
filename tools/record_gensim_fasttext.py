"""Record files that gensim's FastText saves, and its answers, for the tests of their reader.

Run it with gensim 4.4.0, and with gensim 3.8.3 in a Python 3.8:

    python tools/record_gensim_fasttext.py tests/data/gensim_fasttext

It writes NAME.model with both kinds of output weights, once whole and once with its arrays beside
it, NAME.kv, and NAME.json with the answers. NAME is the version of gensim.
"""

import json
import sys
from pathlib import Path

import gensim
import numpy as np
from gensim.models import FastText

SENTENCES = [
    "the cat sat on the mat".split(),
    "the dog ate the bone".split(),
    ["日本", "straße", "cat", "dog"],
    "a cat and a dog and a bone".split(),
] * 20
SETTINGS = {"min_count": 1, "workers": 1, "seed": 1, "hs": 1, "negative": 3, "sg": 1, "window": 3}
SETTINGS.update({"min_n": 2, "max_n": 4, "bucket": 30})
NEW = int(gensim.__version__.split(".")[0]) >= 4
SETTINGS.update({"vector_size": 4, "epochs": 2} if NEW else {"size": 4, "iter": 2})
UNSEEN = ["cats", "日本人", "boney", "<"]


def answers(model):
    """Return the words, counts, tables and vectors of a model."""
    wv = model.wv
    tables = model if NEW else model.trainables
    words = list(wv.index_to_key if NEW else wv.index2word)
    count = (lambda word: wv.get_vecattr(word, "count")) if NEW else (lambda w: wv.vocab[w].count)
    return {
        "words": words,
        "counts": [int(count(word)) for word in words],
        "vectors": {word: np.asarray(wv[word]).tolist() for word in words + UNSEEN},
        "most_similar": [[word, float(x)] for word, x in wv.most_similar("cats", topn=5)],
        "syn1neg": tables.syn1neg.tolist(),
        "syn1": tables.syn1[: len(words) - 1].tolist(),
        "corpus_count": model.corpus_count,
    }


def main():
    base = str(Path(sys.argv[1], gensim.__version__))
    model = FastText(SENTENCES, **SETTINGS)
    found = answers(model)
    model.random = None  # the state of a random generator is longer than all else
    if NEW:
        model.lifecycle_events = None  # they name the machine
        model.wv.lifecycle_events = None
    model.wv.save(base + ".kv")
    model.save(base + ".model")
    model.save(base + "-apart.model", sep_limit=0)
    Path(base + ".json").write_text(json.dumps(found) + "\n", encoding="ascii")


main()
