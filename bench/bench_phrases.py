"""Phrases of a text: learned from sentences and joined in them, against gensim's Phrases."""

from collections import deque

import harness
from fastw2v.phrases import ENGLISH_CONNECTOR_WORDS, Phrases
from harness import Row, Task

N_WORDS, TYPES, N = 500_000, 30_000, 25
SETTINGS = {"threshold": 2.0, "connector_words": ENGLISH_CONNECTOR_WORDS}


class Sentences:
    """Zipf words in sentences of N, each word a str of its own, as `str.split` makes them.

    The first words are connectors, and pairs are planted.
    """

    def __init__(self):
        self.made = None

    def get(self):
        if self.made is None:
            ids = harness.zipf_ids(harness.rng(6), TYPES, N_WORDS).reshape(-1, N)
            ids[:, 1::5] = ids[:, ::5] * 7 % TYPES
            names = [*sorted(ENGLISH_CONNECTOR_WORDS), *(f"word{i}" for i in range(TYPES))]
            self.made = [" ".join(names[v] for v in row).split() for row in ids.tolist()]
        return self.made


TEXT = Sentences()


def theirs():
    from gensim.models import phrases

    return phrases.Phrases


def learn(kind):
    last = [None]

    def run(_):
        last[0] = kind()(TEXT.get(), **SETTINGS)

    def check():
        assert last[0].export_phrases() == Phrases(TEXT.get(), **SETTINGS).export_phrases()
        assert len(last[0].export_phrases()) > 1000

    return Task(run, check)


def join(kind, freeze):
    made = []

    def run(_):
        if not made:
            made.append(kind()(TEXT.get(), **SETTINGS))
            made.append(made[0].freeze() if freeze else made[0])
        deque(made[1][TEXT.get()], 0)  # as a training reads it

    def check():
        ours = Phrases(TEXT.get(), **SETTINGS)
        for sentence in TEXT.get()[:1000]:
            assert made[1][sentence] == ours[sentence]

    return Task(run, check)


def row(key, label, make, *rest):
    def verify():
        task = make(lambda: Phrases, *rest)
        task.run(0)
        task.check()

    return Row(
        key,
        f"{label} {N_WORDS:,} words in lists",
        lambda: make(lambda: Phrases, *rest),
        verify,
        rivals={"gensim": lambda: make(theirs, *rest)},
        goal_rival=10,
    )


ROWS = [
    row("learn_phrases", "learn phrases of", learn),
    row("join_phrases", "join phrases in", join, False),
    row("join_frozen_phrases", "join frozen phrases in", join, True),
]


@harness.each_contender(ROWS)
def test_phrases(benchmark, row, name):
    harness.time_contender(benchmark, row, name)
