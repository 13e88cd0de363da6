"""Places of words in the plane: t-SNE, UMAP or principal components of their unit vectors."""

from __future__ import annotations

import importlib.util
import warnings
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fastw2v._explorer import LAYOUTS

FEWEST_FOR_NEIGHBOURS = 10  # words; below, the methods of neighbourhoods have no neighbourhoods
_LIBRARIES = {"tsne": ("sklearn", "scikit-learn"), "umap": ("umap", "umap-learn")}
_TITLES = {"tsne": "t-SNE", "umap": "UMAP", "pca": "principal components"}
# Long vectors are first reduced to this number of components. Neighbours hardly change, and the
# methods of neighbourhoods take a fraction of the time.
_COMPONENTS = 50


class Places(NamedTuple):
    """Points of words, their directions, and the name of the method that placed them.

    points (V, 2) float64: centred, the farthest coordinate is 1. directions (V,) float64 in [0, 1):
    the angle of the first two principal components, in turns, for a colour that neighbours share.
    """

    points: NDArray[np.float64]
    directions: NDArray[np.float64]
    method: str


def place(unit: NDArray[Any], layout: str = "auto", seed: int = 0) -> Places:
    """Place words in the plane; the same seed gives the same places.

    unit: (V, D) unit vectors. layout: one of LAYOUTS; "auto" is t-SNE where scikit-learn is
    installed, else principal components. Fewer words than FEWEST_FOR_NEIGHBOURS are placed by
    principal components.

    Raises ValueError if the library of the layout is not installed.

    >>> place(np.eye(3), "pca").points.shape
    (3, 2)
    """
    method = _method(layout, len(unit))
    components = principal_components(unit, _COMPONENTS)
    plane = components[:, :2]
    directions = np.arctan2(plane[:, 1], plane[:, 0]) / (2 * np.pi) % 1.0
    if method == "tsne":
        points = _tsne(components, seed)
    elif method == "umap":
        points = _umap(components, seed)
    else:
        points = plane
    points = points - (points.max(axis=0) + points.min(axis=0)) / 2
    return Places(points / (np.abs(points).max() or 1.0), directions, _TITLES[method])


def check_layout(layout: str) -> None:
    """Raise ValueError unless `layout` is known and its library is installed."""
    if layout not in LAYOUTS:
        raise ValueError(f"layout: expected one of {', '.join(LAYOUTS)}, got {layout!r}")
    module, package = _LIBRARIES.get(layout, (None, None))
    if module is not None and importlib.util.find_spec(module) is None:
        raise ValueError(
            f"layout: {layout!r} needs {package}, which is not installed; pip install {package}, "
            "or use 'pca'"
        )


def _method(layout: str, n: int) -> str:
    check_layout(layout)
    if layout == "auto":
        layout = "pca" if importlib.util.find_spec("sklearn") is None else "tsne"
    return "pca" if n < FEWEST_FOR_NEIGHBOURS else layout


def principal_components(rows: NDArray[Any], most: int) -> NDArray[np.float64]:
    """Return the first principal components of the rows: (V, at least 2 and at most `most`).

    The sign of a component is that which makes its farthest row positive, so that it does not
    depend on the library of linear algebra.
    """
    centred = np.asarray(rows, dtype=np.float64)
    centred = centred - centred.mean(axis=0)
    if len(centred) < centred.shape[1]:
        values, vectors = np.linalg.eigh(centred @ centred.T)
        found = vectors * np.sqrt(np.maximum(values, 0))
    else:
        found = centred @ np.linalg.eigh(centred.T @ centred)[1]
    found = found[:, ::-1][:, :most]
    if found.shape[1] < 2:  # vectors of dimension 1
        found = np.column_stack([found, np.zeros(len(found))])
    farthest = found[np.abs(found).argmax(axis=0), np.arange(found.shape[1])]
    return found * np.where(farthest < 0, -1.0, 1.0)


def _tsne(components: NDArray[np.float64], seed: int) -> NDArray[np.float64]:
    from sklearn.manifold import TSNE  # type: ignore[import-untyped,unused-ignore]

    n = len(components)
    start = components[:, :2] / (components[:, 0].std() or 1.0) * 1e-4
    if not start.any():  # equal vectors
        start = np.random.default_rng(seed).normal(scale=1e-4, size=(n, 2))
    model = TSNE(
        init=start.astype(np.float32),
        perplexity=min(30.0, (n - 1) / 3),
        random_state=seed,
        n_jobs=-1,
    )
    return model.fit_transform(components.astype(np.float32)).astype(np.float64)


def _umap(components: NDArray[np.float64], seed: int) -> NDArray[np.float64]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of numba, and of one thread, which a seed asks for
        from umap import UMAP  # type: ignore[import-not-found,unused-ignore]

        model = UMAP(
            n_neighbors=min(15, len(components) - 1), init="random", random_state=seed, n_jobs=1
        )
        return np.asarray(model.fit_transform(components), dtype=np.float64)
