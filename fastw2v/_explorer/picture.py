"""Pictures of a map: dots and labels that overlap no other label, by matplotlib."""

from __future__ import annotations

import colorsys
import re
import unicodedata
import warnings
from collections.abc import Sequence
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from fastw2v import fonts
from fastw2v._explorer.layout import Places

_INCHES = 12.0
_DPI = 110
_LONGEST_LABEL = 28  # characters
_INK, _SOFT = "#1c1e21", "#54585f"


class Picture(NamedTuple):
    """A drawn figure of matplotlib, and the number of labels that found no place."""

    figure: Any
    left_out: int


def draw(words: Sequence[str], places: Places, title: str) -> Picture:
    """Draw words at their places; labels of the first words are placed first.

    Raises ValueError if matplotlib is not installed.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ValueError(
            "map: drawing needs matplotlib; pip install 'fastw2v[plot]', or pass --tsv alone"
        ) from error
    labels = [_label(word) for word in words]
    title = _label(title, 80)
    families, missing = fonts.font_families({*"".join(labels), *title})
    if missing:
        warnings.warn(f"map: {fonts.said_of(missing)}", stacklevel=2)
    style: dict[str, Any] = {"family": families, "parse_math": False}
    points = places.points
    spans = np.maximum(np.ptp(points, axis=0), 0.2)  # a line of points still needs some height
    height = _INCHES * float(np.clip(spans[1] / spans[0], 0.5, 1.25))
    figure = Figure(figsize=(_INCHES, height), dpi=_DPI, facecolor="white")
    canvas = FigureCanvasAgg(figure)
    figure.text(
        0.03, 1 - 0.28 / height, title, va="top", size=17, weight="bold", color=_INK, **style
    )
    about = f"{len(words):,} words, placed by {places.method}"
    figure.text(0.03, 1 - 0.62 / height, about, va="top", size=10.5, color=_SOFT)
    axes = figure.add_axes((0.03, 0.02, 0.94, 1 - 0.02 - 0.95 / height))
    axes.set_axis_off()
    weights = (1 - np.arange(len(words)) / len(words)) ** 4
    colors = [colorsys.hls_to_rgb(turn, 0.45, 0.55) for turn in places.directions]
    axes.scatter(
        points[:, 0], points[:, 1], s=14 + 26 * weights, c=colors, alpha=0.75, linewidths=0
    )
    right, top = 1.06 * spans / 2  # the points are centred
    axes.set(xlim=(-right, right), ylim=(-top, top))
    at = axes.transData.transform(points)
    renderer = canvas.get_renderer()
    behind = {"facecolor": "white", "alpha": 0.6, "linewidth": 0, "pad": 0.3}  # over dots
    left_out = 0
    frame = figure.bbox
    taken = _Boxes(len(words), frame.width, frame.height - 0.85 * _DPI)  # below the heading
    for label, (x, y), weight in zip(labels, at, weights, strict=True):
        text = figure.text(0, 0, label, size=8.5 + 3 * weight, color=_INK, bbox=behind, **style)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of glyphs that no font has, named once above
            extent = text.get_window_extent(renderer)
        place = taken.place(x, y, extent.width, extent.height)
        if place is None:
            text.remove()
            left_out += 1
        else:
            # The text was measured with its lower left corner of its first line at the origin.
            text.set_position(
                ((place[0] - extent.x0) / frame.width, (place[1] - extent.y0) / frame.height)
            )
    return Picture(figure, left_out)


def save(picture: Picture, stream: BinaryIO, format: str) -> None:
    """Write the picture as "png" or "svg"; the same map gives the same bytes."""
    import matplotlib

    metadata = {"Date": None} if format == "svg" else {}
    with warnings.catch_warnings(), matplotlib.rc_context({"svg.hashsalt": "fastw2v"}):
        warnings.simplefilter("ignore")
        picture.figure.savefig(stream, format=format, metadata=metadata)


def _label(word: str, longest: int = _LONGEST_LABEL) -> str:
    """Return a word in one line without characters that XML or a font cannot hold."""
    text = word.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    text = "".join(
        "\N{REPLACEMENT CHARACTER}" if unicodedata.category(c) in ("Cc", "Cs", "Cn") else c
        for c in re.sub(r"\s", " ", text[: longest + 1])
        if unicodedata.category(c) != "Cf"
    )
    return text if len(text) <= longest else text[: longest - 1] + "…"


class _Boxes:
    """The boxes of labels that are placed, and the points whose labels they are."""

    _GAP = 5.0

    def __init__(self, most: int, right: float, top: float) -> None:
        self._right, self._top = right, top
        self._boxes = np.empty((2 * most, 4))  # left, bottom, right, top
        self._n = 0

    def place(self, x: float, y: float, width: float, height: float) -> tuple[float, float] | None:
        """Return the lower left corner of a label beside its point, or None if all is taken."""
        if not self._is_free(x - 3, y - 3, x + 3, y + 3):
            return None
        gap = self._GAP
        for left, bottom in (
            (x + gap, y - height / 2),
            (x - width / 2, y + gap),
            (x - width / 2, y - gap - height),
            (x - gap - width, y - height / 2),
        ):
            box = (left - 1, bottom, left + width + 1, bottom + height)
            inside = left >= 0 and bottom >= 0 and box[2] <= self._right and box[3] <= self._top
            if inside and self._is_free(*box):
                self._boxes[self._n : self._n + 2] = box, (x - 3, y - 3, x + 3, y + 3)
                self._n += 2
                return left, bottom
        return None

    def _is_free(self, left: float, bottom: float, right: float, top: float) -> bool:
        boxes = self._boxes[: self._n]
        over = (boxes[:, 0] < right) & (left < boxes[:, 2])
        return not (over & (boxes[:, 1] < top) & (bottom < boxes[:, 3])).any()
