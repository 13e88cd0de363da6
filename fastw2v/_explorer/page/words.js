// Words as text: how they are shown, shortened and compared; elements that hold them.

const FONT = document.documentElement.dataset.font;
const LONGEST_LABEL = 28; // characters

// Characters that would break a line or show nothing have pictures in Unicode.
function visible(word) {
  if (word === "") return "(empty word)";
  return word
    .replace(/[\u0000-\u001f]/g, (c) => String.fromCharCode(0x2400 + c.charCodeAt(0)))
    .replace(/\u007f/g, "\u2421")
    .replace(/[\u2028\u2029]/g, "\u2424")
    .replace(/^[\s\u00a0]+$/, (blanks) => "\u2423".repeat(blanks.length));
}

// Directions that a word sets must not reach beyond it, and a label needs no more than its start.
function labelOf(word) {
  const text = visible(word).replace(/[\u202a-\u202e\u2066-\u2069]/g, "");
  const start = text.slice(0, 8 * LONGEST_LABEL);
  const characters = typeof Intl.Segmenter === "function"
    ? Array.from(new Intl.Segmenter().segment(start), (part) => part.segment)
    : Array.from(start);
  if (start.length < text.length) characters.pop(); // which the slice may have cut
  if (characters.length <= LONGEST_LABEL && start.length === text.length) return text;
  return `${characters.slice(0, LONGEST_LABEL - 1).join("")}…`;
}

// The form in which search compares words.
function folded(text) {
  return text.normalize("NFKC").toLowerCase();
}

// Make an element. Children that are text become text nodes, so a word is never read as HTML.
function element(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (name === "style") for (const [key, text] of Object.entries(value)) made.style.setProperty(key, text);
    else if (value === true) made.setAttribute(name, "");
    else if (value !== false && value != null) made.setAttribute(name, value);
  }
  made.append(...children.filter((child) => child != null));
  return made;
}

// The element of a word: its direction is its own.
function wordElement(word, tag = "bdi") {
  return element(tag, { class: "word", dir: "auto" }, visible(word));
}

function number(x, digits = 3) {
  return x.toFixed(digits).replace("-", "\u2212");
}
