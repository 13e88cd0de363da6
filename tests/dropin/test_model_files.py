"""Which model files of the reader count as the book's own, and what is served in their place."""

import ast
import sys

import pytest

import fastw2v
from fastw2v.dropin import book_names, unchanged

# A model file as a reader has it; the digest of this class takes the place of the book's.
CBOW = '''\
# coding: utf-8
import sys
sys.path.append('..')
from common.np import *  # import numpy as np
from common.layers import Embedding


class CBOW:
    def __init__(self, V, H):
        """Two tables."""
        # weights
        self.W = 0.01 * np.random.randn(V, H).astype('f')

    def size(self):
        return self.W.shape
'''


@pytest.fixture
def known(monkeypatch):
    tree = ast.parse(CBOW)
    source = "".join(CBOW.splitlines(keepends=True)[tree.body[-1].lineno - 1 :])
    digests = {"CBOW": frozenset({unchanged.digest(source)})}
    monkeypatch.setattr(unchanged, "BOOKS_CLASSES", digests)


def is_unchanged(source):
    return unchanged.is_unchanged(source, ast.parse(source), "ch04.cbow")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("", ""),
        ("# weights", "# 重みの初期化\n\n"),
        ('"""Two tables."""', "'''Zwei Tabellen.'''"),
        ('        """Two tables."""\n', ""),
        ("'f'", '"f"'),
        ("import sys\n", "import sys, os\n"),
        ("sys.path.append('..')", "sys.path.append(os.pardir)"),
        ("from common.np import *", "import numpy as np"),
        ("# coding: utf-8\n", '"""My notes."""\n'),
        ("\n\n\nclass", "\nclass"),
        ("    def size", "\n\n\n    def size"),
    ],
)
def test_what_computes_nothing_may_change(known, old, new):
    assert old in CBOW
    assert is_unchanged(CBOW.replace(old, new))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("0.01", "0.1"),
        ("'f'", "'d'"),
        ("class CBOW:", "class CBOW(dict):"),
        ("class CBOW:", "class Cbow:"),
        ("class CBOW:", "@print\nclass CBOW:"),
        ("import Embedding", "import Embedding\nfrom my_layers import Dropout"),
        ("from common.layers", "from .layers"),
        ("import sys\n", "import sys\nimport random\n"),
        ("\n\n\nclass", "\nnp.random.seed(1)\n\n\nclass"),
        ("return self.W.shape\n", "return self.W.shape\n\n\nclass Mine(CBOW):\n    pass\n"),
        ("return self.W.shape\n", "return self.W.shape\n\n\ndef helper():\n    pass\n"),
        ("    def size(self):\n        return self.W.shape\n", ""),
    ],
)
def test_a_changed_file_is_the_readers(known, old, new):
    assert old in CBOW
    assert not is_unchanged(CBOW.replace(old, new))


def test_every_class_of_the_books_models_is_known():
    wanted = {name for book in book_names.MODELS.values() for name in book.defines}
    assert set(unchanged.BOOKS_CLASSES) == wanted
    digests = [d for several in unchanged.BOOKS_CLASSES.values() for d in several]
    assert len(set(digests)) == len(digests)
    assert all(len(d) == 16 and int(d, 16) for d in digests)


@pytest.fixture
def folder(known, tmp_path, monkeypatch):
    """A reader's ch04 on sys.path, and nothing of the drop-in left afterwards."""
    (tmp_path / "cbow.py").write_text(CBOW, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path
    fastw2v.uninstall()
    sys.modules.pop("cbow", None)


@pytest.mark.parametrize(
    ("models", "changed", "home"),
    [
        (None, False, "fastw2v.models.cbow"),
        (None, True, "cbow"),
        (True, True, "fastw2v.models.cbow"),
        (False, False, "cbow"),
    ],
)
def test_what_is_served(folder, models, changed, home):
    if changed:
        (folder / "cbow.py").write_text(CBOW.replace("0.01", "0.02"), encoding="utf-8")
    fastw2v.install(models=models)
    from cbow import CBOW as Model

    assert Model.__module__ == home


def test_a_second_call_only_adds(folder):
    fastw2v.install(models=False)
    fastw2v.install()
    fastw2v.install(models=False)
    from cbow import CBOW as Model

    assert Model.__module__ == "fastw2v.models.cbow"


def test_a_file_that_is_no_python_raises_the_readers_error(folder):
    (folder / "cbow.py").write_text("class CBOW:\n    def", encoding="utf-8")
    fastw2v.install()
    with pytest.raises(SyntaxError):
        import cbow  # noqa: F401


def test_models_that_cannot_be_meant():
    with pytest.raises(TypeError, match="models: expected True, False or None, got 'cbow'"):
        fastw2v.install(models="cbow")
