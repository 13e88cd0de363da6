"""The explorer page in a real browser: what a reader does, odd words, fonts, and no network."""

import http.server
import itertools
import threading

import numpy as np
import pytest
from browser import Visit, opened
from odd_words import ODD_WORDS

from fastw2v.keyed_vectors import KeyedVectors

pytest.importorskip("bokeh")

ANIMALS = ["cat", "dog", "horse", "cow", "sheep", "bird", "fish", "mouse", "lion", "wolf"]
CITIES = ["tokyo", "paris", "london", "berlin", "rome", "madrid", "vienna", "oslo", "cairo", "lima"]
PEOPLE = ["man", "woman", "king", "queen", "boy", "girl", "uncle", "aunt", "father", "mother"]
WORDS = [*PEOPLE, *ANIMALS, *CITIES, *(f"word{i}" for i in range(170)), "東京", "東北", "猫"]


def planted(d=40, seed=1):
    """Return vectors in which man : woman = king : queen, and animals and cities are groups."""
    rng = np.random.default_rng(seed)
    table = rng.normal(size=(len(WORDS), d)) * 0.5
    people, female, royal, animals, cities = np.eye(5, d) * 3
    table[:10] += people
    table[1:10:2] += female
    table[2:4] += royal
    table[10:20] += animals
    table[20:30] += cities
    table[:4] -= 0.4 * (
        table[:4] - [people, people + female, people + royal, people + female + royal]
    )
    vectors = KeyedVectors.from_words(WORDS, table.astype("f"))
    vectors.expandos["count"] = np.arange(len(WORDS), 0, -1) * 10
    return vectors


@pytest.fixture(scope="module")
def browser():
    with opened() as browser:
        yield browser


@pytest.fixture(scope="module")
def vectors():
    return planted()


