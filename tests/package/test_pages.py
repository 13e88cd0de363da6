"""The examples of the pages in docs/ give what the pages say."""

import doctest
import shutil

import pytest
from places import DATA, ROOT

PAGES = [path for path in sorted((ROOT / "docs").glob("*.md")) if ">>>" in path.read_text("utf-8")]
NEEDS = {"scikit-learn.md": "sklearn"}


def test_pages_have_examples():
    assert {"gensim-files.md", "scikit-learn.md"} <= {path.name for path in PAGES}


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_examples_of_a_page(page, tmp_path, monkeypatch):
    if page.name in NEEDS:
        pytest.importorskip(NEEDS[page.name])
    monkeypatch.chdir(tmp_path)
    for path in (DATA / "gensim").glob("4.4.0-apart.model*"):
        shutil.copy(path, path.name.replace("4.4.0-apart", "their"))
    text = page.read_text("utf-8")  # an example ends with a blank line, not with its fence
    test = doctest.DocTestParser().get_doctest(text, {}, page.name, str(page), 0)
    result = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE).run(test)
    assert result.attempted and not result.failed
