"""The explorer page: one HTML file that shows word vectors without network or server.

The page holds Bokeh's JavaScript, which its Python package brings, our own scripts and the vectors
in float16. Its Content-Security-Policy allows the two scripts by their hashes and no connection.
"""

from __future__ import annotations

import base64
import hashlib
import html
import importlib
import json
import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fastw2v._checks.numbers import as_int
from fastw2v._explorer import DEFAULT_TOP
from fastw2v._explorer.layout import check_layout, place
from fastw2v._files.atomic import replacing
from fastw2v._files.kinds import check_suffix
from fastw2v.keyed_vectors.consistency import check_all

if TYPE_CHECKING:
    from fastw2v.keyed_vectors import KeyedVectors

_PARTS = Path(__file__).parent / "page"
# In this order: each file uses names of those before it.
_SCRIPTS = ("vectors.js", "words.js", "search.js", "labels.js", "map.js", "panels.js", "main.js")
# The layers of the map, and the columns that map.js fills.
_COLUMNS = {
    "links": "x0 y0 x1 y1 color",
    "dots": "x y radius color",
    "rings": "x y size color",
    "texts": "x y text size style color anchor dx dy",
}
# Fonts with Japanese first, which is also what Chinese words show where no font of theirs is named.
FONTS = (
    "'Inter', 'Helvetica Neue', 'Segoe UI', 'Noto Sans', 'Liberation Sans', Arial, "
    "'Hiragino Sans', 'Yu Gothic UI', 'Meiryo', 'Noto Sans CJK JP', 'Noto Sans JP', 'IPAGothic', "
    "'PingFang SC', 'Microsoft YaHei', 'Noto Sans CJK SC', 'Malgun Gothic', 'Noto Sans CJK KR', "
    "'Apple Color Emoji', 'Segoe UI Emoji', 'Noto Color Emoji', sans-serif"
)


class Explorer:
    """A page that shows words on a map; `save` writes it, and a notebook shows it inline.

    html     the page, a str
    words    the words on it, in the order of the vectors
    layout   the method that placed them: "t-SNE", "UMAP" or "principal components"
    """

    def __init__(self, html: str, words: list[str], layout: str) -> None:
        self.html = html
        self.words = words
        self.layout = layout

    def __repr__(self) -> str:
        return (
            f"<Explorer: {len(self.words)} words placed by {self.layout}, "
            f"{len(self.html) / 1e6:.1f} MB; save('page.html') writes it>"
        )

    def save(self, fname: str | os.PathLike[str]) -> None:
        """Write the page; the file appears when it is complete.

        Raises ValueError for the name of another format.
        """
        check_page_name(fname)
        with replacing(fname) as stream:
            stream.write(self.html.encode())

    def _repr_html_(self) -> str:
        """Return a frame that holds the page, without access to the notebook around it."""
        return (
            '<iframe sandbox="allow-scripts" title="Explorer of word vectors" '
            'style="width: 100%; height: 640px; border: 1px solid #8884; border-radius: 8px" '
            f'srcdoc="{html.escape(self.html)}"></iframe>'
        )


def check_page_name(fname: str | os.PathLike[str]) -> None:
    """Raise ValueError if a name is that of another format than HTML."""
    check_suffix(fname, "a page", ".html", ".htm")


def check_libraries() -> None:
    """Raise ValueError if bokeh is not installed."""
    _bokeh("bokeh")


def explore(
    vectors: KeyedVectors,
    words: Iterable[Any] | None,
    top: int | None,
    layout: str,
    seed: int,
    title: str | None,
) -> Explorer:
    """Make the page, as `KeyedVectors.explore` describes it."""
    check_layout(layout)
    check_all(vectors)
    words = words if words is None or isinstance(words, str | bytes) else list(words)
    seed = as_int("seed", seed, 0, 2**32 - 1)
    description = _plot()
    rows = chosen_rows(vectors, words, top)
    unit = unit_vectors(vectors, rows)
    shown = [str(vectors.index_to_key[row]) for row in rows]
    places = place(unit, layout, seed)
    counts = vectors.expandos.get("count")
    facts = {
        "title": "Word vectors" if title is None else str(title),
        "words": shown,
        "dimension": unit.shape[1],
        "total": len(vectors),
        "layout": places.method,
        "counts": None if counts is None else [int(counts[row]) for row in rows],
        "places": _base64(places.points.astype("<f4")),
        "hues": _base64((places.directions * 256).astype("u1")),
        "plot": description,
    }
    return Explorer(_page(facts, _base64(unit.astype("<f2"))), shown, places.method)


def chosen_rows(vectors: KeyedVectors, words: Iterable[Any] | None, top: int | None) -> list[int]:
    """Return the rows to show: those of the chosen words first, then the first `top` rows.

    words None: the first rows alone, DEFAULT_TOP of them if top is None.

    Raises KeyError that names a word that has no vector, and ValueError for fewer than two rows.
    """
    if top is not None:
        top = as_int("top", top, 0)
    chosen: list[int] = []
    if words is not None:
        if isinstance(words, str | bytes):
            raise TypeError(f"words: expected a list of words, got {words!r}; pass [{words!r}]")
        for word in words:
            if word not in vectors:
                raise KeyError(
                    f"words: {word!r} is not among the {len(vectors)} words; use words that have a "
                    "vector"
                )
            chosen.append(vectors.get_index(word))
        top = 0 if top is None else top
    first = range(min(DEFAULT_TOP if top is None else top, len(vectors)))
    rows = list(dict.fromkeys([*chosen, *first]))
    if len(rows) < 2:
        raise ValueError(
            f"words, top: expected 2 or more words to show, got {len(rows)}; name more words, "
            "raise top, or use vectors of more words"
        )
    return rows


