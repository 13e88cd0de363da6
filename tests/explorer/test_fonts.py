"""Fonts for pictures: one that holds the characters is found, or one line names those without."""

import io
import warnings

import pytest

pytest.importorskip("matplotlib")

import matplotlib
from matplotlib import font_manager
from matplotlib.figure import Figure

from fastw2v.fonts import font_families, use_fonts

HAS_CJK = "NotoSansCJK-Regular" in " ".join(font_manager.findSystemFonts())


@pytest.fixture(autouse=True)
def settings():
    """Restore matplotlib's settings and the filters of warnings."""
    with matplotlib.rc_context(), warnings.catch_warnings():
        warnings.simplefilter("always")
        yield


@pytest.fixture
def only_dejavu(monkeypatch):
    plain = [font for font in font_manager.fontManager.ttflist if font.name == "DejaVu Sans"]
    monkeypatch.setattr(font_manager.fontManager, "ttflist", plain)
    monkeypatch.setattr(font_manager, "findSystemFonts", list)


def warnings_of_a_figure(title):
    with warnings.catch_warnings(record=True) as said:
        figure = Figure(figsize=(3, 2))
        axes = figure.subplots()
        axes.plot([-1, 0, 1])
        axes.set_title(title)
        figure.savefig(io.BytesIO(), format="png")
    return [str(warning.message) for warning in said]


TITLES = ["損失", "エポックごとの損失 −1", "词向量", "단어", "word 犬 猫"]


@pytest.mark.skipif(not HAS_CJK, reason="needs Noto Sans CJK")
@pytest.mark.parametrize("title", TITLES)
def test_a_font_that_holds_the_characters_is_found(title):
    matplotlib.rcParams["font.family"] = ["DejaVu Sans"]
    assert any("missing from" in said for said in warnings_of_a_figure(title))
    families = use_fonts(title)
    assert matplotlib.rcParams["font.family"] == families
    assert warnings_of_a_figure(title) == []
    assert any("CJK" in name for name in font_families(title)[0])


@pytest.mark.skipif(not HAS_CJK, reason="needs Noto Sans CJK")
def test_a_font_installed_after_the_first_start_is_found(monkeypatch):
    plain = [font for font in font_manager.fontManager.ttflist if font.name == "DejaVu Sans"]
    monkeypatch.setattr(font_manager.fontManager, "ttflist", plain)
    families, missing = font_families("猫と犬 cat")
    assert families[0] == "DejaVu Sans" and any("CJK" in name for name in families)
    assert missing == set()


@pytest.mark.parametrize("title", ["損失", "犬 猫 鳥"])
def test_one_warning_names_what_no_font_holds(title, only_dejavu):
    lacking = {char for char in title if char != " "}
    assert font_families(title) == (["DejaVu Sans"], lacking)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        assert use_fonts(title, "loss") == ["DejaVu Sans"]
        figure = Figure()
        figure.text(0.5, 0.5, title)
        figure.savefig(io.BytesIO(), format="png")
    messages = [str(warning.message) for warning in said]
    assert len(messages) == 1 and "\n" not in messages[0] and "Noto Sans CJK" in messages[0]


def test_plain_text_needs_no_font(only_dejavu):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert use_fonts("loss", "") == ["DejaVu Sans"]
        assert font_families("a b\n") == (["DejaVu Sans"], set())
        assert font_families("") == (["DejaVu Sans"], set())
