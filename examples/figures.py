"""Figures of the examples: curves and a map of words. matplotlib is imported on first use."""

import contextlib
import io
import sys
import tempfile
import warnings
from pathlib import Path

import numpy as np

from fastw2v.cli import main as fastw2v
from fastw2v.fonts import use_fonts
from fastw2v.keyed_vectors import KeyedVectors


def pyplot(*texts):
    """Return matplotlib.pyplot for drawing texts into files, or None and a hint on stderr."""
    try:
        import matplotlib
    except ImportError:
        print("no picture: matplotlib is missing; pip install matplotlib", file=sys.stderr)
        return None
    matplotlib.use("agg")
    from matplotlib import pyplot as plt

    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        use_fonts(*texts)
    for warning in said:
        print(warning.message, file=sys.stderr)
        warnings.filterwarnings("ignore", "Glyph .* missing from", UserWarning)
    return plt


def draw_curves(path, panels, xlabel="epoch"):
    """Draw a panel for each {title: {label: values}}; return whether it was drawn."""
    plt = pyplot(*panels, *(label for curves in panels.values() for label in curves), xlabel)
    if plt is None:
        return False
    figure, axes = plt.subplots(1, len(panels), figsize=(5 * len(panels), 3.6), squeeze=False)
    for axis, (title, curves) in zip(axes[0], panels.items(), strict=True):
        for label, values in curves.items():
            axis.plot(np.arange(1, len(values) + 1), values, label=label)
        axis.xaxis.get_major_locator().set_params(integer=True)  # whole epochs
        axis.set_xlabel(xlabel)
        axis.set_title(title)
        axis.grid(alpha=0.3)
        axis.legend()
    figure.tight_layout()
    figure.savefig(path, dpi=100)
    plt.close(figure)
    return True


def draw_map(path, words, vectors, title):
    """Draw words, similar ones near each other, as `fastw2v map` does; return whether it was."""
    if pyplot() is None:
        return False
    with tempfile.TemporaryDirectory() as folder:
        file = str(Path(folder) / "words.fw2v")
        KeyedVectors.from_words(words, vectors).save(file)
        argv = ["map", file, "-o", str(path), "--top", str(len(words)), "--title", title]
        with contextlib.redirect_stdout(io.StringIO()):
            return fastw2v(argv) == 0