def unit_vectors(vectors: KeyedVectors, rows: Sequence[int]) -> np.ndarray:
    """Return the vectors of the rows as float32 of length one; vectors of zeros stay zeros.

    Raises ValueError that names the first word whose vector holds NaN or infinity.
    """
    table = np.asarray(vectors.vectors[np.asarray(rows)], dtype=np.float64)
    odd = np.flatnonzero(~np.isfinite(table).all(axis=1))
    if len(odd):
        raise ValueError(
            f"vectors: expected finite numbers, got NaN or infinity in the vector of "
            f"{vectors.index_to_key[rows[odd[0]]]!r}; leave such words out"
        )
    peaks = np.abs(table).max(axis=1, keepdims=True, initial=0)
    table = table / np.where(peaks > 0, peaks, 1.0)  # squares neither overflow nor vanish
    lengths = np.linalg.norm(table, axis=1, keepdims=True)
    return (table / np.where(lengths > 0, lengths, 1.0)).astype(np.float32)


def _base64(array: np.ndarray) -> str:
    return base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()


def _page(facts: dict[str, Any], vectors: str) -> str:
    """Fill the template of the page."""
    from fastw2v._version import __version__

    bokeh = _bokeh("bokeh")
    library = _script_text(Path(bokeh.__file__).parent / "server/static/js/bokeh.min.js")
    ours = "".join(_script_text(_PARTS / name) for name in _SCRIPTS)
    script = f'"use strict";\n(() => {{\n{ours}}})();\n'
    hashes = " ".join(
        f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
        for text in (library, script)
    )
    n, total = len(facts["words"]), facts["total"]
    content = {
        "title": html.escape(facts["title"]),
        "summary": f"{n:,} of {total:,} words, {facts['dimension']:,} dimensions, placed by "
        f"{facts['layout']}",
        "about": f"Made with fastw2v {__version__} and Bokeh {bokeh.__version__} (BSD 3-Clause "
        "licence, in the source of this page). The page connects to nothing.",
        "generator": f"fastw2v {__version__}",
        "font": html.escape(FONTS),
        "policy": f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; "
        "img-src data:; base-uri 'none'; form-action 'none'",
        "style": (_PARTS / "page.css").read_text(encoding="utf-8").replace("FONT_STACK", FONTS),
        "facts": json.dumps(facts, separators=(",", ":")).replace("<", r"\u003c"),
        "vectors": vectors,
        "library": library,
        "script": script,
    }
    template = (_PARTS / "page.html").read_text(encoding="utf-8")
    return re.sub(r"\{\{(\w+)\}\}", lambda match: content[match[1]], template)


def _script_text(path: Path) -> str:
    """Read a script as a browser will see it between tags, so that its hash fits."""
    text = path.read_text(encoding="utf-8")  # line ends become \n, as in HTML
    if re.search("</script|<!--", text, re.IGNORECASE):
        raise ValueError(f"{path}: holds an HTML tag, which would end the script in a page")
    return text


def _plot() -> Any:
    """Describe the plot to BokehJS: an empty map, whose data our scripts set."""
    plotting, models, embed = (_bokeh(f"bokeh.{name}") for name in ("plotting", "models", "embed"))
    figure = plotting.figure(
        sizing_mode="stretch_both",
        toolbar_location=None,
        tools="pan,wheel_zoom",
        active_scroll="wheel_zoom",
        x_range=models.Range1d(-1, 1, min_interval=1e-4, max_interval=20),
        y_range=models.Range1d(-1, 1, min_interval=1e-4, max_interval=20),
        min_border=0,
        outline_line_color=None,
        background_fill_color=None,
        border_fill_color=None,
        output_backend="canvas",
        lod_threshold=None,  # all dots are drawn while the map moves
    )
    figure.axis.visible = False
    figure.grid.visible = False
    links = models.Segment(
        x0="x0", y0="y0", x1="x1", y1="y1", line_color="color", line_width=1.3, line_alpha=0.4
    )
    # Ten thousand circles are drawn in half the time of ten thousand markers.
    dots = models.Circle(
        x="x", y="y", radius="radius", radius_units="screen", fill_color="color", line_color=None
    )
    rings = models.Scatter(x="x", y="y", size="size", fill_color="color", line_color=None)
    texts = models.Text(
        x="x",
        y="y",
        text="text",
        text_font_size="size",
        text_font_style="style",
        text_color="color",
        anchor="anchor",
        x_offset="dx",
        y_offset="dy",
        background_fill_alpha=0.62,  # keeps labels legible over dots
        border_radius=4,
    )
    for name, glyph in (("links", links), ("dots", dots), ("rings", rings), ("texts", texts)):
        source = models.ColumnDataSource({column: [] for column in _COLUMNS[name].split()})
        figure.add_glyph(source, glyph, name=name)
    return embed.json_item(figure)


def _bokeh(module: str) -> Any:
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ValueError(
            "explore: the page needs bokeh, which is not installed; pip install 'fastw2v[explore]'"
        ) from error
