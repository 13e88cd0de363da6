"""`Phrases` finds the phrases that gensim finds, and joins them."""

import copy
import json
import logging
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from phrase_texts import CONNECTORS, SETTINGS, planted
from places import DATA

import fastw2v
from fastw2v import Word2Vec
from fastw2v.phrases import (
    ENGLISH_CONNECTOR_WORDS,
    FrozenPhrases,
    JoinedSentences,
    Phrases,
    npmi_scorer,
    original_scorer,
)
from fastw2v.reference.phrases import count_runs, join
from fastw2v.word2vec import LineSentence

TEXT = planted()
NEW_YORK = [s.split() for s in ("i love new york", "new york is big", "big love is in")] * 3
WORDS = st.sampled_from("a b c of the".split())
TEXTS = st.lists(st.lists(WORDS, max_size=8), max_size=8)


def small(**settings):
    return Phrases(NEW_YORK, **{"min_count": 1, "threshold": 2} | settings)


# ---- the same as gensim


@pytest.mark.parametrize("name", SETTINGS)
def test_phrases_and_scores_are_those_that_gensim_found(name):
    recorded = json.loads((DATA / "phrases.json").read_text(encoding="utf-8"))[name]
    phrases = Phrases(TEXT, **SETTINGS[name])
    assert phrases.export_phrases() == recorded["phrases"]
    assert len(phrases.vocab) == recorded["different"]
    more = planted(seed=1, n_sentences=100)
    phrases.add_vocab(more)
    if name != "pruned":  # gensim counts a further text apart, and prunes it apart
        assert phrases.export_phrases() == recorded["added"]
        assert list(phrases.freeze()[more[:20]]) == recorded["joined"]


@given(
    TEXTS,
    st.sampled_from([frozenset(), CONNECTORS]),
    st.sampled_from(["default", "npmi"]),
    st.sampled_from([1, 2, 1.5]),
    st.sampled_from([0.1, 0.5, 1.0]),
    st.sampled_from([40_000_000, 4, 8]),
)
def test_a_text_gives_what_gensim_gives(text, connectors, scoring, min_count, threshold, most):
    gensim = pytest.importorskip("gensim").models.phrases
    text = [sentence for sentence in text if sentence]  # gensim prunes after empty ones, too
    settings = {
        "min_count": min_count,
        "threshold": threshold,
        "scoring": scoring,
        "connector_words": connectors,
        "max_vocab_size": most,
    }
    ours, theirs = Phrases(text, **settings), gensim.Phrases(text, **settings)
    assert ours.vocab == theirs.vocab
    assert ours.corpus_word_count == theirs.corpus_word_count
    assert ours.export_phrases() == theirs.export_phrases()
    assert ours.freeze().phrasegrams == theirs.freeze().phrasegrams
    assert ours.find_phrases(text) == theirs.find_phrases(text)
    for sentence in text:
        assert ours.analyze_sentence(sentence) == list(theirs.analyze_sentence(sentence))
        assert ours[sentence] == theirs[sentence] == ours.freeze()[sentence]


def test_connector_words_are_gensims():
    gensim = pytest.importorskip("gensim").models.phrases
    assert ENGLISH_CONNECTOR_WORDS == gensim.ENGLISH_CONNECTOR_WORDS


# ---- the same as plain Python


@given(TEXTS, st.sampled_from([(), ("of", "the"), ("a",)]))
def test_counts_and_joins_are_those_of_the_reference(text, connectors):
    phrases = Phrases(text, 1, 0.01, connector_words=connectors)
    words, runs = count_runs(text, connectors)
    joined = {"_".join(run): n for run, n in runs.items()}
    assert phrases.vocab == dict(words) | joined
    assert phrases.corpus_word_count == sum(map(len, text))
    totals = len(words) + len(runs), 1, phrases.corpus_word_count
    scores = {
        run: original_scorer(words[run[0]], words[run[-1]], n, *totals) for run, n in runs.items()
    }
    passing = {run: score for run, score in scores.items() if score > 0.01}
    assert phrases.phrase_scores == passing and list(phrases.phrase_scores) == list(passing)
    for sentence in text:
        assert phrases.analyze_sentence(sentence) == join(sentence, passing, connectors, "_")


