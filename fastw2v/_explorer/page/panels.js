// The panels beside the map. Each makes its elements once; `marks` tells the map what to emphasise.

const MOST_NEIGHBOURS = 20;
const SERIES = ["series-1", "series-2", "series-3", "series-4", "series-5", "series-6"];

// A list of words with numbers; a click picks the word. share(value) is the length of its bar.
function answerList(page, answers, { share = (value) => value, color = "accent", also = () => false, label = "" } = {}) {
  return element("ol", { class: "answers", "aria-label": label }, ...answers.map(({ row, value }) =>
    element("li", {}, element(
      "button",
      {
        type: "button", class: also(row) ? "answer also" : "answer", "data-row": row,
        onclick: () => page.pick(row),
        style: { "--share": `${100 * Math.max(0, Math.min(1, share(value)))}%`, "--bar": `var(--${color})` },
      },
      wordElement(page.words[row]),
      element("span", { class: "number" }, number(value)),
    ))));
}

class NeighboursPanel {
  constructor(page) {
    this.page = page;
    this.name = "Neighbours";
    this.row = null;
    this.body = element("div", { class: "panel" });
    this.render();
  }

  pick(row) {
    this.row = row;
    this.render();
  }

  clear() { this.pick(null); }

  render() {
    const { page, row } = this;
    this.answers = row == null ? [] : page.vectors.neighbours(row, MOST_NEIGHBOURS);
    if (row == null) {
      this.body.replaceChildren(
        element("p", { class: "lead" }, "Click a word on the map, or search for one, and see which words are used like it."),
        element("p", { class: "note" }, "Words that are close on the map have similar vectors. The lists say how similar: the cosine of two vectors is 1 for the same direction and 0 for no relation."),
      );
      return;
    }
    const count = page.facts.counts?.[row];
    const facts = [`word ${(row + 1).toLocaleString("en")} of ${page.words.length.toLocaleString("en")}`];
    if (count != null) facts.push(`${count.toLocaleString("en")} occurrences`);
    this.body.replaceChildren(
      element("h2", { class: "chosen" }, wordElement(page.words[row])),
      element("p", { class: "facts" }, facts.join(" · ")),
      element("p", { class: "actions" },
        element("button", { type: "button", onclick: () => page.focusOn([row, ...this.answers.slice(0, 8).map((a) => a.row)]) }, "Zoom in"),
        element("button", { type: "button", onclick: () => page.compare(row) }, "Compare"),
        element("button", { type: "button", onclick: () => page.clear() }, "Clear")),
      element("h3", {}, "Nearest words"),
      answerList(page, this.answers, { label: "Nearest words" }),
    );
  }

  marks() {
    const words = new Map();
    if (this.row != null) words.set(this.row, { color: "accent", ring: true });
    for (const { row } of this.answers) words.set(row, { color: "accent", ring: false });
    return [words, this.answers.map(({ row }) => [this.row, row, "accent"])];
  }

  say() {
    if (this.row == null) return "";
    return `Nearest to ${visible(this.page.words[this.row])}: ${this.answers.slice(0, 3).map((a) => visible(this.page.words[a.row])).join(", ")}`;
  }
}

class AnalogyPanel {
  constructor(page) {
    this.page = page;
    this.name = "Analogy";
    this.rows = [null, null, null];
    this.boxes = ["first word", "its partner", "second word"].map((label, i) =>
      new WordBox(page.index, label, (row) => this.put(i, row), label));
    this.results = element("div", {});
    const [a, b, c] = this.boxes.map((box) => box.box);
    this.body = element("div", { class: "panel" },
      element("p", { class: "lead" }, "A is to B as C is to …?"),
      element("div", { class: "sentence" }, a, element("span", {}, "is to"), b, element("span", {}, "as"), c, element("span", {}, "is to …")),
      this.results);
    this.render();
  }

  put(i, row) {
    this.rows[i] = row;
    this.render();
    this.page.changed();
    const empty = this.rows.indexOf(null);
    if (empty >= 0 && row != null) this.boxes[empty].input.focus();
  }

