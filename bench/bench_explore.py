"""The explorer page: its size, how long it takes to make, to open and to answer.

    python bench/bench_explore.py                     10,000 words of 300 numbers
    python bench/bench_explore.py --layout tsne       with the time of t-SNE instead of components

Times in the page are those of its own clock, medians of --repeats: from an action to the end of the
script that answers it, and the length of a frame while the map moves. It needs the extras explore
and browser, and Chromium or Chrome.
"""

import argparse
import json
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from fastw2v.keyed_vectors import KeyedVectors

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
# Each is timed within the page; `k` differs from call to call.
ACTIONS = {
    "neighbours of a word": "explorer.open('Neighbours', k)",
    "analogy": "explorer.panels[1].rows = [k, k + 1, k + 2]; explorer.panels[1].render();"
    " explorer.open('Analogy')",
    "six words side by side": "explorer.panels[2].rows = [0, 1, 2, 3, 4, 5].map(i => i + k);"
    " explorer.panels[2].render(); explorer.open('Compare')",
    "completions": "explorer.index.completions('w' + k)",
    "labels": "explorer.map.relabel()",
}
FRAMES = """async (move) => {
  const steps = { pan: () => explorer.map.pan(0.01, 0.004), zoom: () => explorer.map.zoom(1.01) };
  const gaps = [];
  let last = await new Promise(requestAnimationFrame);
  for (let i = 0; i < 90; i++) {
    steps[move]();
    const now = await new Promise(requestAnimationFrame);
    gaps.push(now - last);
    last = now;
  }
  return gaps;
}"""


def clustered(n, d, seed=0):
    """Return n vectors around two hundred centres, as of words with meanings."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(200, d))
    table = centres[rng.integers(200, size=n)] + 0.9 * rng.normal(size=(n, d))
    return KeyedVectors.from_words([f"w{i}" for i in range(n)], table.astype("f"))


def timed(work):
    begin = time.perf_counter()
    result = work()
    return result, time.perf_counter() - begin


def measure(path, repeats, executable):
    from playwright.sync_api import sync_playwright

    found = {}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable)
        opened = []
        for _ in range(3):
            page = browser.new_page(viewport={"width": 1280, "height": 800})
            begin = time.perf_counter()
            page.goto(path.as_uri())
            page.wait_for_selector("html[data-ready]", state="attached")
            opened.append(time.perf_counter() - begin)
        found["open the page, s"] = statistics.median(opened)
        page.wait_for_timeout(500)
        for name, action in ACTIONS.items():
            times = [
                page.evaluate(
                    f"async (k) => {{ const begin = performance.now(); {action};"
                    " const ms = performance.now() - begin;"
                    " await new Promise(requestAnimationFrame); return ms; }",
                    7 * k,
                )
                for k in range(repeats)
            ]
            found[f"{name}, ms"] = statistics.median(times)
        page.evaluate("explorer.open('Neighbours'); explorer.clear()")
        for move in ("pan", "zoom"):
            page.evaluate("explorer.map.fit()")
            gaps = page.evaluate(FRAMES, move)
            found[f"frame while it {move}s, ms"] = statistics.median(gaps)
            found[f"slowest of twenty frames while it {move}s, ms"] = float(np.quantile(gaps, 0.95))
        browser.close()
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--words", type=int, default=10_000)
    parser.add_argument("--dim", type=int, default=300)
    parser.add_argument("--layout", default="pca", choices=("pca", "tsne", "umap"))
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    executable = next(filter(None, map(shutil.which, BROWSERS)), None)
    if executable is None:
        sys.exit(f"found none of {', '.join(BROWSERS)}; install one")
    vectors = clustered(args.words, args.dim)
    page, seconds = timed(lambda: vectors.explore(top=args.words, layout=args.layout))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "page.html"
        page.save(path)
        rows = {"size, MB": path.stat().st_size / 1e6, "make the page, s": seconds}
        rows |= measure(path, args.repeats, executable)
    if args.json:
        print(json.dumps(rows, indent=2))
        return
    print(f"{args.words:,} words of {args.dim} numbers, placed by {page.layout}")
    for name, value in rows.items():
        print(f"{name:45} {value:8.2f}")


if __name__ == "__main__":
    main()