def test_many_runs_need_more_room_than_there_is_at_first():
    rng = np.random.default_rng(0)
    text = [[f"w{i}" for i in row] for row in rng.integers(0, 400, (900, 20)).tolist()]
    words, runs = count_runs(text, {"w0", "w1"})
    phrases = Phrases(text, 1, 0.1, connector_words={"w0", "w1"})
    assert len(runs) > 10_000
    assert phrases.vocab == dict(words) | {"_".join(run): n for run, n in runs.items()}


# ---- ways to pass sentences


def test_a_sentence_gives_a_list_and_sentences_an_iterable_that_is_read_again():
    phrases = small()
    assert phrases[["new", "york"]] == ["new_york"] == phrases[("new", "york")]
    assert phrases[iter(["new", "york"])] == phrases[np.array(["new", "york"])] == ["new_york"]
    assert phrases[[]] == phrases[iter(())] == []
    joined = phrases[[["new", "york"], ["york"], []]]
    assert isinstance(joined, JoinedSentences) and len(joined) == 3
    assert list(joined) == list(joined) == [["new_york"], ["york"], []]
    assert list(phrases[(s.split() for s in ("new york", "york"))]) == [["new_york"], ["york"]]


def test_files_are_read_by_compiled_code(tmp_path):
    path = tmp_path / "text.txt"
    path.write_text("\n".join(map(" ".join, TEXT)) + "\n", encoding="utf-8")
    from_file = Phrases(corpus_file=path, min_count=3)
    assert from_file.vocab == Phrases(TEXT, min_count=3).vocab
    lines = LineSentence(path)
    assert Phrases(lines, min_count=3).export_phrases() == from_file.export_phrases()
    assert list(from_file[lines]) == list(from_file[TEXT]) == list(from_file[lines])


def test_phrases_are_words_of_a_model():
    phrases = Phrases(TEXT, min_count=3, threshold=2)
    model = Word2Vec(phrases[TEXT], vector_size=4, min_count=1, epochs=2)
    names = {word for sentence in phrases[TEXT] for word in sentence}
    assert set(model.wv.index_to_key) == names
    assert names & set(phrases.export_phrases())


def test_the_package_has_the_classes():
    assert fastw2v.Phrases is Phrases and fastw2v.FrozenPhrases is FrozenPhrases


# ---- learning on, settings, freezing


def test_further_texts_add_to_the_counts():
    phrases = Phrases(min_count=1, threshold=2)
    assert phrases.export_phrases() == {} and phrases[["new", "york"]] == ["new", "york"]
    for sentence in NEW_YORK:
        phrases.add_vocab([sentence])
    assert phrases.vocab == small().vocab
    assert phrases[["new", "york"]] == ["new_york"]


def test_a_setting_that_changes_counts_at_once():
    phrases = small()
    assert phrases[["new", "york"]] == ["new_york"]
    phrases.delimiter = "+"
    assert phrases[["new", "york"]] == ["new+york"]
    phrases.threshold = 100
    assert phrases[["new", "york"]] == ["new", "york"]
    phrases.scoring, phrases.threshold = npmi_scorer, 0.1
    assert phrases[["new", "york"]] == ["new+york"]
    phrases.min_count = 100
    assert phrases[["new", "york"]] == ["new", "york"]