  // A click on the map fills the first empty place.
  pick(row) {
    const empty = this.rows.indexOf(null);
    if (empty < 0) return this.page.open("Neighbours", row);
    this.boxes[empty].set(row);
    this.rows[empty] = row;
    this.render();
  }

  clear() {
    this.rows = [null, null, null];
    this.boxes.forEach((box) => box.set(null));
    this.render();
  }

  render() {
    const [a, b, c] = this.rows;
    const ready = !this.rows.includes(null);
    this.answers = ready ? this.page.vectors.analogy(a, b, c, 10) : [];
    this.results.replaceChildren(...(ready
      ? [answerList(this.page, this.answers, { label: "Answers", color: "series-2" }),
        element("p", { class: "note" }, "The words nearest to B − A + C, by cosine.")]
      : [element("p", { class: "note" }, "Type three words, or click them on the map.")]));
  }

  marks() {
    const words = new Map();
    const [a, b, c] = this.rows;
    const best = this.answers[0]?.row;
    for (const row of this.rows) if (row != null) words.set(row, { color: "accent", ring: true });
    if (best != null) words.set(best, { color: "series-2", ring: true });
    for (const { row } of this.answers.slice(1)) if (!words.has(row)) words.set(row, { color: "series-2", ring: false });
    const links = [];
    if (a != null && b != null) links.push([a, b, "accent"]);
    if (c != null && best != null) links.push([c, best, "series-2"]);
    return [words, links];
  }

  say() {
    return this.answers.length ? `Answer: ${visible(this.page.words[this.answers[0].row])}` : "";
  }
}

class ComparePanel {
  constructor(page) {
    this.page = page;
    this.name = "Compare";
    this.rows = [];
    this.box = new WordBox(page.index, "word to add", (row) => { this.add(row); page.changed(); }, "add a word");
    this.results = element("div", {});
    this.body = element("div", { class: "panel" },
      element("p", { class: "lead" }, `Up to ${SERIES.length} words side by side.`), this.box.box, this.results);
    this.render();
  }

  add(row) {
    if (!this.rows.includes(row)) this.rows = [...this.rows.slice(-(SERIES.length - 1)), row];
    this.box.set(null);
    this.render();
  }

  pick(row) { this.add(row); }

  remove(row) {
    this.rows = this.rows.filter((other) => other !== row);
    this.render();
    this.page.changed();
  }

  clear() {
    this.rows = [];
    this.render();
  }

  render() {
    const { page, rows } = this;
    this.columns = rows.map((row) => page.vectors.neighbours(row, 8));
    const times = new Map();
    for (const { row } of this.columns.flat()) times.set(row, (times.get(row) ?? 0) + 1);
    const columns = rows.map((row, i) => element("section", { class: "column", style: { "--bar": `var(--${SERIES[i]})` } },
      element("h3", {}, wordElement(page.words[row]),
        element("button", { type: "button", class: "remove", "aria-label": `Remove ${visible(page.words[row])}`, onclick: () => this.remove(row) }, "×")),
      answerList(page, this.columns[i], { color: SERIES[i], also: (other) => times.get(other) > 1, label: `Nearest to ${visible(page.words[row])}` })));
    const table = rows.length < 2 ? [] : [
      element("h3", {}, "Similarity of each pair"),
      element("div", { class: "scroll" }, element("table", {},
        element("thead", {}, element("tr", {}, element("td"), ...rows.map((row) => element("th", { scope: "col" }, wordElement(page.words[row]))))),
        element("tbody", {}, ...rows.map((a) => element("tr", {},
          element("th", { scope: "row" }, wordElement(page.words[a])),
          ...rows.map((b) => {
            const value = a === b ? 1 : page.vectors.cosine(a, b);
            return element("td", { style: { "--share": `${Math.round(70 * Math.max(0, value))}%` } }, number(value, 2));
          })))))),
      times.size < this.columns.flat().length ? element("p", { class: "note" }, "Words in bold are neighbours of several.") : null,
    ];
    this.results.replaceChildren(element("div", { class: "columns" }, ...columns), ...table.filter(Boolean));
  }

