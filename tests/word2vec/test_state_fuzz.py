"""Public state of trained models and of word vectors, changed at random.

FASTW2V_FUZZ_SECONDS=600 pytest tests/word2vec/test_state_fuzz.py runs each target for ten minutes.
"""

import pytest
from state_fuzz import fuzz_in_child
from state_word2vec import TARGETS

from fastw2v._core.class_methods import Refused
from fastw2v.keyed_vectors import KeyedVectors
from fastw2v.word2vec import Word2Vec


@pytest.mark.parametrize("name", TARGETS)
def test_any_state_gives_an_error_that_says_why_or_a_right_answer(name):
    shown = fuzz_in_child("state_word2vec", name)
    assert "rounds" in shown


# Methods that no call of the targets names: another name of one that does, or no use of the state.
ALIKE = {
    *("similar_by_word", "similar_by_key", "word_vec", "fill_norms", "init_sims", "from_words"),
    *("cosine_similarities", "load", "load_word2vec_format", "from_gensim", "to_gensim"),
    *("resume", "vectors", "build_vocab_from_freq", "layer1_size", "words_closer_than"),
    *("null_word", "effective_min_count", "min_alpha_yet_reached"),
    *("log_accuracy", "log_evaluate_word_pairs", "wmdistance", "build_index", "explore"),
}


@pytest.mark.parametrize("kind", [Word2Vec, KeyedVectors])
def test_the_targets_call_every_public_method(kind):
    names = {name for name in dir(kind) if not name.startswith("_")} - ALIKE
    names -= {name for name in names if isinstance(getattr(kind, name), Refused)}
    called = set()
    for target in TARGETS.values():
        for call in target.calls.values():
            code = [call.__code__]
            while code:
                one = code.pop()
                called.update(one.co_names)
                code += [const for const in one.co_consts if hasattr(const, "co_names")]
    assert names - called == set()
