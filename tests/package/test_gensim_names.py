"""Each public name of gensim 4.4 is here, or raises an error that names its replacement.

docs/coming-from-gensim.md lists both kinds.
"""

import importlib
import inspect
import json
import re

import numpy as np
import pytest
from places import ROOT

import fastw2v.fasttext
import fastw2v.keyed_vectors
import fastw2v.word2vec
from fastw2v import FastText, KeyedVectors, Word2Vec
from fastw2v._core.class_methods import Refused

NAMES = json.loads((ROOT / "tests" / "data" / "gensim_names.json").read_text(encoding="utf-8"))
PAGE = (ROOT / "docs" / "coming-from-gensim.md").read_text(encoding="utf-8")
SAME, DIFFERENT, MISSING = (
    PAGE.split(f"\n## {begin}\n")[1].split("\n## ")[0]
    for begin in ("The same", "Different", "Missing")
)
CURES = dict(re.findall(r"^\| `(\w+)` \| (.+) \|$", MISSING, re.MULTILINE))
CLASSES = {"Word2Vec": Word2Vec, "KeyedVectors": KeyedVectors}
MODULES = {"word2vec": fastw2v.word2vec, "keyedvectors": fastw2v.keyed_vectors}


def test_the_lists_were_read():
    assert len(CURES) > 50 and DIFFERENT.count("\n|") > 30 and SAME.count("`") > 150


@pytest.fixture(scope="module")
def model():
    return Word2Vec([["a", "b"]] * 9, min_count=1, hs=1, workers=1)


@pytest.mark.parametrize("kind", CLASSES)
def test_names_of_classes_exist_or_name_their_replacement(model, kind):
    thing = model if kind == "Word2Vec" else model.wv
    for name in NAMES[kind]:
        if isinstance(inspect.getattr_static(type(thing), name, None), Refused):
            with pytest.raises(AttributeError) as caught:
                getattr(thing, name)
            assert CURES[name] in str(caught.value)
        elif name == "load":  # refuses to be called on an object
            assert callable(getattr(type(thing), name))
        else:
            getattr(thing, name)
            assert f"`{name}`" in SAME + DIFFERENT, name


@pytest.mark.parametrize("kind", MODULES)
def test_names_of_modules_exist_or_name_their_replacement(kind):
    module = MODULES[kind]
    for name in NAMES[kind]:
        try:
            getattr(module, name)
        except ImportError as error:
            assert CURES[name] in str(error)
        else:
            assert f"`{name}`" in SAME + DIFFERENT, name
    with pytest.raises(ImportError, match="compiled code"):
        from fastw2v.word2vec import train_batch_sg  # noqa: F401
    with pytest.raises(AttributeError, match="has no attribute 'none'"):
        module.none  # noqa: B018


def test_names_of_gensims_fasttext_exist_or_name_their_replacement():
    model = FastText([["a", "b"]] * 9, vector_size=4, min_count=1, workers=1, bucket=50)
    assert model.word_ngrams == 1 and model.wv.compatible_hash
    for thing, name, cure in (
        (FastText, "load_fasttext_format", "call FastText.load"),
        (model.wv, "recalc_char_ngram_buckets", "when they are needed"),
    ):
        with pytest.raises(AttributeError, match=cure):
            getattr(thing, name)()
    for name in ("vectors_vocab_lockf", "vectors_ngrams_lockf"):
        with pytest.raises(AttributeError, match="can be locked"):
            setattr(model.wv, name, np.zeros(2, np.float32))
    for name in ("compute_ngrams", "ft_hash_bytes", "FastTextTrainables", "train_batch_any"):
        with pytest.raises(ImportError, match=f"{name}: not supported; (call|FastText)"):
            getattr(fastw2v.fasttext, name)
    with pytest.raises(AttributeError, match="has no attribute 'none'"):
        fastw2v.fasttext.none  # noqa: B018


@pytest.mark.parametrize("kind", CLASSES)
def test_the_page_has_every_name_that_is_refused(kind):
    kinds = CLASSES[kind]
    section = MISSING.split(f"On `{kind}`")[1].split("\nOn `")[0].split("\nIn `")[0]
    listed = dict(re.findall(r"^\| `(\w+)` \| (.+) \|$", section, re.MULTILINE))
    refused = {
        name: value.cure
        for name in dir(kinds)
        if isinstance(value := inspect.getattr_static(kinds, name), Refused)
    }
    assert listed == refused
    thing = kinds(3) if kinds is KeyedVectors else kinds()
    for name in refused:
        with pytest.raises(AttributeError, match=name):
            setattr(thing, name, 5)
        with pytest.raises(AttributeError, match=name):
            getattr(kinds, name)()


def test_replacements_exist():
    model = Word2Vec([["a", "b"]] * 9, min_count=1, workers=1)
    for cure in CURES.values():
        for owner, name in re.findall(r"\b(model\.wv|model|KeyedVectors|Word2Vec)\.(\w+)", cure):
            owners = {"model": model, "model.wv": model.wv, **CLASSES}
            assert hasattr(owners[owner], name) or hasattr(type(owners[owner]), name), cure


def test_the_names_are_those_of_gensim():
    gensim = pytest.importorskip("gensim")
    if gensim.__version__ != NAMES["version"]:
        pytest.skip(f"gensim {gensim.__version__} has other names")
    theirs = gensim.models.Word2Vec([["a", "b"]] * 9, min_count=1, hs=1)
    for kind, thing in (("Word2Vec", theirs), ("KeyedVectors", theirs.wv)):
        found = {name for name in {*dir(type(thing)), *vars(thing)} if not name.startswith("_")}
        assert sorted(found) == NAMES[kind]


@pytest.mark.parametrize("name", ["Word2Vec", "KeyedVectors", "FastText", "callbacks", "phrases"])
def test_names_of_gensim_models_lead_to_their_homes(name):
    with pytest.raises(
        ImportError, match=rf"fastw2v.models.{name}: not supported; look in fastw2v"
    ):
        exec(f"from fastw2v.models import {name}")
    with pytest.raises(AttributeError, match="module 'fastw2v.models' has no attribute 'nothing'"):
        importlib.import_module("fastw2v.models").nothing  # noqa: B018