  marks() {
    const words = new Map();
    const links = [];
    this.rows.forEach((row, i) => words.set(row, { color: SERIES[i], ring: true }));
    this.columns.forEach((column, i) => column.forEach(({ row }) => {
      if (!words.has(row)) words.set(row, { color: SERIES[i], ring: false });
      links.push([this.rows[i], row, SERIES[i]]);
    }));
    return [words, links];
  }

  say() { return this.rows.length ? `${this.rows.length} words compared` : ""; }
}

class AxisPanel {
  constructor(page) {
    this.page = page;
    this.name = "Axis";
    this.rows = [null, null];
    this.picked = null;
    this.boxes = ["left word", "right word"].map((label, i) =>
      new WordBox(page.index, label, (row) => { this.rows[i] = row; this.render(); page.changed(); }, label));
    this.results = element("div", {});
    this.body = element("div", { class: "panel" },
      element("p", { class: "lead" }, "Lay all words out between two."),
      element("div", { class: "sentence" }, this.boxes[0].box, element("span", {}, "to"), this.boxes[1].box,
        element("button", { type: "button", onclick: () => this.swap() }, "Swap")),
      this.results);
    this.render();
  }

  swap() {
    this.rows.reverse();
    this.boxes.forEach((box, i) => box.set(this.rows[i]));
    this.render();
    this.page.changed();
  }

  // A click fills an empty end; when both are set, it marks the word.
  pick(row) {
    const empty = this.rows.indexOf(null);
    if (empty < 0) this.picked = row;
    else {
      this.rows[empty] = row;
      this.boxes[empty].set(row);
    }
    this.render();
  }

  clear() {
    this.rows = [null, null];
    this.picked = null;
    this.boxes.forEach((box) => box.set(null));
    this.render();
  }

  render() {
    const { page } = this;
    const [a, b] = this.rows;
    const ready = a != null && b != null;
    this.axis = ready ? page.vectors.axis(a, b) : null;
    this.sides = [[], []];
    if (!this.axis) {
      const text = ready ? "These two have the same direction, so there is no axis between them. Choose another word."
        : "Type two words, or click them on the map.";
      this.results.replaceChildren(element("p", { class: "note" }, text));
      return;
    }
    const { place, related } = this.axis;
    // Of all words, the related ones; unrelated ones lie in the middle and tell nothing.
    const near = greatest(related, Math.min(500, page.words.length), new Set(this.rows)).map(({ row }) => row);
    const byPlace = near.map((row) => ({ row, value: place[row] })).sort((x, y) => x.value - y.value || x.row - y.row);
    this.sides = [byPlace.filter((x) => x.value < 0.5).slice(0, 12), byPlace.filter((x) => x.value >= 0.5).reverse().slice(0, 12)];
    const column = (answers, row, color, share) => element("section", { class: "column", style: { "--bar": `var(--${color})` } },
      element("h3", {}, "Towards ", wordElement(page.words[row])),
      answerList(page, answers, { share, color, label: `Towards ${visible(page.words[row])}` }));
    const mine = this.picked;
    this.results.replaceChildren(...[
      mine == null ? null : element("p", { class: "facts" }, wordElement(page.words[mine]), ` lies at ${number(place[mine])}.`),
      element("div", { class: "columns" },
        column(this.sides[0], a, "series-1", (x) => 1 - x), column(this.sides[1], b, "series-2", (x) => x)),
      element("p", { class: "note" }, "0 is the left word, 1 the right one. On the map, words that have more to do with both lie higher. The lists take the 500 most related words."),
    ].filter(Boolean));
  }

  marks() {
    const words = new Map();
    const [a, b] = this.rows;
    if (a != null) words.set(a, { color: "series-1", ring: true });
    if (b != null) words.set(b, { color: "series-2", ring: true });
    if (this.picked != null && !words.has(this.picked)) words.set(this.picked, { color: "accent", ring: true });
    this.sides.forEach((side, i) => side.forEach(({ row }) => {
      if (!words.has(row)) words.set(row, { color: SERIES[i], ring: false });
    }));
    return [words, []];
  }

  say() {
    return this.axis ? `Words from ${this.rows.map((row) => visible(this.page.words[row])).join(" to ")}` : "";
  }
}
