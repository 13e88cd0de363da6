// The map: a plot of Bokeh whose data and colours are set here.

const PAD = 1.12; // the view is so much wider than the points
const MOVE_MS = 380;
const [WIDEST, NARROWEST] = [10, 5e-5]; // half of a view; the points lie within 1

// A colour of the OKLCH space as #rrggbb; colours of one lightness look equally light.
function oklch(lightness, chroma, turns) {
  const a = chroma * Math.cos(2 * Math.PI * turns);
  const b = chroma * Math.sin(2 * Math.PI * turns);
  const l = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3;
  const m = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3;
  const s = (lightness - 0.0894841775 * a - 1.291485548 * b) ** 3;
  const linear = [
    4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s,
    -1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s,
    -0.0041960863 * l - 0.7034186147 * m + 1.707614701 * s,
  ];
  const channel = (x) => {
    const bright = x <= 0.0031308 ? 12.92 * x : 1.055 * x ** (1 / 2.4) - 0.055;
    return Math.round(255 * Math.max(0, Math.min(1, bright))).toString(16).padStart(2, "0");
  };
  return `#${linear.map(channel).join("")}`;
}

const ink = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

class WordMap {
  // pick(row) is called for a click on a word, and hover() when the word below the pointer changes.
  constructor(container, facts, pick) {
    this.container = container;
    this.labels = facts.words.map(labelOf);
    this.n = facts.words.length;
    this.hues = bytesOf(facts.hues);
    this.pick = pick;
    this.hovered = null;
    this.marked = { words: new Map(), links: [] };
    this.ruler = document.createElement("canvas").getContext("2d");
    this.widths = { normal: new Float32Array(this.n), bold: new Float32Array(this.n) };
    const largest = this.n > 3000 ? 6 : this.n > 500 ? 8 : 11;
    // Frequent words come first and have larger dots and labels.
    this.weights = Float64Array.from({ length: this.n }, (_, row) => (1 - row / this.n) ** 5);
    this.sizes = this.weights.map((weight) => largest * (0.5 + 0.5 * weight));
  }

  async open(item) {
    const manager = await Bokeh.embed.embed_item(item, this.container);
    this.plot = manager.roots[0].model;
    for (const name of ["links", "dots", "rings", "texts"]) {
      const renderer = this.plot.document.get_model_by_name(name);
      this[name] = { source: renderer.data_source, glyph: renderer.glyph };
    }
    this.texts.glyph.text_font = { value: FONT };
    for (const name of ["tap", "doubletap"]) this.plot.on_event(name, (event) => this.tap(event));
    this.plot.on_event("mousemove", (event) => this.point(event));
    this.plot.on_event("mouseleave", () => this.point(null));
    for (const range of this.ranges) range.change.connect(() => this.relabelSoon());
    this.measure();
    new ResizeObserver(() => this.resized()).observe(this.container);
  }

  measure() { [this.width, this.height] = [this.container.clientWidth, this.container.clientHeight]; }

  get ranges() { return [this.plot.x_range, this.plot.y_range]; }

  // ---- points

  // Move the words to points. square: one unit is as long in both directions. edges: [left, right,
  // bottom, top] of the view that shows all, by default those of the points.
  show(xs, ys, { square = true, edges = null } = {}) {
    const still = !this.xs || matchMedia("(prefers-reduced-motion: reduce)").matches;
    const from = still ? [xs, ys] : [this.xs, this.ys];
    this.square = square;
    this.edges = edges ?? [...span(xs), ...span(ys)];
    cancelAnimationFrame(this.moving);
    this.moving = -1;
    this.clearLabels();
    this.fit();
    const begin = performance.now();
    const step = (now) => {
      const share = still ? 1 : Math.min(1, Math.max(0, now - begin) / MOVE_MS);
      const eased = share * share * (3 - 2 * share);
      const between = (a, b) => Float64Array.from(b, (end, i) => a[i] + eased * (end - a[i]));
      [this.xs, this.ys] = [between(from[0], xs), between(from[1], ys)];
      if (share < 1) {
        this.dots.source.data = { ...this.dots.source.data, x: this.xs, y: this.ys };
        this.moving = requestAnimationFrame(step);
      } else {
        this.moving = null;
        this.paint();
      }
    };
    this.paintDots();
    step(begin);
  }

  // Mark words. words: row -> {color, ring}; links: [row, row, color]. Colours are names of the style.
  mark(words, links = []) {
    this.marked = { words, links };
    if (this.moving == null) this.paint();
  }

