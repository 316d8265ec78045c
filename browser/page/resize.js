// An image of any size made to fit the size that a network takes: the same pixels as
// contextnet_tf/deployment/resizing.py, which resizes by OpenCV. Images are RGB: Uint8Array [h * w * 3].

const round = Math.fround;

/** Canvas pixels RGBA -> RGB. */
export function dropAlpha(rgba) {
  const rgb = new Uint8Array((rgba.length / 4) * 3);
  for (let from = 0, to = 0; from < rgba.length; from += 4, to += 3) {
    rgb[to] = rgba[from];
    rgb[to + 1] = rgba[from + 1];
    rgb[to + 2] = rgba[from + 2];
  }
  return rgb;
}

/** Whether an image fits the target by padding at most `limit` rows and columns. Sizes are [height, width]. */
export function isPadded(size, target, limit) {
  return target.every((length, axis) => length >= size[axis] && length - size[axis] <= limit);
}

/**
 * RGB of `size` -> RGB of the `target` size. An image that lacks at most `limit` rows and columns is padded at its
 * lower and right edge with its last row and column. Any other is resized: over the areas of the pixels where it
 * becomes smaller, bilinearly otherwise.
 */
export function fitImage(rgb, size, target, limit) {
  if (size[0] === target[0] && size[1] === target[1]) return rgb;
  if (isPadded(size, target, limit)) return pad(rgb, size, target);
  return size[0] >= target[0] && size[1] >= target[1] ? shrink(rgb, size, target) : interpolate(rgb, size, target);
}

function pad(rgb, [height, width], [newHeight, newWidth]) {
  const padded = new Uint8Array(newHeight * newWidth * 3);
  for (let y = 0; y < newHeight; y++) {
    const from = Math.min(y, height - 1) * width * 3;
    const to = y * newWidth * 3;
    padded.set(rgb.subarray(from, from + width * 3), to);
    const last = rgb.subarray(from + (width - 1) * 3, from + width * 3);
    for (let x = width; x < newWidth; x++) padded.set(last, to + x * 3);
  }
  return padded;
}

/** The two pixels that each new one lies between, and their weights in 2048ths. */
function bilinearAxis(small, large) {
  const scale = small / large;
  return Array.from({ length: large }, (_, pixel) => {
    const position = round((pixel + 0.5) * scale - 0.5);
    const cell = Math.floor(position);
    const upper = round(position - cell);
    return {
      lower: Math.min(Math.max(cell, 0), small - 1),
      upper: Math.min(Math.max(cell + 1, 0), small - 1),
      weights: [halfToEven(round(round(1 - upper) * 2048)), halfToEven(round(upper * 2048))],
    };
  });
}

/** OpenCV's INTER_LINEAR of 8-bit images, in its fixed-point arithmetic. */
function interpolate(rgb, [height, width], [newHeight, newWidth]) {
  const columns = bilinearAxis(width, newWidth);
  const rows = bilinearAxis(height, newHeight);
  const kept = new Map(); // rows resized along x; two neighbors are needed at a time
  const resizedRow = (y) => {
    if (!kept.has(y)) {
      if (kept.size > 2) kept.clear();
      const row = new Int32Array(newWidth * 3);
      const at = y * width * 3;
      columns.forEach(({ lower, upper, weights }, x) => {
        for (let c = 0; c < 3; c++) {
          row[x * 3 + c] = rgb[at + lower * 3 + c] * weights[0] + rgb[at + upper * 3 + c] * weights[1];
        }
      });
      kept.set(y, row);
    }
    return kept.get(y);
  };
  const resized = new Uint8ClampedArray(newHeight * newWidth * 3);
  rows.forEach(({ lower, upper, weights }, y) => {
    const [above, below] = [resizedRow(lower), resizedRow(upper)];
    const to = y * newWidth * 3;
    for (let i = 0; i < above.length; i++) {
      const sum = ((weights[0] * (above[i] >> 4)) >> 16) + ((weights[1] * (below[i] >> 4)) >> 16);
      resized[to + i] = (sum + 2) >> 2;
    }
  });
  return new Uint8Array(resized.buffer);
}

