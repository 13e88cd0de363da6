"""Fonts for the pictures of matplotlib, chosen by the characters that a picture shows.

matplotlib draws kanji and kana as boxes, and warns of each, unless it is told a font that has them.

| name | does |
|---|---|
| `use_fonts` | makes matplotlib draw the characters of given texts |
| `font_families` | finds the installed families that hold given characters |
"""

from __future__ import annotations

import contextlib
import string
import warnings
from collections.abc import Collection, Iterable

__all__ = ["font_families", "use_fonts"]

# The order of preference; other fonts are asked for the characters that none of these holds.
_FAMILIES = (
    *("Noto Sans", "DejaVu Sans"),
    *("Hiragino Sans", "Yu Gothic", "Meiryo", "Noto Sans CJK JP", "Noto Sans JP", "IPAexGothic"),
    *("IPAGothic", "TakaoGothic", "VL Gothic", "PingFang SC", "Microsoft YaHei", "Malgun Gothic"),
    *("Noto Sans CJK SC", "Noto Sans CJK KR", "WenQuanYi Zen Hei", "Arial Unicode MS"),
)
_OF_AXES = string.printable + "\N{MINUS SIGN}"


def use_fonts(*texts: str) -> list[str]:
    """Make matplotlib draw the characters of texts, and return the families it now uses.

    Sets `matplotlib.rcParams["font.family"]`, which later figures use. If no installed font holds
    some of the characters, one warning says so, and matplotlib's own, one for each character, are
    turned off. Raises ImportError if matplotlib is not installed.

    >>> import matplotlib
    >>> families = use_fonts("loss", "epoch")
    >>> families == matplotlib.rcParams["font.family"]
    True
    """
    try:
        import matplotlib
    except ImportError as error:
        raise ImportError(
            "use_fonts: matplotlib is missing; pip install 'fastw2v[plot]'"
        ) from error
    families, missing = font_families("".join(texts) + _OF_AXES)
    matplotlib.rcParams["font.family"] = families
    if missing:
        warnings.warn(said_of(missing), stacklevel=2)
        warnings.filterwarnings("ignore", "Glyph .* missing from", UserWarning)
    return families


def font_families(characters: Iterable[str]) -> tuple[list[str], set[str]]:
    """Return families of matplotlib that hold the characters, and the characters that none holds.

    Fonts that were installed after matplotlib's first start are found as well.

    >>> families, missing = font_families("word")
    >>> len(families), missing
    (1, set())
    """
    from matplotlib import font_manager

    needed = {ord(c) for c in characters if not c.isspace()}
    chosen, needed = _chosen(needed, ())
    if needed:
        # matplotlib remembers the fonts of its first start; others may have come since.
        known = {font.fname for font in font_manager.fontManager.ttflist}
        for path in set(font_manager.findSystemFonts()) - known:
            with contextlib.suppress(OSError, RuntimeError):
                font_manager.fontManager.addfont(path)
        more, needed = _chosen(needed, chosen)
        chosen += more
    return chosen or ["DejaVu Sans"], {chr(code) for code in needed}


def said_of(missing: Collection[str]) -> str:
    """Return the one line about characters that no installed font holds."""
    return (
        f"no installed font has {len(missing)} of the characters "
        f"({''.join(sorted(missing)[:10])}), which are drawn as boxes; install a font of their "
        "script, such as Noto Sans CJK for Japanese"
    )


def _chosen(needed: set[int], without: Collection[str]) -> tuple[list[str], set[int]]:
    """Return families that hold some of the code points, and the code points that none holds."""
    from matplotlib import font_manager
    from matplotlib.ft2font import FT2Font

    fonts = {
        font.name: font.fname
        for font in reversed(font_manager.fontManager.ttflist)
        if font.style == "normal"
        and str(font.weight) in ("400", "normal", "regular")
        and not font.name.startswith("Last Resort")  # which draws a box for every character
    }
    preferred = [name for name in _FAMILIES if name in fonts]
    chosen = []
    for name in [*preferred, *sorted(fonts.keys() - preferred)]:
        if not needed:
            break
        held: set[int] = set()
        if name not in without:
            with contextlib.suppress(OSError, RuntimeError):
                held = needed & FT2Font(fonts[name]).get_charmap().keys()
        if held:
            chosen.append(name)
            needed = needed - held
    return chosen, needed
