"""Places of words: shape, seed, neighbours, and what happens without the libraries."""

import importlib.util

import numpy as np
import pytest

from fastw2v._explorer import layout


def clusters(seed=0, per=20, n=4, d=12):
    """Return unit vectors in n groups, and the group of each."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(n, d))
    groups = np.repeat(np.arange(n), per)
    rows = centres[groups] + 0.15 * rng.normal(size=(n * per, d))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32), groups


def available(name):
    module = {"tsne": "sklearn", "umap": "umap"}.get(name)
    return module is None or importlib.util.find_spec(module) is not None


METHODS = [
    pytest.param(name, marks=pytest.mark.skipif(not available(name), reason="not installed"))
    for name in ("tsne", "umap", "pca")
]


@pytest.mark.parametrize("method", METHODS)
def test_neighbours_stay_neighbours_and_a_seed_gives_the_same_map(method):
    rows, groups = clusters()
    places = layout.place(rows, method, seed=3)
    points = places.points
    assert points.shape == (80, 2) and np.isfinite(points).all()
    assert np.abs(points).max() == pytest.approx(1)
    distances = np.linalg.norm(points[:, None] - points, axis=2)
    np.fill_diagonal(distances, np.inf)
    assert (groups[distances.argmin(axis=1)] == groups).mean() > 0.9
    again = layout.place(rows, method, seed=3)
    assert np.array_equal(again.points, points)
    assert ((places.directions >= 0) & (places.directions < 1)).all()


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    "rows",
    [
        np.eye(2, 5),
        np.ones((3, 1)),
        np.zeros((12, 4)),
        np.ones((40, 3)) / np.sqrt(3),
        np.eye(11, 300),
        np.vstack([np.eye(3), np.zeros((9, 3))]),
    ],
    ids=["two", "one dimension", "zeros", "equal", "wide", "some zeros"],
)
def test_odd_tables_have_places(rows, method):
    places = layout.place(rows.astype(np.float32), method)
    assert places.points.shape == (len(rows), 2) and np.isfinite(places.points).all()
    assert np.isfinite(places.directions).all()


def test_components_do_not_depend_on_signs_of_linear_algebra():
    rows, _ = clusters()
    found = layout.principal_components(rows, 5)
    assert found.shape == (80, 5)
    centred = rows - rows.mean(axis=0)
    expected = np.linalg.svd(centred, compute_uv=False)[:5]
    assert np.allclose(np.linalg.norm(found, axis=0), expected, rtol=1e-5)
    assert np.allclose(layout.principal_components(-rows, 5) ** 2, found**2)
    farthest = found[np.abs(found).argmax(axis=0), range(5)]
    assert (farthest > 0).all()
    assert np.allclose(layout.principal_components(rows[:9], 5)[:, :2].std(axis=0) > 0, True)


def test_the_layout_falls_back_to_components_or_says_what_is_missing(monkeypatch):
    rows, _ = clusters()
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert layout.place(rows).method == "principal components"
    for name, package in (("tsne", "scikit-learn"), ("umap", "umap-learn")):
        with pytest.raises(ValueError, match=f"layout: '{name}' needs {package}.*pip install"):
            layout.place(rows, name)
    with pytest.raises(
        ValueError, match="layout: expected one of auto, tsne, umap, pca, got 'mds'"
    ):
        layout.place(rows, "mds")
