// Which labels a map shows: the most important ones that overlap no other.

const AREA_OF_LABEL = 5200; // of the map, in square pixels, for each label that it may show
const CELL = 48; // pixels; side of the squares in which boxes are looked up

// The sides of a point at which its label may be, in the order of trial, and the text's anchor.
const SIDES = [
  { anchor: "center_left", x: 1, y: 0 },
  { anchor: "bottom_center", x: 0, y: -1 },
  { anchor: "top_center", x: 0, y: 1 },
  { anchor: "center_right", x: -1, y: 0 },
];

class Occupied {
  constructor() {
    this.cells = new Map();
  }

  *around(box) {
    for (let x = Math.floor(box.left / CELL); x <= Math.floor(box.right / CELL); x++) {
      for (let y = Math.floor(box.top / CELL); y <= Math.floor(box.bottom / CELL); y++) yield x * 65536 + y;
    }
  }

  isFree(box) {
    for (const cell of this.around(box)) {
      for (const other of this.cells.get(cell) ?? []) {
        if (box.left < other.right && other.left < box.right && box.top < other.bottom && other.top < box.bottom) return false;
      }
    }
    return true;
  }

  add(box) {
    for (const cell of this.around(box)) {
      if (!this.cells.has(cell)) this.cells.set(cell, []);
      this.cells.get(cell).push(box);
    }
  }
}

// The box of a label of width x height at a side of a point, a gap away from it.
function boxAt(side, x, y, width, height, gap) {
  const left = x + (side.x > 0 ? gap : side.x < 0 ? -gap - width : -width / 2);
  const top = y + (side.y > 0 ? gap : side.y < 0 ? -gap - height : -height / 2);
  return { left, top, right: left + width, bottom: top + height };
}

// Choose labels. candidates: {row, x, y, width, height, gap, always}, in pixels, the most important
// first; those that are `always` shown take any side that is free, or else the first.
function chooseLabels(candidates, width, height) {
  const occupied = new Occupied();
  const chosen = [];
  let most = Math.max(12, Math.round((width * height) / AREA_OF_LABEL));
  for (const label of candidates) {
    if (most <= 0 && !label.always) break;
    const boxes = SIDES.map((side) => boxAt(side, label.x, label.y, label.width + 6, label.height, label.gap));
    const inside = (box) => box.left >= 0 && box.right <= width && box.top >= 0 && box.bottom <= height;
    // The point is kept free too: a label on each side of one point would leave open whose it is.
    const point = { left: label.x - 5, top: label.y - 5, right: label.x + 5, bottom: label.y + 5 };
    let at = occupied.isFree(point) ? boxes.findIndex((box) => inside(box) && occupied.isFree(box)) : -1;
    if (at < 0 && label.always === "even over others") at = Math.max(0, boxes.findIndex(inside));
    if (at < 0) continue;
    occupied.add(boxes[at]);
    occupied.add(point);
    chosen.push({ ...label, side: SIDES[at] });
    most -= 1;
  }
  return chosen;
}
