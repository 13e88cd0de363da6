"""The explorer page as a file: what it holds, how large it is, what it refuses."""

import base64
import hashlib
import html
import importlib
import json
import re

import numpy as np
import pytest
from odd_words import ODD_WORDS

from fastw2v.keyed_vectors import KeyedVectors

pytest.importorskip("bokeh")


def random_vectors(words, d=8, seed=0):
    rng = np.random.default_rng(seed)
    return KeyedVectors.from_words(words, rng.normal(size=(len(words), d)).astype("f"))


def part(page, name):
    return re.search(rf'<script type="[^"]+" id="{name}">(.*?)</script>', page, re.DOTALL)[1]


def facts_of(page):
    return json.loads(part(page, "facts"))


def test_the_page_holds_its_words_and_their_unit_vectors_in_float16():
    vectors = random_vectors(ODD_WORDS)
    page = vectors.explore(layout="pca", title="<b>Title & more</b>")
    facts = facts_of(page.html)
    assert facts["words"] == ODD_WORDS == page.words
    assert page.layout == facts["layout"] == "principal components"
    halves = np.frombuffer(base64.b64decode(part(page.html, "vectors")), "<f2")
    unit = vectors.get_normed_vectors()
    assert np.abs(halves.reshape(unit.shape) - unit).max() < 1e-3
    assert "<title>&lt;b&gt;Title &amp; more&lt;/b&gt;</title>" in page.html
    places = np.frombuffer(base64.b64decode(facts["places"]), "<f4")
    assert len(places) == 2 * len(ODD_WORDS)
    # No word ends a script, begins a comment, or is taken for a placeholder of the template.
    assert len(re.findall("<script", page.html)) == 4 == len(re.findall("</script", page.html))
    assert "<!--" not in part(page.html, "facts") and page.html.count("{{vectors}}") == 1


def test_the_policy_names_the_two_scripts_and_no_connection():
    page = random_vectors(["a", "b"]).explore().html
    policy = html.unescape(re.search(r'Content-Security-Policy" content="([^"]+)"', page)[1])
    scripts = re.findall("<script>(.*?)</script>", page, re.DOTALL)
    hashes = [base64.b64encode(hashlib.sha256(s.encode()).digest()).decode() for s in scripts]
    assert len(scripts) == 2
    assert f"default-src 'none'; script-src 'sha256-{hashes[0]}' 'sha256-{hashes[1]}';" in policy
    assert "unsafe-eval" not in policy and "http" not in policy
    assert re.findall(r"(?:src|href)=\"(?!data:)", page.replace(scripts[0], "")) == []


def test_ten_thousand_words_of_300_numbers_are_at_most_12_megabytes(tmp_path):
    vectors = random_vectors([f"word number {i}" for i in range(10_000)], 300)
    vectors.explore(top=10_000, layout="pca").save(tmp_path / "page.html")
    assert 8e6 < (tmp_path / "page.html").stat().st_size < 12e6


@pytest.mark.parametrize(
    "change",
    [
        lambda kv: kv.index_to_key.append("new"),
        lambda kv: kv.key_to_index.update(a=1),
        lambda kv: kv.expandos.update(count=np.ones(2)),
        lambda kv: kv.expandos.update(count=[3, 2, 1]),
    ],
)
def test_vectors_that_do_not_fit_their_words_are_refused(change):
    vectors = random_vectors(["a", "b", "c"])
    change(vectors)
    with pytest.raises(ValueError, match=r"key_to_index|expandos|vectors: expected"):
        vectors.explore(layout="pca")


def test_words_and_top_choose_what_is_shown():
    vectors = random_vectors([f"w{i}" for i in range(3000)])

    def shown(*args, **kwargs):
        return vectors.explore(*args, layout="pca", **kwargs).words

    assert len(shown()) == 2000 and shown()[:2] == ["w0", "w1"]
    assert shown(top=3) == ["w0", "w1", "w2"]
    assert shown(["w9", "w7", "w9"]) == ["w9", "w7"]
    assert shown((w for w in ["w9", "w1"]), 3) == ["w9", "w1", "w0", "w2"]
    assert len(shown(top=10**6)) == 3000
    numbers = KeyedVectors.from_words([7, 5, 3], np.eye(3))
    assert numbers.explore([5, 3], layout="pca").words == ["5", "3"]
    facts = facts_of(vectors.explore(top=5, layout="pca").html)
    assert (facts["total"], facts["dimension"], facts["counts"]) == (3000, 8, None)


