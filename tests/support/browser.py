"""A real browser for tests of pages: Chromium or Chrome, driven by playwright."""

import os
import shutil
from contextlib import contextmanager

import pytest

# Set by the gate: without this browser the tests fail instead of being skipped.
REQUIRED = "FASTW2V_TEST_BROWSER"
PATIENCE = 180_000  # milliseconds; a machine with other work to do may be slow
_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


@contextmanager
def opened():
    """Start the browser; skip the tests where there is none, unless it is required."""
    required = os.environ.get(REQUIRED)
    path = required or next(filter(None, map(shutil.which, _NAMES)), None)
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        if required:
            raise
        pytest.skip("tests in a browser need playwright: pip install playwright")
    if path is None:
        pytest.skip(f"tests in a browser need one of {', '.join(_NAMES)}")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, timeout=PATIENCE)
        yield browser
        browser.close()


class Visit:
    """An open page: its requests, errors, and shorthands for what a reader does."""

    def __init__(self, context, path):
        self.requests, self.errors = [], []
        context.on("request", lambda request: self.requests.append(request.url))
        context.set_default_timeout(PATIENCE)
        self.page = context.new_page()
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on(
            "console",
            lambda m: self.errors.append(m.text) if m.type in ("error", "warning") else None,
        )
        self.page.goto(path.as_uri())
        self.ready()

    def ready(self):
        self.page.wait_for_selector("html[data-ready]", state="attached")
        self.still()

    def still(self):
        """Wait until points have arrived and labels are placed."""
        self.until("explorer.map.moving == null && !explorer.map.waiting")

    def until(self, script, argument=None):
        """Wait until a script returns true; playwright's waiting would need eval in the page."""
        for _ in range(500):
            if self.page.evaluate(script, argument):
                return
            self.page.wait_for_timeout(20)
        raise AssertionError(f"not true after 500 trials: {script} ({argument})")

    def run(self, script, argument=None):
        return self.page.evaluate(script, argument)

    def press(self, *keys):
        for key in keys:
            self.page.keyboard.press(key)
        self.still()

    def choose(self, box, word):
        """Type a word into a box and take it with Enter."""
        box.fill(word)
        box.press("Enter")
        self.still()

    def search(self, word):
        self.choose(self.page.locator("#search input"), word)

    def panel(self, name):
        self.page.get_by_role("tab", name=name).click()
        self.still()
        return self.page.locator(f"#panel-{name.lower()}")

    def answers(self, place):
        """Return [(row, number)] of a list of answers."""
        return place.evaluate(
            "list => [...list.querySelectorAll('button.answer')].map(b => [Number(b.dataset.row),"
            " Number(b.querySelector('.number').textContent.replace('\\u2212', '-'))])"
        )

    def on_screen(self, row):
        """Return the place of a word's dot in the window."""
        x, y = self.run("r => explorer.map.toScreen(explorer.map.xs[r], explorer.map.ys[r])", row)
        box = self.page.locator("#map").bounding_box()
        return box["x"] + x, box["y"] + y

    def view(self):
        return self.run("explorer.map.ranges.map(r => [r.start, r.end])")

    def theme(self):
        return self.run("document.documentElement.dataset.theme")