@pytest.fixture(scope="module")
def path(vectors, tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "page.html"
    vectors.explore(layout="pca", title="Planted words").save(path)
    return path


@pytest.fixture(scope="module")
def odd_path(tmp_path_factory):
    rng = np.random.default_rng(0)
    path = tmp_path_factory.mktemp("odd") / "page.html"
    vectors = KeyedVectors.from_words(ODD_WORDS, rng.normal(size=(len(ODD_WORDS), 6)).astype("f"))
    vectors.explore(layout="pca", title="</title><script>document.title='broken'</script>").save(
        path
    )
    return path


@pytest.fixture
def open_page(browser):
    """Open a page in a window of its own; at the end it must have reported no error."""
    visits, contexts = [], []

    def open_page(path, script=None, **settings):
        settings = {"viewport": {"width": 1280, "height": 800}, **settings}
        contexts.append(browser.new_context(reduced_motion="reduce", **settings))
        if script is not None:
            contexts[-1].add_init_script(script)
        visits.append(Visit(contexts[-1], path))
        return visits[-1]

    yield open_page
    for context in contexts:
        context.close()
    assert [error for visit in visits for error in visit.errors] == []


@pytest.fixture
def visit(open_page, path):
    return open_page(path)


def row(word):
    return WORDS.index(word)


# ---- search


def test_search_completes_and_shows_the_neighbours_of_most_similar(visit, vectors):
    box = visit.page.locator("#search input")
    box.press_sequentially("CIT")
    assert visit.page.locator("#search li").count() == 0
    assert "No word" in visit.page.locator("#search .hint").inner_text()
    box.fill("M")
    shown = visit.page.locator("#search li").all_inner_texts()
    assert shown == ["man", "mother", "mouse", "madrid", "woman", "rome", "lima"]
    box.press("ArrowDown")
    box.press("ArrowDown")
    assert box.get_attribute("aria-activedescendant").endswith("-1")
    box.press("Enter")
    panel = visit.page.locator("#panel-neighbours")
    assert panel.locator("h2").inner_text() == "mother"
    assert f"word 10 of {len(WORDS)} · {(len(WORDS) - 9) * 10:,} occurrences" in panel.inner_text()
    expected = vectors.most_similar("mother", topn=20)
    found = visit.answers(panel)
    assert [WORDS[r] for r, _ in found] == [word for word, _ in expected]
    assert np.allclose([x for _, x in found], [x for _, x in expected], atol=1e-3)


def test_all_cosines_agree_with_the_library(visit, vectors):
    expected = vectors.get_normed_vectors() @ vectors.get_normed_vectors().T
    found = visit.run(
        "Array.from({length: explorer.vectors.n},"
        " (_, r) => Array.from(explorer.vectors.cosines(explorer.vectors.row(r))))"
    )
    assert np.abs(np.array(found) - expected).max() < 1e-3


def test_an_input_method_is_waited_for(visit):
    box = visit.page.locator("#search input")
    box.click()
    keyboard = visit.page.context.new_cdp_session(visit.page)
    options = visit.page.locator("#search li")
    for text in ("と", "とう", "東"):  # 東 would already find two words
        keyboard.send(
            "Input.imeSetComposition",
            {"text": text, "selectionStart": len(text), "selectionEnd": len(text)},
        )
        assert box.input_value() == text and options.count() == 0
        # Enter accepts what the input method offers, and is no choice of a word.
        box.dispatch_event("keydown", {"key": "Enter", "keyCode": 229, "isComposing": True})
    assert visit.page.locator("#panel-neighbours h2").count() == 0
    keyboard.send("Input.insertText", {"text": "東"})
    assert options.all_inner_texts() == ["東京", "東北"]
    box.press("Enter")
    assert visit.page.locator("#panel-neighbours h2").inner_text() == "東京"


# ---- the pointer


def test_a_click_on_the_map_picks_the_word_there(visit, vectors):
    for word in ("cat", "tokyo", "queen"):
        visit.run("r => explorer.focusOn([r])", row(word))
        visit.still()
        visit.page.mouse.click(*visit.on_screen(row(word)))
        visit.until("w => document.querySelector('#panel-neighbours h2')?.textContent === w", word)
        found = visit.answers(visit.page.locator("#panel-neighbours"))
        assert [WORDS[r] for r, _ in found][:5] == [
            w for w, _ in vectors.most_similar(word, topn=5)
        ]
    visit.page.locator("#panel-neighbours button.answer").first.click()
    neighbour = vectors.most_similar("queen", topn=1)[0][0]
    assert visit.page.locator("#panel-neighbours h2").inner_text() == neighbour


def test_the_map_moves_with_the_pointer_and_zooms_with_the_wheel(visit):
    before = visit.view()
    x, y = visit.on_screen(row("cat"))
    visit.page.mouse.move(400, 400)
    visit.page.mouse.down()
    visit.page.mouse.move(500, 430, steps=4)
    visit.page.mouse.up()
    visit.still()
    assert np.allclose(visit.on_screen(row("cat")), [x + 100, y + 30], atol=1.5)
    assert np.allclose(np.diff(visit.view()), np.diff(before))
    visit.page.mouse.wheel(0, -300)
    visit.until(
        "w => explorer.map.ranges[0].end - explorer.map.ranges[0].start < w",
        before[0][1] - before[0][0],
    )
    visit.page.locator("#fit").click()
    assert np.allclose(visit.view(), before)


def test_labels_do_not_overlap_and_name_frequent_words_first(visit):
    rows = visit.run("explorer.map.chosen.map(l => l.row)")
    assert rows == sorted(rows) and rows[0] < 5
    for zoom in (1, 1.5, 4):
        visit.run("z => explorer.map.zoom(z)", zoom)
        visit.still()
        boxes = visit.run(
            """explorer.map.chosen.map(({ row, side, width: w, height: h, gap }) => {
              const [x, y] = explorer.map.toScreen(explorer.map.xs[row], explorer.map.ys[row]);
              const left = x + (side.x > 0 ? gap : side.x < 0 ? -gap - w : -w / 2);
              const top = y + (side.y > 0 ? gap : side.y < 0 ? -gap - h : -h / 2);
              return [left, top, left + w, top + h];
            })"""
        )
        assert len(boxes) > 8
        for a, b in itertools.combinations(np.array(boxes), 2):
            assert a[0] >= b[2] or b[0] >= a[2] or a[1] >= b[3] or b[1] >= a[3]


# ---- analogies, comparison, axis


def test_an_analogy_is_that_of_the_library(visit, vectors):
    panel = visit.panel("Analogy")
    boxes = panel.locator("input")
    for i, word in enumerate(["man", "king", "woman"]):
        visit.choose(boxes.nth(i), word)
    expected = vectors.most_similar(positive=["king", "woman"], negative=["man"], topn=10)
    found = visit.answers(panel)
    assert [WORDS[r] for r, _ in found] == [word for word, _ in expected]
    assert WORDS[found[0][0]] == "queen"
    assert np.allclose([x for _, x in found], [x for _, x in expected], atol=1e-3)
    visit.press("Escape")  # in the box: closes it
    boxes.nth(0).blur()
    visit.press("Escape")
    assert [box.input_value() for box in boxes.all()] == ["", "", ""]


def test_clicks_fill_an_analogy(visit):
    panel = visit.panel("Analogy")
    for word in ("man", "king", "woman"):
        visit.run("r => { explorer.focusOn([r]); }", row(word))
        visit.still()
        visit.page.mouse.click(*visit.on_screen(row(word)))
        visit.until(
            "w => [...document.querySelectorAll('#panel-analogy input')].some(i => i.value === w)",
            word,
        )
        visit.run("explorer.map.fit()")
        visit.still()
    assert WORDS[visit.answers(panel)[0][0]] == "queen"


def test_words_are_compared_side_by_side(visit, vectors):
    panel = visit.panel("Compare")
    for word in ("cat", "tokyo", "king"):
        visit.choose(panel.locator("input"), word)
    columns = panel.locator(".column")
    assert [c.locator("h3 .word").inner_text() for c in columns.all()] == ["cat", "tokyo", "king"]
    for column, word in zip(columns.all(), ("cat", "tokyo", "king"), strict=True):
        expected = vectors.most_similar(word, topn=8)
        assert [WORDS[r] for r, _ in visit.answers(column)] == [w for w, _ in expected]
    cells = panel.locator("tbody td").all_inner_texts()
    similarity = f"{vectors.similarity('cat', 'king'):.2f}".replace("-", "\u2212")
    assert (cells[0], cells[2], cells[6]) == ("1.00", similarity, similarity)
    panel.get_by_role("button", name="Remove tokyo").click()
    assert columns.count() == 2


def test_an_axis_lays_words_out_between_two(visit, vectors):
    panel = visit.panel("Axis")
    visit.choose(panel.locator("input").nth(0), "cat")
    visit.choose(panel.locator("input").nth(1), "paris")
    unit = vectors.get_normed_vectors().astype(float)
    a, b = unit[row("cat")], unit[row("paris")]
    expected = (unit - a) @ (b - a) / ((b - a) @ (b - a))
    assert np.abs(np.array(visit.run("Array.from(explorer.axis.place)")) - expected).max() < 2e-3
    assert np.allclose(visit.run("Array.from(explorer.map.xs)"), expected, atol=2e-3)
    left, right = panel.locator(".column").all()
    towards_cat = [WORDS[r] for r, _ in visit.answers(left)]
    towards_paris = [WORDS[r] for r, _ in visit.answers(right)]
    assert len({*towards_cat} & {*ANIMALS}) >= 5 and not {*towards_cat} & {*CITIES}
    assert len({*towards_paris} & {*CITIES}) >= 5 and not {*towards_paris} & {*ANIMALS}
    assert visit.page.locator("#ends").inner_text().split() == ["←", "cat", "paris", "→"]
    visit.page.mouse.click(*visit.on_screen(row("dog")))
    visit.until(
        "document.querySelector('#panel-axis .facts')?.textContent.startsWith('dog lies at')"
    )
    panel.get_by_role("button", name="Swap").click()
    visit.still()
    assert np.allclose(visit.run("Array.from(explorer.map.xs)"), 1 - expected, atol=2e-3)
    visit.panel("Neighbours")
    assert visit.page.locator("#ends").is_hidden()
    visit.choose(visit.panel("Axis").locator("input").nth(0), "paris")
    visit.choose(panel.locator("input").nth(1), "paris")
    assert "no axis between them" in panel.inner_text()


# ---- keys and themes


def test_all_can_be_done_by_keys(visit, vectors):
    visit.press("/")
    visit.page.keyboard.type("horse")
    visit.press("Enter")
    assert visit.page.locator("#panel-neighbours h2").inner_text() == "horse"
    visit.page.locator("#search input").blur()
    for key, name in (("2", "Analogy"), ("3", "Compare"), ("4", "Axis"), ("1", "Neighbours")):
        visit.press(key)
        assert visit.page.locator("[role=tab][aria-selected=true]").inner_text() == name
    visit.page.locator("#tab-neighbours").focus()
    visit.press("ArrowLeft")
    assert visit.page.locator("[role=tab][aria-selected=true]").inner_text() == "Axis"
    visit.press("ArrowRight")
    # From the tab on, Tab reaches the neighbours, and Enter picks one.
    for _ in range(8):
        visit.press("Tab")
        if visit.run("document.activeElement.classList.contains('answer')"):
            break
    visit.press("Enter")
    picked = visit.page.locator("#panel-neighbours h2").inner_text()
    assert picked == vectors.most_similar("horse", topn=1)[0][0]
    visit.press("Escape")
    assert visit.page.locator("#panel-neighbours h2").count() == 0

    before = visit.view()
    visit.press("+")
    inside = visit.view()
    assert np.allclose(np.diff(inside), np.diff(before) / 1.5)
    visit.press("-", "ArrowLeft")
    assert np.allclose(visit.view(), before)  # the map has no focus
    visit.page.locator("#map").focus()
    visit.press("ArrowLeft", "ArrowUp")
    moved = np.array(visit.view()) - before
    assert (moved[0] < 0).all() and (moved[1] > 0).all()
    visit.press("0")
    assert np.allclose(visit.view(), before)
    visit.run("r => explorer.focusOn([r])", row("oslo"))
    visit.press("Enter")
    assert visit.page.locator("#panel-neighbours h2").inner_text() == "oslo"
    visit.press("?")
    assert visit.page.locator("#help").is_visible()
    visit.press("Escape")
    assert visit.page.locator("#help").is_hidden()
    assert visit.page.locator("#panel-neighbours h2").inner_text() == "oslo"


CONTRASTS = """() => {
  const numbers = (color) => color.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b].map((x) => x / 255)
    .map((x) => (x <= 0.04045 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4))
    .reduce((sum, x, i) => sum + x * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = (node) => {
    for (; node; node = node.parentElement) {
      const [r, g, b, alpha = 1] = numbers(getComputedStyle(node).backgroundColor);
      if (alpha === 1) return [r, g, b];
    }
    return [255, 255, 255];
  };
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const found = [];
  while (texts.nextNode()) {
    const node = texts.currentNode.parentElement;
    const shown = node.checkVisibility() && !node.closest("script, #map");
    if (!shown || !texts.currentNode.data.trim()) continue;
    const [a, b] = [light(numbers(getComputedStyle(node).color)), light(behind(node))];
    found.push([(Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05), texts.currentNode.data]);
  }
  return found;
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_is_legible_in_both_themes(open_page, path, scheme):
    visit = open_page(path, color_scheme=scheme)
    assert visit.theme() == scheme
    visit.search("cat")
    for _ in range(2):
        found = visit.run(CONTRASTS)
        assert len(found) > 40
        assert [pair for pair in found if pair[0] < 4.5] == []
        visit.press("Escape")  # leaves the box of search
        visit.search("cat")
        visit.page.locator("#search input").blur()
        visit.press("d")
    assert visit.theme() == scheme
    visit.page.locator("#theme").click()
    visit.page.reload()  # the choice is remembered
    visit.ready()
    assert visit.theme() == {"light": "dark", "dark": "light"}[scheme]


# ---- odd words


def test_odd_words_are_text(open_page, odd_path):
    visit = open_page(odd_path)
    title = visit.page.title()
    assert title == "</title><script>document.title='broken'</script>"
    elements = "document.querySelectorAll('img, script:not([type]), svg[onload]').length"
    assert visit.run(elements) == 2
    for at, word in enumerate(ODD_WORDS):
        visit.run("r => explorer.open('Neighbours', r)", at)
        shown = visit.page.locator("#panel-neighbours h2").evaluate("node => node.textContent")
        assert shown == {
            "": "(empty word)",
            " ": "␣",
            "\t": "␉",
            "line\nfeed": "line␊feed",
            "nul\0": "nul␀",
            "\u2028": "␤",
            "\x1b[31m": "␛[31m",
        }.get(word, word)
        assert visit.page.locator("#panel-neighbours button.answer").count() == 20
    visit.run("explorer.open('Compare')")
    for at in range(6):
        visit.run("r => explorer.pick(r)", at)
    visit.run("explorer.open('Axis'); explorer.pick(0); explorer.pick(1)")
    visit.still()
    assert visit.run("document.documentElement.scrollWidth") <= 1280
    assert (visit.page.title(), visit.run(elements)) == (title, 2)


@pytest.mark.parametrize("word", ["w" * 5000, "長" * 5000])
def test_long_words_can_be_searched_and_stay_inside(open_page, odd_path, word):
    visit = open_page(odd_path)
    visit.search(word)
    heading = visit.page.locator("#panel-neighbours h2")
    assert heading.inner_text() == word
    side = visit.page.locator("aside").bounding_box()
    box = heading.bounding_box()
    assert side["x"] <= box["x"] and box["x"] + box["width"] <= side["x"] + side["width"]
    assert box["height"] < 400
    labels = visit.run("explorer.map.chosen.map(l => [l.row, l.width])")
    assert dict(map(tuple, labels))[ODD_WORDS.index(word)] < 600


def test_directions_of_words_stay_their_own(open_page, odd_path):
    visit = open_page(odd_path)
    visit.search("שלום")
    assert (
        visit.run(
            "getComputedStyle(document.querySelector('#panel-neighbours h2 .word')).direction"
        )
        == "rtl"
    )
    numbers = visit.page.locator("#panel-neighbours .number")
    right = {round(n.bounding_box()["x"] + n.bounding_box()["width"]) for n in numbers.all()}
    assert len(right) == 1  # in one column whatever the direction of the word before them


def test_japanese_words_have_japanese_fonts(visit):
    visit.search("東京")
    session = visit.page.context.new_cdp_session(visit.page)
    for domain in ("DOM.enable", "CSS.enable"):
        session.send(domain)
    root = session.send("DOM.getDocument")["root"]["nodeId"]
    node = session.send(
        "DOM.querySelector", {"nodeId": root, "selector": "#panel-neighbours h2 .word"}
    )
    fonts = session.send("CSS.getPlatformFontsForNode", node)["fonts"]
    names = ("CJK JP", "Sans JP", "Hiragino", "Yu Gothic", "Meiryo", "Gothic")
    assert any(name in font["familyName"] for font in fonts for name in names), fonts
    # On the map, two characters look different: they are not the same empty box.
    drawn = visit.run(
        """['東', '猫', '\\u{10fffe}', '\\u{10fffd}'].map((text) => {
          const canvas = document.createElement('canvas');
          const drawing = canvas.getContext('2d');
          drawing.font = `40px ${document.documentElement.dataset.font}`;
          drawing.fillText(text, 10, 60);
          return canvas.toDataURL();
        })"""
    )
    assert drawn[0] != drawn[1] and drawn[2] == drawn[3]


# ---- where the page runs


class _Recorder(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.seen.append(self.path)
        self.send_response(200)
        self.end_headers()

    do_POST = do_GET

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Recorder)
    server.seen = []
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_no_request_leaves_the_page(open_page, path, server):
    visit = open_page(path)
    visit.search("cat")
    for name in ("Analogy", "Compare", "Axis"):
        visit.panel(name)
    assert visit.requests == [path.as_uri()]
    # Even a script that got in could not connect or add another one.
    address = f"http://127.0.0.1:{server.server_port}/"
    outcome = visit.run(
        """async (url) => {
          const refused = await fetch(url, { mode: "no-cors" }).then(() => "sent", () => "refused");
          const image = new Image();
          const picture = await new Promise((done) => {
            [image.onload, image.onerror] = [() => done("sent"), () => done("refused")];
            image.src = url + "picture";
          });
          const beacon = navigator.sendBeacon(url + "beacon", "x");
          for (const text of ["document.title = 'broken'", null]) {
            const script = document.createElement("script");
            if (text) script.textContent = text; else script.src = url + "script";
            document.head.append(script);
          }
          let evaluated = "refused";
          try { evaluated = new Function("return 'ran'")(); } catch { /* as it should be */ }
          await new Promise((done) => setTimeout(done, 200));
          return [refused, picture, document.title, evaluated];
        }""",
        address,
    )
    assert outcome == ["refused", "refused", "Planted words", "refused"]
    assert server.seen == []
    assert any("Content Security Policy" in error for error in visit.errors)
    visit.errors.clear()  # reports of the policy


def test_the_page_needs_neither_webgl_nor_storage(open_page, path, vectors):
    visit = open_page(
        path,
        script="const real = HTMLCanvasElement.prototype.getContext;"
        "HTMLCanvasElement.prototype.getContext = function (kind, ...rest) {"
        "  return /webgl/.test(kind) ? null : real.call(this, kind, ...rest); };"
        "Object.defineProperty(window, 'localStorage', { get() { throw new Error('none'); } });",
    )
    visit.search("cat")
    assert visit.run("document.createElement('canvas').getContext('webgl2')") is None
    visit.page.locator("#search input").blur()
    visit.press("d")
    painted(visit)


def painted(visit):
    """Wait until the map has dots and labels: some hundred pixels that are not transparent."""
    visit.until(
        """() => {
          const all = (root) => [...root.querySelectorAll("*")].flatMap(
            (node) => [node, ...(node.shadowRoot ? all(node.shadowRoot) : [])]);
          const nodes = all(document.querySelector("#map"));
          return nodes.filter((node) => node.tagName === "CANVAS").some((canvas) => {
            const { width, height } = canvas;
            const { data } = canvas.getContext("2d").getImageData(0, 0, width, height);
            let n = 0;
            for (let i = 3; i < data.length; i += 4) n += data[i] > 0;
            return n > 500;
          });
        }"""
    )


@pytest.mark.parametrize("width", [360, 600, 1920])
def test_the_page_fits_the_window(open_page, path, width):
    visit = open_page(path, viewport={"width": width, "height": 800})
    visit.search("cat")
    assert visit.run("document.documentElement.scrollWidth") <= width
    assert visit.run("explorer.map.width") >= min(width, 700)
    assert visit.page.locator("#panel-neighbours h2").is_visible()
    painted(visit)
    visit.page.set_viewport_size({"width": 900, "height": 700})
    visit.until("explorer.map.width === 900 - 372")
    visit.run("explorer.map.fit()")
    visit.still()
    assert visit.run("explorer.map.inView(0)")


def test_a_notebook_shows_the_page_in_its_frame(open_page, path, vectors, tmp_path):
    notebook = tmp_path / "notebook.html"
    made = vectors.explore(["cat", "dog", "tokyo"], layout="pca", title="Inline")
    notebook.write_text(
        f"<!doctype html><html data-ready><meta charset=utf-8><script>explorer = {{map: {{}}}}"
        f"</script>{made._repr_html_()}",
        encoding="utf-8",
    )
    visit = open_page(notebook)
    frame = visit.page.frames[1]
    frame.wait_for_selector("html[data-ready]", state="attached")
    frame.locator("#search input").fill("tok")
    frame.locator("#search input").press("Enter")
    assert frame.locator("#panel-neighbours h2").inner_text() == "tokyo"
    assert frame.evaluate("origin") == "null"  # it cannot reach the notebook
    assert visit.requests[0] == notebook.as_uri() and len(visit.requests) <= 2
    assert all(url.startswith(("file:", "about:")) for url in visit.requests)
