"""Figures of the examples: curves and a map of words. matplotlib is imported on first use."""

import sys
import warnings

import numpy as np

from fastw2v.fonts import use_fonts

EXAGGERATION = 12.0  # of the attraction between neighbours, in the first steps of t-SNE


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
    plt = pyplot()
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


def draw_map(path, points, words, title=""):
    """Draw words at their points (n, 2); return whether it was drawn."""
    plt = pyplot(*words)
    if plt is None:
        return False
    figure, axis = plt.subplots(figsize=(14, 14))
    axis.scatter(*points.T, s=6, color="tab:blue", alpha=0.6)
    for word, point in zip(words, points, strict=True):
        axis.annotate(word, point, xytext=(3, 2), textcoords="offset points", fontsize=8)
    axis.set_xticks([])
    axis.set_yticks([])
    axis.set_title(title)
    figure.tight_layout()
    figure.savefig(path, dpi=100)
    plt.close(figure)
    return True


def tsne(x, perplexity=15.0, n_steps=600):
    """Return points (n, 2) whose neighbours are those of the rows of x (n, D).

    This is exact t-SNE (van der Maaten and Hinton 2008) with momentum, gains and early
    exaggeration. It starts from the first two principal components, so the same x gives the same
    map. The learning rate grows with n (Belkina and others 2019): points overshoot at one that is
    too high for them.
    """
    x = np.asarray(x, np.float64)
    n = len(x)
    rate = max(n / EXAGGERATION, 20.0)
    p = _neighbour_probabilities(_squared_distances(x), min(perplexity, (n - 1) / 3))
    p = np.maximum((p + p.T) / (2 * n), 1e-12)
    centred = x - x.mean(axis=0)
    left, sizes, _ = np.linalg.svd(centred, full_matrices=False)
    y = left[:, :2] * sizes[:2]
    y *= 1e-2 / (y.std() or 1.0)
    velocity, gains = np.zeros_like(y), np.ones_like(y)
    for step in range(n_steps):
        early = step < n_steps // 4
        weights = 1 / (1 + _squared_distances(y))
        np.fill_diagonal(weights, 0)
        q = np.maximum(weights / weights.sum(), 1e-12)
        pull = ((EXAGGERATION if early else 1.0) * p - q) * weights
        gradient = 4 * (pull.sum(axis=1)[:, None] * y - pull @ y)
        gains = np.where(np.sign(gradient) == np.sign(velocity), gains * 0.8, gains + 0.2)
        np.maximum(gains, 0.01, out=gains)
        velocity = (0.5 if early else 0.8) * velocity - rate * gains * gradient
        y += velocity
        y -= y.mean(axis=0)
    return y


def _squared_distances(x):
    squares = (x * x).sum(axis=1)
    distances = squares[:, None] + squares - 2 * x @ x.T
    np.fill_diagonal(distances, 0)
    return np.maximum(distances, 0, out=distances)


def _neighbour_probabilities(distances, perplexity):
    """Return a row per point: a normal distribution around it, whose width gives the perplexity."""
    n = len(distances)
    low, high, beta = np.zeros(n), np.full(n, np.inf), np.ones(n) / distances.mean()
    off_diagonal = ~np.eye(n, dtype=bool)
    nearest = np.where(off_diagonal, distances, np.inf).min(axis=1)
    for _ in range(60):
        p = np.exp(-(distances - nearest[:, None]) * beta[:, None]) * off_diagonal
        p /= p.sum(axis=1, keepdims=True)
        entropy = -(p * np.log(np.maximum(p, 1e-300))).sum(axis=1)
        wide = entropy > np.log(perplexity)
        low, high = np.where(wide, beta, low), np.where(wide, high, beta)
        beta = np.where(np.isinf(high), 2 * beta, (low + np.where(np.isinf(high), 0, high)) / 2)
    return p