def test_frozen_trigrams_are_those_of_the_unfrozen():
    """A run of ("new_york", "city") is not one of ("new", "york", "city")."""
    text = [["in", "new", "york", "city"], ["new", "york", "city", "is"], ["is", "in"]] * 4
    text += [["new", "york", "has"], ["has", "in"], ["city", "has"]]
    first = Phrases(text, min_count=1, threshold=1)
    second = Phrases(first[text], min_count=1, threshold=1)
    frozen = second.freeze()
    assert ("new_york", "city") in second.phrase_scores
    assert frozen.phrasegrams == second.export_phrases()
    joined = list(second[first[text]])
    assert list(frozen[first.freeze()[text]]) == joined
    assert "new_york_city" in joined[0]
    assert second.score_candidate("new_york", "city")[0] == "new_york_city"
    assert second.score_candidate("new", "city", ["york"]) == (None, None)


def test_a_frozen_threshold_may_be_raised():
    frozen = small().freeze()
    assert repr(frozen) == "FrozenPhrases<1 phrases, min_count=1, threshold=2>"
    assert frozen[["new", "york"]] == ["new_york"] == frozen.freeze()[["new", "york"]]
    frozen.threshold = 50
    assert frozen[["new", "york"]] == ["new", "york"] and frozen.export_phrases() == {}


def test_a_function_scores():
    seen = []

    def shares(worda_count, wordb_count, bigram_count, len_vocab, min_count, corpus_word_count):
        seen.append((worda_count, wordb_count, bigram_count, len_vocab, min_count))
        return bigram_count / corpus_word_count

    phrases = small(scoring=shares, threshold=0.15)
    assert phrases.export_phrases() == {"new_york": 6 / 36}
    assert (6, 6, 6, 15, 1) in seen and all(type(n) is int for n in seen[0])


def test_what_pickle_and_copy_make_is_the_same():
    phrases = small()
    for each in (phrases, phrases.freeze()):
        for again in (pickle.loads(pickle.dumps(each)), copy.deepcopy(each), copy.copy(each)):
            assert again.export_phrases() == each.export_phrases()
            assert again[["new", "york"]] == ["new_york"]


def test_the_log_tells_what_was_counted(caplog):
    with caplog.at_level(logging.INFO, "fastw2v.phrases"):
        small()
    assert "counted 15 words and runs in 36 words of 9 sentences" in caplog.text


# ---- refused


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"min_count": 0}, ValueError, "min_count: expected a number above 0, got 0"),
        ({"min_count": "5"}, TypeError, "min_count: expected a number, got '5'"),
        ({"min_count": float("nan")}, ValueError, "min_count"),
        ({"threshold": 0}, ValueError, "threshold: expected a number above 0 for the default"),
        ({"threshold": float("nan")}, ValueError, "threshold"),
        ({"threshold": 2, "scoring": "npmi"}, ValueError, "threshold: expected.*from -1 to 1"),
        ({"threshold": None}, TypeError, "threshold: expected a number"),
        ({"scoring": "pmi"}, ValueError, "scoring: expected 'default', 'npmi' or a function"),
        ({"scoring": None}, ValueError, "scoring: expected 'default', 'npmi' or a function"),
        ({"scoring": lambda a, b: 0}, ValueError, "function of the arguments worda_count"),
        ({"delimiter": b"_"}, TypeError, "delimiter: expected str, got bytes"),
        ({"max_vocab_size": 0}, ValueError, "max_vocab_size: expected at least 1"),
        ({"progress_per": "x"}, TypeError, "progress_per: expected a whole number"),
        ({"connector_words": "of"}, TypeError, "connector_words: expected words, got str"),
        ({"connector_words": [1]}, TypeError, "connector_words: expected words of type str, got"),
        ({"connector_words": None}, TypeError, "connector_words: expected words, got NoneType"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings, error, message):
    with pytest.raises(error, match=message):
        Phrases(NEW_YORK, **settings)
    phrases = small()
    for name, value in settings.items():
        setattr(phrases, name, value)
    with pytest.raises(error, match=message):
        phrases[["new", "york"]]
    with pytest.raises(error, match=message):
        phrases.add_vocab(NEW_YORK)
    assert phrases.corpus_word_count == 36


