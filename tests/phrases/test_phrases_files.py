"""Phrases in files come back as they were; damaged files are refused."""

import numpy as np
import pytest
from phrase_texts import CONNECTORS, planted

from fastw2v import KeyedVectors
from fastw2v._files import fw2v
from fastw2v.phrases import FrozenPhrases, Phrases

TEXT = planted(n_sentences=60)


def learned(**settings):
    return Phrases(TEXT, **{"min_count": 2, "threshold": 1} | settings)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"scoring": "npmi", "threshold": 0.2, "delimiter": " + "},
        {"connector_words": CONNECTORS, "min_count": 1.5, "max_vocab_size": 900},
    ],
)
def test_counts_and_phrases_come_back(tmp_path, settings):
    phrases = learned(**settings)
    phrases.save(tmp_path / "counts.fw2v")
    again = Phrases.load(tmp_path / "counts.fw2v")
    for name in ("vocab", "corpus_word_count", "min_reduce", *settings, "scoring", "progress_per"):
        assert getattr(again, name) == getattr(phrases, name)
    assert again.phrase_scores == phrases.phrase_scores
    for each in (phrases, again):
        each.add_vocab(planted(seed=5, n_sentences=30))
    assert again.vocab == phrases.vocab

    frozen = phrases.freeze()
    frozen.save(tmp_path / "phrases.fw2v")
    thawed = FrozenPhrases.load(tmp_path / "phrases.fw2v")
    assert thawed.phrase_scores == frozen.phrase_scores
    assert list(thawed[TEXT]) == list(frozen[TEXT])
    for name in ("threshold", "min_count", "scoring", "delimiter", "connector_words"):
        assert getattr(thawed, name) == getattr(frozen, name)


def test_no_words_and_words_of_any_text_come_back(tmp_path):
    odd = [["", "\n"], ["\ud800", "a b"], ["日本", "語"]] * 3
    for text in ([], [[]], odd):
        phrases = Phrases(text, min_count=1, threshold=0.01)
        phrases.save(tmp_path / "f")
        assert Phrases.load(tmp_path / "f").vocab == phrases.vocab
        phrases.freeze().save(tmp_path / "g")
        assert FrozenPhrases.load(tmp_path / "g").phrase_scores == phrases.phrase_scores


def test_a_function_of_the_user_is_not_written(tmp_path):
    def first(worda_count, wordb_count, bigram_count, len_vocab, min_count, corpus_word_count):
        return 2.0

    phrases = learned(scoring=first)
    with pytest.raises(ValueError, match=r"scoring: expected a function that a file can name"):
        phrases.save(tmp_path / "f")
    assert list(tmp_path.iterdir()) == []
    phrases.freeze().save(tmp_path / "f")
    frozen = FrozenPhrases.load(tmp_path / "f")
    assert frozen.scoring is None and frozen.phrase_scores == phrases.phrase_scores


def test_files_of_other_kinds_are_refused(tmp_path):
    learned().save(tmp_path / "counts")
    learned().freeze().save(tmp_path / "phrases")
    with pytest.raises(ValueError, match="expected a list of phrases, got a count of phrases"):
        FrozenPhrases.load(tmp_path / "counts")
    with pytest.raises(ValueError, match="expected a count of phrases, got a list of phrases"):
        Phrases.load(tmp_path / "phrases")
    with pytest.raises(ValueError, match="phrases"):
        KeyedVectors.load(tmp_path / "phrases")
    KeyedVectors.from_words("ab", np.ones((2, 2))).save(tmp_path / "vectors")
    with pytest.raises(ValueError, match="expected a count of phrases"):
        Phrases.load(tmp_path / "vectors")


COUNTS = {
    "a word twice": lambda c: c.arrays.update(
        fw2v.pack_words(["a"] * len(c.arrays["word_ends"]))[1]
    ),
    "a run of itself": lambda c: c.arrays["nodes"].__setitem__((3, 0), ~3),
    "a run of a later one": lambda c: c.arrays["nodes"].__setitem__((3, 0), ~9),
    "a word behind the last": lambda c: c.arrays["nodes"].__setitem__((3, 1), 10**6),
    "a word before the first": lambda c: c.arrays["nodes"].__setitem__((3, 1), -1),
    "a first word behind the last": lambda c: c.arrays["nodes"].__setitem__((3, 0), 10**6),
    "a run twice": lambda c: c.arrays["nodes"].__setitem__(3, c.arrays["nodes"][4]),
    "a count below 0": lambda c: c.arrays["counts"].__setitem__(3, -1),
    "a word's count below 0": lambda c: c.arrays["word_counts"].__setitem__(3, -1),
    "fewer counts": lambda c: c.arrays.update(counts=c.arrays["counts"][:-1]),
    "real counts": lambda c: c.arrays.update(counts=c.arrays["counts"].astype(float)),
    "no nodes": lambda c: c.arrays.pop("nodes"),
    "a number as nodes": lambda c: c.arrays.update(nodes=np.array(3)),
    "no setting": lambda c: c.facts.pop("threshold"),
    "a setting of another type": lambda c: c.facts.update(min_count="5"),
    "a limit of 0": lambda c: c.facts.update(max_vocab_size=0),
    "another delimiter": lambda c: c.facts.update(delimiter=None),
    "another scoring": lambda c: c.facts.update(scoring="x"),
    "a list as scoring": lambda c: c.facts.update(scoring=[]),
    "other connectors": lambda c: c.facts.update(connector_words=[1]),
    "fewer words in all than 0": lambda c: c.facts.update(n_words=-1),
}
LIST = {
    "a word behind the last": lambda c: c.arrays["phrases"].__setitem__(0, 10**6),
    "a word before the first": lambda c: c.arrays["phrases"].__setitem__(0, -1),
    "a phrase of one word": lambda c: c.arrays["phrase_ends"].__setitem__(0, 1),
    "ends that fall": lambda c: c.arrays["phrase_ends"].__setitem__(0, 10**6),
    "fewer ends": lambda c: c.arrays.update(phrase_ends=c.arrays["phrase_ends"][:-1]),
    "whole scores": lambda c: c.arrays.update(scores=c.arrays["scores"].astype(int)),
    "a number as phrases": lambda c: c.arrays.update(phrases=np.array(3)),
    "no threshold": lambda c: c.facts.pop("threshold"),
}


@pytest.mark.parametrize(
    ("kind", "damage"),
    [(Phrases, each) for each in COUNTS.values()]
    + [(FrozenPhrases, each) for each in LIST.values()],
    ids=[*COUNTS, *(f"list: {name}" for name in LIST)],
)
def test_damage_is_refused(tmp_path, kind, damage):
    phrases = learned() if kind is Phrases else learned().freeze()
    phrases.save(tmp_path / "f")
    content = fw2v.read(tmp_path / "f", None, mmap=None)
    damage(content)
    fw2v.write(tmp_path / "f", content.kind, content.facts, content.arrays)
    with pytest.raises(ValueError, match=r"f: the phrases are damaged \("):
        kind.load(tmp_path / "f")
