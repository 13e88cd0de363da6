// The vectors of the page: decoding, cosines, neighbours, analogies and axes. No part of this file
// touches the document.

// The number of each of the 65,536 patterns of a float16.
function halfNumbers() {
  const numbers = new Float32Array(65536);
  for (let bits = 0; bits < 65536; bits++) {
    const exponent = (bits >> 10) & 31;
    const fraction = bits & 1023;
    const size =
      exponent === 0 ? fraction * 2 ** -24
        : exponent === 31 ? (fraction ? NaN : Infinity)
          : (1024 + fraction) * 2 ** (exponent - 25);
    numbers[bits] = bits & 32768 ? -size : size;
  }
  return numbers;
}

function bytesOf(base64) {
  const text = atob(base64);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}

// Read little-endian numbers whatever the order of this machine.
function floatsOf(base64) {
  const bytes = bytesOf(base64);
  const view = new DataView(bytes.buffer);
  return Float32Array.from({ length: bytes.length / 4 }, (_, i) => view.getFloat32(4 * i, true));
}

function scaledToUnit(vector) {
  let squares = 0;
  for (const x of vector) squares += x * x;
  const scale = squares > 0 ? 1 / Math.sqrt(squares) : 0;
  for (let k = 0; k < vector.length; k++) vector[k] *= scale;
  return vector;
}

class Vectors {
  // base64: n x d numbers of float16, of which each row has length 1 but for its rounding.
  constructor(base64, n, d) {
    const bytes = bytesOf(base64);
    const numbers = halfNumbers();
    this.n = n;
    this.d = d;
    this.table = new Float32Array(n * d);
    for (let i = 0; i < n * d; i++) {
      this.table[i] = numbers[bytes[2 * i] | (bytes[2 * i + 1] << 8)];
    }
    for (let row = 0; row < n; row++) scaledToUnit(this.row(row));
  }

  row(row) {
    return this.table.subarray(row * this.d, (row + 1) * this.d);
  }

  // The cosine of every row to a vector of length 1.
  cosines(unit) {
    const { n, d, table } = this;
    const found = new Float32Array(n);
    for (let row = 0, at = 0; row < n; row++) {
      let sum = 0;
      for (let k = 0; k < d; k++, at++) sum += table[at] * unit[k];
      found[row] = Math.max(-1, Math.min(1, sum));
    }
    return found;
  }

  cosine(a, b) {
    const u = this.row(a);
    const v = this.row(b);
    let sum = 0;
    for (let k = 0; k < this.d; k++) sum += u[k] * v[k];
    return Math.max(-1, Math.min(1, sum));
  }

  // The mean of rows, some of them subtracted, at length 1.
  mean(plus, minus) {
    const sum = new Float32Array(this.d);
    for (const row of plus) this.row(row).forEach((x, k) => { sum[k] += x; });
    for (const row of minus) this.row(row).forEach((x, k) => { sum[k] -= x; });
    return scaledToUnit(sum);
  }

  // The rows of the greatest cosines to a vector, but for some rows; of equal ones the first rows.
  nearest(unit, count, without) {
    return greatest(this.cosines(unit), count, without);
  }

  neighbours(row, count) {
    return this.nearest(this.row(row), count, new Set([row]));
  }

  // A is to B as C is to ...
  analogy(a, b, c, count) {
    return this.nearest(this.mean([b, c], [a]), count, new Set([a, b, c]));
  }

  // The place of every row on the line from A (0) to B (1), and its cosine to the middle of both;
  // null where A and B have one direction.
  axis(a, b) {
    const width = 2 * (1 - this.cosine(a, b));
    if (!(width > 1e-6)) return null;
    const toA = this.cosines(this.row(a));
    const toB = this.cosines(this.row(b));
    const middle = this.cosines(this.mean([a, b], []));
    return { place: toB.map((x, row) => 0.5 + (x - toA[row]) / width), related: middle };
  }
}

function greatest(values, count, without = new Set()) {
  const best = [];
  values.forEach((value, row) => {
    if (without.has(row)) return;
    if (best.length === count && value <= best[count - 1].value) return;
    let at = best.length;
    while (at > 0 && best[at - 1].value < value) at--;
    best.splice(at, 0, { row, value });
    if (best.length > count) best.pop();
  });
  return best;
}
