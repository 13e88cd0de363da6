// A box that finds words: completions below, arrows and Enter choose, input methods are waited for.

const MOST_COMPLETIONS = 10;

class WordIndex {
  constructor(words) {
    this.words = words;
    this.folded = words.map(folded);
    this.rows = new Map();
    words.forEach((word, row) => { if (!this.rows.has(word)) this.rows.set(word, row); });
  }

  // The word as typed, then words that begin so, then words that hold it; frequent ones first.
  completions(typed) {
    const wanted = folded(typed.trim() || typed);
    if (wanted === "") return [];
    const groups = [[], [], [], []];
    const exact = this.rows.get(typed) ?? this.rows.get(typed.trim());
    if (exact !== undefined) groups[0].push(exact);
    this.folded.forEach((word, row) => {
      if (row === exact) return;
      const at = word.indexOf(wanted);
      if (at < 0) return;
      const group = groups[at > 0 ? 3 : word.length === wanted.length ? 1 : 2];
      if (group.length < MOST_COMPLETIONS) group.push(row);
    });
    return groups.flat().slice(0, MOST_COMPLETIONS);
  }
}

class WordBox {
  static made = 0;

  // choose(row) is called with the word that was chosen.
  constructor(index, label, choose, placeholder = "") {
    const id = `completions-${WordBox.made++}`;
    this.index = index;
    this.choose = choose;
    this.rows = [];
    this.active = -1;
    this.input = element("input", {
      type: "text", role: "combobox", "aria-label": label, "aria-autocomplete": "list",
      "aria-expanded": "false", "aria-controls": id, autocomplete: "off", autocapitalize: "off",
      spellcheck: "false", dir: "auto", placeholder,
    });
    this.list = element("ul", { id, role: "listbox", "aria-label": label, hidden: true });
    this.hint = element("p", { class: "hint", role: "status" });
    this.box = element("div", { class: "word-box" }, this.input, this.list, this.hint);
    this.input.addEventListener("input", (event) => { if (!event.isComposing) this.find(); });
    this.input.addEventListener("compositionend", () => this.find());
    this.input.addEventListener("keydown", (event) => this.press(event));
    this.input.addEventListener("focus", () => this.input.select());
    this.input.addEventListener("blur", () => this.close());
  }

  find() {
    this.rows = this.index.completions(this.input.value);
    this.active = -1;
    this.list.replaceChildren(...this.rows.map((row, i) => {
      const item = element("li", { role: "option", id: `${this.list.id}-${i}` }, wordElement(this.index.words[row]));
      // Before blur, which closes the list.
      item.addEventListener("pointerdown", (event) => { event.preventDefault(); this.take(row); });
      return item;
    }));
    const none = this.rows.length === 0 && this.input.value.trim() !== "";
    this.hint.textContent = none ? "No word of this page holds that." : "";
    this.show(this.rows.length > 0);
  }

  show(open) {
    this.list.hidden = !open;
    this.input.setAttribute("aria-expanded", String(open));
    this.mark(open ? this.active : -1);
  }

  mark(active) {
    this.active = active;
    Array.from(this.list.children).forEach((item, i) => {
      item.setAttribute("aria-selected", String(i === active));
      if (i === active) item.scrollIntoView({ block: "nearest" });
    });
    if (active >= 0) this.input.setAttribute("aria-activedescendant", this.list.children[active].id);
    else this.input.removeAttribute("aria-activedescendant");
  }

  press(event) {
    if (event.isComposing || event.keyCode === 229) return; // the key belongs to the input method
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      if (this.list.hidden) this.find();
      const n = this.rows.length;
      const step = event.key === "ArrowDown" ? 1 : -1;
      if (n > 0) this.mark(this.active < 0 ? (step > 0 ? 0 : n - 1) : (this.active + step + n) % n);
      event.preventDefault();
    } else if (event.key === "Enter") {
      if (this.list.hidden) this.find();
      const row = this.rows[Math.max(this.active, 0)];
      if (row !== undefined) this.take(row);
      event.preventDefault();
    } else if (event.key === "Escape") {
      if (this.list.hidden) this.input.blur();
      this.close();
      event.stopPropagation();
    }
  }

  take(row) {
    this.set(row);
    this.close();
    this.choose(row);
  }

  set(row) {
    this.input.value = row == null ? "" : this.index.words[row];
    this.hint.textContent = "";
  }

  close() {
    this.show(false);
  }
}