  // Paint all anew, such as after a change of the theme.
  paint() {
    if (!this.xs) return;
    this.paintDots();
    this.paintMarks();
    this.relabel();
  }

  paintDots() {
    const dark = document.documentElement.dataset.theme === "dark";
    const colors = Array.from({ length: 256 }, (_, hue) => oklch(dark ? 0.76 : 0.62, dark ? 0.11 : 0.14, hue / 256));
    this.dots.glyph.fill_alpha = { value: this.marked.words.size > 0 ? 0.28 : 0.75 };
    this.dots.source.data = {
      x: this.xs ?? [], y: this.ys ?? [], radius: this.xs ? this.sizes.map((size) => size / 2) : [],
      color: this.xs ? Array.from(this.hues, (hue) => colors[hue]) : [],
    };
  }

  paintMarks() {
    const { words, links } = this.marked;
    const rows = [...words.keys()];
    const at = (rows, values) => rows.map((row) => values[row]);
    this.rings.source.data = {
      x: at(rows, this.xs), y: at(rows, this.ys),
      size: rows.map((row) => (words.get(row).ring ? 13 : Math.max(8, this.sizes[row]))),
      color: rows.map((row) => ink(words.get(row).color)),
    };
    const [from, to] = [links.map((link) => link[0]), links.map((link) => link[1])];
    this.links.source.data = {
      x0: at(from, this.xs), y0: at(from, this.ys), x1: at(to, this.xs), y1: at(to, this.ys),
      color: links.map((link) => ink(link[2])),
    };
  }

  // ---- labels

  relabelSoon() {
    if (this.waiting || this.moving != null) return;
    this.waiting = setTimeout(() => { this.waiting = null; this.relabel(); }, 100);
  }

  clearLabels() {
    this.texts.source.data = { x: [], y: [], text: [], size: [], style: [], color: [], anchor: [], dx: [], dy: [] };
  }

  // The width of a label in units of its size, measured once.
  textWidth(row, style) {
    const widths = this.widths[style];
    if (widths[row] === 0) {
      this.ruler.font = `${style} 100px ${FONT}`;
      widths[row] = this.ruler.measureText(this.labels[row]).width / 100;
    }
    return widths[row];
  }

  candidate(row, always) {
    const mark = this.marked.words.get(row);
    const style = mark?.ring || row === this.hovered ? "bold" : "normal";
    const size = mark ? 13.5 : Math.round(2 * (11.5 + 3 * this.weights[row])) / 2;
    const [x, y] = this.toScreen(this.xs[row], this.ys[row]);
    const width = this.textWidth(row, style) * size;
    return { row, x, y, width, height: size * 1.4, gap: mark?.ring ? 10 : 5, always, size, style };
  }

  // All words in view, the most important first.
  *candidates() {
    const { words } = this.marked;
    const { hovered } = this;
    if (hovered != null) yield this.candidate(hovered, "even over others");
    for (const [row, mark] of words) {
      if (row !== hovered) yield this.candidate(row, mark.ring ? "even over others" : "where free");
    }
    for (let row = 0; row < this.n; row++) {
      if (this.inView(row) && row !== hovered && !words.has(row)) yield this.candidate(row, null);
    }
  }

  relabel() {
    if (!this.xs || this.moving != null) return;
    const { words } = this.marked;
    const chosen = chooseLabels(this.candidates(), this.width, this.height);
    this.texts.glyph.background_fill_color = { value: ink("paper") };
    const quiet = words.size > 0 ? "ink-faint" : "ink";
    const colors = new Map(["ink", "ink-faint"].map((name) => [name, ink(name)]));
    this.texts.source.data = {
      x: chosen.map((label) => this.xs[label.row]),
      y: chosen.map((label) => this.ys[label.row]),
      text: chosen.map((label) => this.labels[label.row]),
      size: chosen.map((label) => `${label.size}px`),
      style: chosen.map((label) => label.style),
      color: chosen.map(({ row }) => colors.get(words.has(row) || row === this.hovered ? "ink" : quiet)),
      anchor: chosen.map((label) => label.side.anchor),
      dx: chosen.map((label) => label.side.x * label.gap),
      dy: chosen.map((label) => label.side.y * label.gap),
    };
    this.chosen = chosen;
  }

  // ---- the view

