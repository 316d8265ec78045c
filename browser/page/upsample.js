// From logits at 1/8 to labels at full size: exact, and without interpolating most of the pixels.
//
// The same labels at every pixel as contextnet_tf/deployment/upsample.py, whose docstring derives the margin. Every
// sum and product is rounded to float32 (Math.fround), in TensorFlow's order: along x, then along y; of equal values
// the lowest class wins.

const round = Math.fround;
const MARGIN = 24 * 2 ** -24; // of the largest absolute logit
const TINY = 1e-36; // absorbs the absolute error of products that underflow

/**
 * The pixels of one axis: the logits on either side of each (`lower`, `upper`) and the weight of the upper one.
 * `start` has the first pixel of each cell, and the number of pixels at its end.
 */
function makeAxis(small, large) {
  const scale = round(round(small) / round(large));
  const lower = new Int32Array(large);
  const upper = new Int32Array(large);
  const weight = new Float32Array(large);
  const start = [];
  let previous;
  for (let pixel = 0; pixel < large; pixel++) {
    const position = round(round(round(round(pixel) + 0.5) * scale) - 0.5);
    const cell = Math.floor(position);
    lower[pixel] = Math.max(cell, 0);
    upper[pixel] = Math.min(cell + 1, small - 1);
    weight[pixel] = position - cell;
    if (cell !== previous) start.push(pixel);
    previous = cell;
  }
  start.push(large);
  return { lower, upper, weight, start };
}

/** The class that leads at each of h * w logits; its complement (~class) where by `margin` or less. */
function findLeaders(logits, count, classes, margin) {
  const leaders = new Int16Array(count);
  for (let place = 0, at = 0; place < count; place++, at += classes) {
    let first = logits[at];
    let second = -Infinity;
    let leader = 0;
    for (let index = 1; index < classes; index++) {
      const value = logits[at + index];
      if (value > first) {
        second = first;
        first = value;
        leader = index;
      } else if (value > second) second = value;
    }
    leaders[place] = round(first - second) > margin ? leader : ~leader;
  }
  return leaders;
}

function largestMagnitude(logits) {
  let largest = 0;
  for (let i = 0; i < logits.length; i++) {
    const magnitude = Math.abs(logits[i]);
    if (magnitude > largest) largest = magnitude;
  }
  return largest;
}

/** Arg-max of each pixel: Float32Array [h * w * classes] -> Uint8Array [h * w]. */
function argmax(logits, count, classes) {
  const labels = new Uint8Array(count);
  for (let place = 0, at = 0; place < count; place++, at += classes) {
    let best = logits[at];
    for (let index = 1; index < classes; index++) {
      if (logits[at + index] > best) {
        best = logits[at + index];
        labels[place] = index;
      }
    }
  }
  return labels;
}

/**
 * Bilinear upsampling and arg-max: Float32Array [h * w * classes] of `shape` [h, w, classes] ->
 * Uint8Array [height * width]. The logits must be finite.
 */
export function upsampleArgmax(logits, shape, height, width) {
  const [smallHeight, smallWidth, classes] = shape;
  if (height === smallHeight && width === smallWidth) return argmax(logits, height * width, classes);
  const margin = round(MARGIN * largestMagnitude(logits) + TINY);
  const leaders = findLeaders(logits, smallHeight * smallWidth, classes, margin);
  const rows = makeAxis(smallHeight, height);
  const columns = makeAxis(smallWidth, width);
  const labels = new Uint8Array(height * width);
  const candidates = new Uint8Array(classes);

  for (let row = 0; row + 1 < rows.start.length; row++) {
    const [y0, y1] = [rows.start[row], rows.start[row + 1]];
    const [top, bottom] = [rows.lower[y0] * smallWidth, rows.upper[y0] * smallWidth];
    for (let column = 0; column + 1 < columns.start.length; column++) {
      const [x0, x1] = [columns.start[column], columns.start[column + 1]];
      const [left, right] = [columns.lower[x0], columns.upper[x0]];
      const first = leaders[top + left];
      const last = leaders[bottom + right];
      if (first >= 0 && first === last && first === leaders[top + right] && first === leaders[bottom + left]) {
        if (first > 0) for (let y = y0; y < y1; y++) labels.fill(first, y * width + x0, y * width + x1);
        continue;
      }
      const a = (top + left) * classes;
      const b = (top + right) * classes;
      const c = (bottom + left) * classes;
      const d = (bottom + right) * classes;
      const lead = first < 0 ? ~first : first;
      const other = last < 0 ? ~last : last;
      let found = 0;
      for (let k = 0; k < classes; k++) {
        const beaten =
          isBeaten(logits, a, b, c, d, k, lead, margin) ||
          (other !== lead && isBeaten(logits, a, b, c, d, k, other, margin));
        if (!beaten) candidates[found++] = k;
      }
      for (let y = y0; y < y1; y++) {
        const yWeight = rows.weight[y];
        for (let x = x0; x < x1; x++) {
          const xWeight = columns.weight[x];
          let best = -Infinity;
          let winner = candidates[0];
          for (let i = 0; i < found; i++) {
            const k = candidates[i];
            const upper = round(logits[a + k] + round(round(logits[b + k] - logits[a + k]) * xWeight));
            const lower = round(logits[c + k] + round(round(logits[d + k] - logits[c + k]) * xWeight));
            const value = round(upper + round(round(lower - upper) * yWeight));
            if (value > best) {
              best = value;
              winner = k;
            }
          }
          labels[y * width + x] = winner;
        }
      }
    }
  }
  return labels;
}

/** Whether the class `by` beats the class `k` by more than the margin at all four corners of a cell. */
function isBeaten(logits, a, b, c, d, k, by, margin) {
  return (
    logits[a + k] < round(logits[a + by] - margin) &&
    logits[b + k] < round(logits[b + by] - margin) &&
    logits[c + k] < round(logits[c + by] - margin) &&
    logits[d + k] < round(logits[d + by] - margin)
  );
}