SENTENCES = {
    "a text": ("new york", "sentences: expected lists of words, got one str"),
    "texts": (["new york"], "got the str 'new york' as sentence 0"),
    "a number": (5, "sentences: expected lists of words, got int"),
    "numbers": ([[1, 2]], "sentences: expected words of type str, got int 1"),
    "mixed words": ([["a", 2]], "sentences: expected words"),
    "unhashable words": ([["a", []]], r"expected words of type str, got list \[\]"),
    "None": ([None], "got NoneType as sentence 0"),
}


@pytest.mark.parametrize("known", [[], NEW_YORK])
def test_a_text_whose_end_is_none_leaves_nothing_behind(known):
    phrases = Phrases(known, min_count=1, threshold=1)
    before = phrases.vocab, phrases.corpus_word_count, phrases.export_phrases()
    for end in ([["big", 5]], [None], ["new york"]):
        with pytest.raises(TypeError):
            phrases.add_vocab(iter([["new", "word"]] * 3000 + end))
        assert (phrases.vocab, phrases.corpus_word_count, phrases.export_phrases()) == before
    phrases.add_vocab(iter(NEW_YORK))
    assert phrases.vocab == Phrases([*known, *NEW_YORK], min_count=1).vocab


def test_sentences_of_any_kind_are_counted_alike():
    lists = [["new", "york"], [], ["is"], ["in", "new", "york"]] * 700
    wanted = Phrases(lists, min_count=1).vocab
    kinds = [
        map(tuple, lists),
        map(iter, lists),
        (map(np.str_, words) for words in lists),
        np.array([np.array(words, object) for words in lists], object),
        (np.array(words) if words else [] for words in lists),
    ]
    for sentences in kinds:
        found = Phrases(sentences, min_count=1)
        assert found.vocab == wanted
        assert found.corpus_word_count == 6 * 700
        assert {type(word) for word in found.vocab} == {str}
    for empty in ([], [[]], iter([[], []])):
        assert Phrases(empty).vocab == {}


@pytest.mark.parametrize(("sentences", "message"), SENTENCES.values(), ids=SENTENCES)
def test_texts_of_other_things_are_refused(sentences, message):
    phrases = small()
    before = phrases.vocab
    with pytest.raises(TypeError, match=message):
        phrases.add_vocab(sentences)
    assert phrases.vocab == before and phrases.corpus_word_count == 36


@pytest.mark.parametrize("frozen", [False, True])
@pytest.mark.parametrize(
    ("sentence", "message"),
    [
        ("new york", "sentence: expected a list of words, or sentences, got str 'new york'"),
        (b"new", "sentence: expected a list of words, or sentences, got bytes"),
        (5, "sentence: expected a list of words, or sentences, got int"),
        ({"new": 1}, "sentence: expected a list of words, or sentences, got dict"),
        (["new", 5], "sentence: expected words of type str, got int 5 at place 1"),
        (["new", ["york"]], r"sentence: expected words of type str, got list \['york'\]"),
    ],
)
def test_sentences_of_other_things_are_refused(sentence, message, frozen):
    phrases = small().freeze() if frozen else small()
    with pytest.raises(TypeError, match=message):
        phrases[sentence]


def test_sentences_of_a_text_are_checked_when_they_are_read():
    with pytest.raises(TypeError, match="got int as sentence 1"):
        list(small()[[["new"], 5]])
    with pytest.raises(TypeError, match="got the str 'york' as sentence 1"):
        list(small()[[["new"], "york"]])
    with pytest.raises(TypeError, match="len: expected sentences with a length"):
        len(small()[(s for s in NEW_YORK)])


def test_neither_or_both_texts_and_a_missing_file(tmp_path):
    with pytest.raises(TypeError, match="sentences, corpus_file: expected one of them, got both"):
        Phrases(NEW_YORK, corpus_file="text.txt")
    with pytest.raises(FileNotFoundError):
        Phrases(corpus_file=tmp_path / "missing.txt")
    with pytest.raises(TypeError, match="phrases_model: expected Phrases, got dict"):
        FrozenPhrases({})
