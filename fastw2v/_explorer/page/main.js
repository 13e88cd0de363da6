// The page: its map, panels, search, theme and keys.

class Page {
  constructor(facts, base64) {
    this.facts = facts;
    this.words = facts.words;
    this.vectors = new Vectors(base64, facts.words.length, facts.dimension);
    this.index = new WordIndex(facts.words);
    const places = floatsOf(facts.places);
    this.xs = Float64Array.from(facts.words, (_, row) => places[2 * row]);
    this.ys = Float64Array.from(facts.words, (_, row) => places[2 * row + 1]);
    this.container = document.getElementById("map");
    this.map = new WordMap(this.container, facts, (row) => this.pick(row));
  }

  async open_() {
    this.search = new WordBox(this.index, "Search a word", (row) => this.open("Neighbours", row), "Search a word  ( / )");
    document.getElementById("search").append(this.search.box);
    this.panels = [new NeighboursPanel(this), new AnalogyPanel(this), new ComparePanel(this), new AxisPanel(this)];
    this.makeTabs();
    this.makeTheme();
    this.bindKeys();
    await this.map.open(this.facts.plot);
    this.open("Neighbours");
  }

  // ---- panels

  makeTabs() {
    const bar = document.getElementById("tabs");
    const side = document.getElementById("panels");
    this.tabs = this.panels.map((panel) => {
      const id = panel.name.toLowerCase();
      panel.body.id = `panel-${id}`;
      panel.body.setAttribute("role", "tabpanel");
      panel.body.setAttribute("aria-labelledby", `tab-${id}`);
      side.append(panel.body);
      const tab = element("button", {
        type: "button", role: "tab", id: `tab-${id}`, "aria-controls": `panel-${id}`,
        onclick: () => this.open(panel.name),
      }, panel.name);
      bar.append(tab);
      return tab;
    });
    bar.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (!step) return;
      const n = this.panels.length;
      const next = (this.panels.indexOf(this.panel) + step + n) % n;
      this.open(this.panels[next].name);
      this.tabs[next].focus();
      event.preventDefault();
    });
  }

  // Open a panel, and pick a word in it.
  open(name, row = null) {
    this.panel = this.panels.find((panel) => panel.name === name);
    this.panels.forEach((panel, i) => {
      panel.body.hidden = panel !== this.panel;
      this.tabs[i].setAttribute("aria-selected", String(panel === this.panel));
      this.tabs[i].tabIndex = panel === this.panel ? 0 : -1;
    });
    if (row != null) this.panel.pick(row);
    this.changed();
  }

  pick(row) {
    this.panel.pick(row);
    this.changed();
  }

  compare(row) { this.open("Compare", row); }

  clear() {
    this.panel.clear();
    this.changed();
  }

  focusOn(rows) { this.map.focusOn(rows); }

  // Bring the map up to date with the open panel.
  changed() {
    const axis = this.panel.axis ?? null;
    if (axis !== this.axis || !this.map.xs) {
      this.axis = axis;
      document.getElementById("ends").hidden = axis == null;
      if (axis) {
        const [left, right] = this.panel.rows.map((row) => wordElement(this.words[row]));
        document.getElementById("ends").replaceChildren(
          element("span", {}, "← ", left), element("span", {}, right, " →"));
        const [low, high] = span(axis.place);
        this.map.mark(...this.panel.marks());
        this.map.show(axis.place, axis.related, { square: false, edges: [Math.min(low, 0), Math.max(high, 1), ...span(axis.related)] });
      } else {
        this.map.mark(...this.panel.marks());
        this.map.show(this.xs, this.ys);
      }
    } else this.map.mark(...this.panel.marks());
    document.getElementById("status").textContent = this.panel.say();
  }

  // ---- theme and keys

  makeTheme() {
    const root = document.documentElement;
    const system = matchMedia("(prefers-color-scheme: dark)");
    const saved = () => { try { return localStorage.getItem("fastw2v-theme"); } catch { return null; } };
    const button = document.getElementById("theme");
    const apply = () => {
      root.dataset.theme = this.theme ?? (system.matches ? "dark" : "light");
      const other = root.dataset.theme === "dark" ? "light" : "dark";
      button.setAttribute("aria-label", `Switch to ${other} colours`);
      button.title = `Switch to ${other} colours (d)`;
      if (this.map.plot) this.map.paint();
    };
    this.theme = saved();
    this.toggleTheme = () => {
      this.theme = root.dataset.theme === "dark" ? "light" : "dark";
      try { localStorage.setItem("fastw2v-theme", this.theme); } catch { /* a frame has no storage */ }
      apply();
    };
    button.addEventListener("click", this.toggleTheme);
    system.addEventListener("change", apply);
    apply();
  }

  bindKeys() {
    const help = document.getElementById("help");
    document.getElementById("keys").addEventListener("click", () => help.showModal());
    for (const [id, act] of [["zoom-in", () => this.map.zoom(1.5)], ["zoom-out", () => this.map.zoom(1 / 1.5)], ["fit", () => this.map.fit()]]) {
      document.getElementById(id).addEventListener("click", act);
    }
    const anywhere = {
      "/": () => this.search.input.focus(),
      "?": () => help.showModal(),
      d: () => this.toggleTheme(),
      "+": () => this.map.zoom(1.5),
      "=": () => this.map.zoom(1.5),
      "-": () => this.map.zoom(1 / 1.5),
      0: () => this.map.fit(),
      Escape: () => this.clear(),
      ...Object.fromEntries(this.panels.map((panel, i) => [i + 1, () => this.open(panel.name)])),
    };
    const onMap = {
      ArrowLeft: () => this.map.pan(-0.2, 0),
      ArrowRight: () => this.map.pan(0.2, 0),
      ArrowUp: () => this.map.pan(0, 0.2),
      ArrowDown: () => this.map.pan(0, -0.2),
      Enter: () => {
        const row = this.map.nearest(this.map.width / 2, this.map.height / 2, Infinity);
        if (row != null) this.pick(row);
      },
    };
    document.addEventListener("keydown", (event) => {
      if (event.isComposing || event.ctrlKey || event.altKey || event.metaKey || help.open) return;
      if (event.target instanceof HTMLInputElement) return;
      const act = (event.target === this.container ? onMap[event.key] : null) ?? anywhere[event.key];
      if (!act) return;
      act();
      event.preventDefault();
    });
  }
}

const facts = JSON.parse(document.getElementById("facts").textContent);
const page = new Page(facts, document.getElementById("vectors").textContent);
page.open_().then(
  () => { document.documentElement.dataset.ready = "true"; },
  (error) => {
    document.getElementById("status").textContent = `The map could not be drawn: ${error.message}`;
    throw error;
  },
);
globalThis.explorer = page; // for those who look behind it, and for tests
