"""Pictures of a map: labels that do not overlap, true PNG and SVG, odd words, fonts."""

import io
import itertools
import re
import warnings
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
from odd_words import ODD_WORDS

pytest.importorskip("matplotlib")

from matplotlib import font_manager

from fastw2v._explorer import layout, picture

# Fonts of this machine may lack characters of the odd words, which one warning says.
pytestmark = pytest.mark.filterwarnings("ignore:map. no installed font")


def drawn(words, seed=0, title="Title"):
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(len(words), 5))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return picture.draw(words, layout.place(rows, "pca"), title)


def saved(drawing, format):
    stream = io.BytesIO()
    picture.save(drawing, stream, format)
    return stream.getvalue()


def labels(drawing):
    """Return the texts of the figure but for its two headings, and their boxes."""
    texts = drawing.figure.texts[2:]
    renderer = drawing.figure.canvas.get_renderer()
    return [t.get_text() for t in texts], [t.get_window_extent(renderer) for t in texts]


def test_labels_are_inside_and_do_not_overlap():
    drawing = drawn([f"word{i}" for i in range(300)])
    texts, boxes = labels(drawing)
    assert texts[:3] == ["word0", "word1", "word2"]  # the first words are placed first
    assert len(texts) + drawing.left_out == 300 and len(texts) > 150
    for a, b in itertools.combinations(boxes, 2):
        assert a.x0 >= b.x1 or b.x0 >= a.x1 or a.y0 >= b.y1 or b.y0 >= a.y1
    width, height = drawing.figure.bbox.width, drawing.figure.bbox.height
    heading = drawing.figure.texts[1].get_window_extent().y0
    for box in boxes:
        assert box.x0 >= -1 and box.x1 <= width + 1 and box.y0 >= -1 and box.y1 <= heading
        assert heading < height


def test_the_same_map_gives_the_same_bytes_of_its_format():
    words = ["sun", "moon", "star", "dog"]
    png, svg = (saved(drawn(words), format) for format in ("png", "svg"))
    assert png.startswith(b"\x89PNG\r\n\x1a\n") and svg.startswith(b"<?xml")
    assert ElementTree.fromstring(svg).tag == "{http://www.w3.org/2000/svg}svg"
    assert saved(drawn(words), "png") == png and saved(drawn(words), "svg") == svg
    assert b"moon" in svg  # a comment beside the outlines tells the word


@pytest.mark.parametrize("format", ["png", "svg"])
def test_odd_words_are_drawn_as_they_are(format):
    drawing = drawn(ODD_WORDS, title="$\\frac$ </svg> \ud800 \0")
    data = saved(drawing, format)
    if format == "svg":
        names = {element.tag.rpartition("}")[2] for element in ElementTree.fromstring(data).iter()}
        assert not names & {"script", "img", "image", "a", "foreignObject"}
    texts, boxes = labels(drawing)
    assert {"$$x^2$$", "東京", "__proto__", "w" * 27 + "…"} <= {*texts}
    assert all(box.width < 700 for box in boxes)
    assert drawing.figure.texts[0].get_text() == "$\\frac$ </svg> \ufffd \ufffd"


@pytest.mark.skipif(
    "NotoSansCJK-Regular" not in " ".join(font_manager.findSystemFonts()),
    reason="needs Noto Sans CJK",
)
def test_japanese_words_are_drawn_with_their_own_shapes():
    svg = saved(drawn(["猫", "犬", "東京", "とり"], title="日本語"), "svg").decode()
    outlines = dict(re.findall(r'<path id="([^"]+)" d="([^"]*)"', svg))
    japanese = [d for name, d in outlines.items() if "CJK" in name]
    # 猫 犬 東 京 と り, and 日 本 語 in bold or in the same weight
    assert len({*japanese}) >= 9 and "LastResort" not in svg


@pytest.mark.parametrize("words", [["a", "b"], ["a"] * 12, ["", " "], ["猫", "犬", "鳥"]])
def test_few_and_equal_words_are_drawn(words):
    assert saved(drawn(words), "png").startswith(b"\x89PNG")
    equal = layout.place(np.ones((len(words), 3)) / np.sqrt(3), "pca")
    assert saved(picture.draw(words, equal, ""), "png").startswith(b"\x89PNG")


def test_a_missing_font_is_named_once(monkeypatch):
    plain = [font for font in font_manager.fontManager.ttflist if font.name == "DejaVu Sans"]
    monkeypatch.setattr(font_manager.fontManager, "ttflist", plain)
    monkeypatch.setattr(font_manager, "findSystemFonts", list)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        assert saved(drawn(["猫", "犬", "cat"]), "png").startswith(b"\x89PNG")
    assert [str(warning.message) for warning in said if "font" in str(warning.message)] == [
        "map: no installed font has 2 of the characters (犬猫), which are drawn as boxes; install "
        "a font of their script, such as Noto Sans CJK for Japanese"
    ]