  toScreen(x, y) {
    const [h, v] = this.ranges;
    return [
      ((x - h.start) / (h.end - h.start)) * this.width,
      ((v.end - y) / (v.end - v.start)) * this.height,
    ];
  }

  inView(row) {
    const [h, v] = this.ranges;
    return this.xs[row] >= h.start && this.xs[row] <= h.end && this.ys[row] >= v.start && this.ys[row] <= v.end;
  }

  view(x, y, halfWidth, halfHeight) {
    const [h, v] = this.ranges;
    h.setv({ start: x - halfWidth, end: x + halfWidth });
    v.setv({ start: y - halfHeight, end: y + halfHeight });
    this.relabelSoon();
  }

  // Show a box of points in the middle of the view.
  frame(left, right, bottom, top) {
    let halfWidth = (PAD * (right - left || 1)) / 2;
    let halfHeight = (PAD * (top - bottom || 1)) / 2;
    if (this.square) {
      const unit = Math.max(halfWidth / this.width, halfHeight / this.height);
      [halfWidth, halfHeight] = [unit * this.width, unit * this.height];
    }
    this.view((left + right) / 2, (bottom + top) / 2, halfWidth, halfHeight);
  }

  fit() { this.frame(...this.edges); }

  center() { return this.ranges.map((range) => (range.start + range.end) / 2); }

  halves() { return this.ranges.map((range) => (range.end - range.start) / 2); }

  pan(right, up) {
    const [[x, y], [w, h]] = [this.center(), this.halves()];
    this.view(x + right * w, y + up * h, w, h);
  }

  zoom(factor) {
    const [w, h] = this.halves();
    const within = Math.max(w / WIDEST, h / WIDEST, Math.min(factor, w / NARROWEST, h / NARROWEST));
    this.view(...this.center(), w / within, h / within);
  }

  // Show some rows, with space around them.
  focusOn(rows) {
    const [xs, ys] = [rows.map((row) => this.xs[row]), rows.map((row) => this.ys[row])];
    const [[left, right], [bottom, top]] = [span(xs), span(ys)];
    const least = 0.04 * Math.max(this.edges[1] - this.edges[0], this.edges[3] - this.edges[2]);
    const [padX, padY] = [Math.max(least, 0.12 * (right - left)), Math.max(least, 0.12 * (top - bottom))];
    this.frame(left - padX, right + padX, bottom - padY, top + padY);
  }

  // Keep the middle and, where units are equal, the scale; the new size shows more or less.
  resized() {
    const before = this.width;
    this.measure();
    if (!this.edges || !this.width || !this.height) return;
    const [w, h] = this.halves();
    const unit = w / before;
    if (!before) this.fit();
    else if (this.square) this.view(...this.center(), unit * this.width, unit * this.height);
    else this.view(...this.center(), w, h);
  }

  // ---- the pointer

  nearest(x, y, reach) {
    const [h, v] = this.ranges;
    const [scaleX, scaleY] = [this.width / (h.end - h.start), this.height / (v.end - v.start)];
    let [best, least] = [null, reach * reach];
    for (let row = 0; row < this.n; row++) {
      const [dx, dy] = [(this.xs[row] - h.start) * scaleX - x, (v.end - this.ys[row]) * scaleY - y];
      const distance = dx * dx + dy * dy;
      if (distance < least) [best, least] = [row, distance];
    }
    return best;
  }

  // The word whose point or label is at a place of the screen.
  at(x, y) {
    const below = this.nearest(x, y, 4);
    if (below != null) return below;
    for (const { row, side, width, height, gap } of this.chosen ?? []) {
      const box = boxAt(side, ...this.toScreen(this.xs[row], this.ys[row]), width, height, gap);
      if (x >= box.left && x <= box.right && y >= box.top && y <= box.bottom) return row;
    }
    return this.nearest(x, y, 14);
  }

  tap(event) {
    const row = this.xs && this.at(event.sx, event.sy);
    if (row != null) this.pick(row);
  }

  point(event) {
    const row = event && this.xs && this.moving == null ? this.at(event.sx, event.sy) : null;
    if (row === this.hovered) return;
    this.hovered = row;
    this.container.style.cursor = row == null ? "" : "pointer";
    this.relabel();
  }
}

function span(values) {
  let [least, most] = [Infinity, -Infinity];
  for (const x of values) {
    if (x < least) least = x;
    if (x > most) most = x;
  }
  return [least, most];
}
