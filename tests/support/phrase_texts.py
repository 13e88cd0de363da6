"""Texts with planted phrases, the same on each machine."""

import random

SYLLABLES = "ba de fi go lu".split()
CONNECTORS = frozenset(["of", "the"])
# Settings under which gensim's phrases were recorded.
SETTINGS = {
    "default": {"min_count": 3, "threshold": 2.0},
    "npmi": {"min_count": 2, "threshold": 0.3, "scoring": "npmi"},
    "connectors": {"min_count": 2, "threshold": 1.0, "connector_words": CONNECTORS},
    "pruned": {"min_count": 1, "threshold": 1.0, "max_vocab_size": 400},
    "delimiter": {"min_count": 4, "threshold": 5.0, "delimiter": " "},
}


def planted(seed=0, n_sentences=300, n_words=60):
    """Return sentences in which some runs of words stand together more often than by chance."""
    rng = random.Random(seed)
    words = [f"{rng.choice(SYLLABLES)}{i}" for i in range(n_words)]
    runs = [rng.sample(words, 2) for _ in range(8)] + [rng.sample(words, 3) for _ in range(3)]
    runs += [[a, "of", *rest, b] for rest in ([], ["the"]) for a, b in [rng.sample(words, 2)]]
    text = []
    for _ in range(n_sentences):
        sentence = []
        for _ in range(rng.randint(1, 9)):
            kind = rng.random()
            sentence += rng.choice(runs) if kind < 0.2 else [rng.choice(words)]
            if kind > 0.9:
                sentence.append(rng.choice(["of", "the"]))
        text.append(sentence)
    return text
