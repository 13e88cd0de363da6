"""Record files that one version of gensim saves, and its answers, for the tests of their reader.

Run it with each version to be remembered, in a Python that has it (0.12 to 3.4: Python 2.7):

    python tools/record_gensim.py tests/data/gensim

It writes NAME.model with both kinds of output weights, once whole and once with its arrays beside
it, NAME.kv, and NAME.json with the answers of the same version. NAME is the version of gensim.
"""

import io
import json
import os
import sys

import gensim
from gensim.models import Word2Vec

# fmt: off
SENTENCES = [
    "the cat sat on the mat".split(),
    "the dog ate the bone".split(),
    [u"\u65e5\u672c", u"stra\u00dfe", "cat", "dog"],  # noqa: UP025 (Python 2 has two kinds of text)
    "a cat and a dog and a bone".split(),
] * 20
# fmt: on
SETTINGS = {"min_count": 1, "workers": 1, "seed": 1, "hs": 1, "negative": 3, "sg": 1, "window": 3}
WAYS = ["code", "point"]
NEW = int(gensim.__version__.split(".")[0]) >= 4
SETTINGS.update({"vector_size": 4, "epochs": 2} if NEW else {"size": 4, "iter": 2})


def first(thing, names):
    """Return the first of these attributes that there is."""
    for name in names:
        if hasattr(thing, name):
            return getattr(thing, name)
    raise AttributeError(names)


def answers(model):
    """Return the words, counts, tables, settings and similarities of a model."""
    owner = getattr(model, "wv", model)
    words = list(first(owner, ["index_to_key", "index2word"]))
    tables = getattr(model, "trainables", model)
    if NEW:
        counts = [int(owner.get_vecattr(word, "count")) for word in words]
        ways = [[owner.get_vecattr(word, name).tolist() for word in words] for name in WAYS]
    else:
        counts = [int(owner.vocab[word].count) for word in words]
        ways = [[getattr(owner.vocab[word], name).tolist() for word in words] for name in WAYS]
    found = {
        "version": gensim.__version__,
        "words": words,
        "counts": counts,
        "code": ways[0],
        "point": ways[1],
        "vectors": first(owner, ["vectors", "syn0"]).tolist(),
        "syn1neg": tables.syn1neg.tolist(),
        "syn1": tables.syn1[: len(words) - 1].tolist(),
        "most_similar": [[w, float(s)] for w, s in owner.most_similar("cat", topn=5)],
        "doesnt_match": owner.doesnt_match(["cat", "dog", "the", "mat"]),
        "corpus_count": model.corpus_count,
    }
    if hasattr(model, "predict_output_word"):
        guessed = model.predict_output_word(["cat", "dog"], topn=5)
        found["predict_output_word"] = [[word, float(share)] for word, share in guessed]
    return found


def main():
    base = os.path.join(sys.argv[1], gensim.__version__)
    model = Word2Vec(SENTENCES, **SETTINGS)
    found = answers(model)
    model.random = None  # the state of a random generator is longer than all else
    if NEW:
        model.lifecycle_events = None  # they name the machine
        model.wv.lifecycle_events = None
    getattr(model, "wv", model).save(base + ".kv")
    model.save(base + ".model")
    model.save(base + "-apart.model", sep_limit=0)
    with io.open(base + ".json", "wb") as file:  # noqa: UP020 (the same in Python 2)
        file.write(json.dumps(found).encode("ascii") + b"\n")


main()