def test_counts_are_shown_where_they_are_known():
    vectors = random_vectors(["a", "b", "c"])
    vectors.expandos["count"] = np.array([30, 20, 10])
    assert facts_of(vectors.explore(["c", "a"]).html)["counts"] == [10, 30]


@pytest.mark.parametrize("dtype", ["float16", "int8", "float64"])
def test_tables_of_other_types_are_shown(dtype):
    vectors = random_vectors(["a", "b", "c"]).astype(dtype)
    halves = np.frombuffer(base64.b64decode(part(vectors.explore().html, "vectors")), "<f2")
    assert np.allclose(np.linalg.norm(halves.reshape(3, 8), axis=1), 1, atol=2e-3)


def test_extreme_vectors_have_directions():
    table = np.array([[3e38, 3e38], [1e-40, 0], [0, 0], [-1, 1]], "f")
    page = KeyedVectors.from_words(list("abcd"), table).explore().html
    halves = np.frombuffer(base64.b64decode(part(page, "vectors")), "<f2").reshape(4, 2)
    assert np.allclose(halves, [[0.7071, 0.7071], [1, 0], [0, 0], [-0.7071, 0.7071]], atol=1e-3)


def test_bad_input_is_refused():
    vectors = random_vectors(["a", "b", "c"])
    for arguments, error, message in (
        ({"words": ["a", "z"]}, KeyError, "words: 'z' is not among the 3 words"),
        ({"words": "abc"}, TypeError, "words: expected a list of words, got 'abc'"),
        ({"words": ["a"]}, ValueError, "expected 2 or more words to show, got 1"),
        ({"words": []}, ValueError, "expected 2 or more words to show, got 0"),
        ({"top": 1}, ValueError, "expected 2 or more words to show, got 1"),
        ({"top": -1}, ValueError, "top: expected at least 0"),
        ({"top": 2.5}, TypeError, "top: expected a whole number"),
        ({"seed": -1}, ValueError, "seed: expected at least 0"),
        ({"layout": "grid"}, ValueError, "layout: expected one of"),
    ):
        with pytest.raises(error, match=message):
            vectors.explore(**arguments)
    vectors.vectors[1, 3] = np.nan
    with pytest.raises(ValueError, match="got NaN or infinity in the vector of 'b'"):
        vectors.explore()


def test_a_page_is_saved_whole_and_under_a_name_of_its_kind(tmp_path, monkeypatch):
    page = random_vectors(["a", "b"]).explore()
    page.save(tmp_path / "p.html")
    assert (tmp_path / "p.html").read_text(encoding="utf-8") == page.html
    for name in ("p.png", "p.js", "p.html.gz"):
        with pytest.raises(ValueError, match="expected a name for a page, got one that ends in"):
            page.save(tmp_path / name)
    assert [path.name for path in tmp_path.iterdir()] == ["p.html"]
    assert repr(page).startswith("<Explorer: 2 words placed by principal components, ")


def test_a_notebook_gets_a_frame_that_holds_the_page():
    page = random_vectors(["a", '"></iframe><b>']).explore()
    frame = page._repr_html_()
    assert frame.count("<iframe") == 1 and frame.count("</iframe>") == 1
    assert html.unescape(re.search('srcdoc="([^"]*)"', frame)[1]) == page.html
    assert 'sandbox="allow-scripts"' in frame


def test_without_bokeh_the_cure_is_named(monkeypatch):
    def without(name):
        raise ModuleNotFoundError(name)

    monkeypatch.setattr(importlib, "import_module", without)
    with pytest.raises(ValueError, match=r"needs bokeh.*pip install 'fastw2v\[explore\]'"):
        random_vectors(["a", "b"]).explore()