/**
 * Which old pixels each new one covers, and by how much: {first, end, weights}. New pixel i covers the old ones from
 * first[i], by weights[end[i - 1]] to weights[end[i] - 1].
 */
function areaAxis(large, small) {
  const scale = large / small;
  const first = new Int32Array(small);
  const end = new Int32Array(small);
  const weights = [];
  for (let pixel = 0; pixel < small; pixel++) {
    const start = pixel * scale;
    const stop = start + scale;
    const length = Math.min(scale, large - start);
    const last = Math.min(Math.floor(stop), large - 1);
    const whole = Math.min(Math.ceil(start), last);
    first[pixel] = whole;
    if (whole - start > 1e-3) {
      first[pixel] = whole - 1;
      weights.push((whole - start) / length);
    }
    for (let i = whole; i < last; i++) weights.push(1 / length);
    if (stop - last > 1e-3) weights.push(Math.min(Math.min(stop - last, 1), length) / length);
    end[pixel] = weights.length;
  }
  return { first, end, weights: Float32Array.from(weights) };
}

/** OpenCV's INTER_AREA of 8-bit images that become smaller. */
function shrink(rgb, size, target) {
  const factors = size.map((length, axis) => length / target[axis]);
  return factors.every(Number.isInteger)
    ? shrinkByFactors(rgb, size, target, factors)
    : shrinkByAreas(rgb, size, target);
}

function shrinkByFactors(rgb, [, width], [newHeight, newWidth], [rows, columns]) {
  const shrunk = new Uint8Array(newHeight * newWidth * 3);
  const scale = round(1 / (rows * columns));
  for (let y = 0, to = 0; y < newHeight; y++) {
    for (let x = 0; x < newWidth; x++) {
      for (let c = 0; c < 3; c++, to++) {
        let sum = 0;
        for (let i = 0; i < rows; i++) {
          const at = ((y * rows + i) * width + x * columns) * 3 + c;
          for (let j = 0; j < columns; j++) sum += rgb[at + j * 3];
        }
        // Quarters of 2 x 2 pixels are rounded up at a half, all others to even.
        shrunk[to] = rows === 2 && columns === 2 ? (sum + 2) >> 2 : halfToEven(round(sum * scale));
      }
    }
  }
  return shrunk;
}

function shrinkByAreas(rgb, [height, width], [newHeight, newWidth]) {
  const shrunk = new Uint8Array(newHeight * newWidth * 3);
  const columns = areaAxis(width, newWidth);
  const rows = areaAxis(height, newHeight);
  const sums = new Float32Array(newWidth * 3);
  const row = new Float32Array(newWidth * 3);
  let inRow = -1; // the old row that `row` holds; two new rows share it where they meet within it
  for (let y = 0, n = 0; y < newHeight; y++) {
    sums.fill(0);
    for (let oldY = rows.first[y]; n < rows.end[y]; n++, oldY++) {
      if (oldY !== inRow) shrinkRow(rgb, oldY * width * 3, columns, row);
      inRow = oldY;
      const weight = rows.weights[n];
      for (let k = 0; k < row.length; k++) sums[k] += round(weight * row[k]);
    }
    const to = y * newWidth * 3;
    for (let k = 0; k < sums.length; k++) shrunk[to + k] = halfToEven(sums[k]);
  }
  return shrunk;
}

/** Resizes the row of `rgb` that begins at `start` into `row`. */
function shrinkRow(rgb, start, { first, end, weights }, row) {
  for (let x = 0, n = 0, to = 0; x < end.length; x++, to += 3) {
    let red = 0;
    let green = 0;
    let blue = 0;
    for (let at = start + first[x] * 3; n < end[x]; n++, at += 3) {
      const weight = weights[n];
      red = round(red + round(rgb[at] * weight));
      green = round(green + round(rgb[at + 1] * weight));
      blue = round(blue + round(rgb[at + 2] * weight));
    }
    row[to] = red;
    row[to + 1] = green;
    row[to + 2] = blue;
  }
}

/** The nearest whole number, of two the even one. */
function halfToEven(value) {
  const rounded = Math.round(value);
  return rounded - value === 0.5 && rounded % 2 !== 0 ? rounded - 1 : rounded;
}
