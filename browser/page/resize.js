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

/** Which old pixels each new one covers, and by how much: [[first, weights], ...]. */
function areaAxis(large, small) {
  const scale = large / small;
  return Array.from({ length: small }, (_, pixel) => {
    const start = pixel * scale;
    const end = start + scale;
    const length = Math.min(scale, large - start);
    let first = Math.ceil(start);
    const last = Math.min(Math.floor(end), large - 1);
    first = Math.min(first, last);
    const weights = [];
    let from = first;
    if (first - start > 1e-3) {
      from = first - 1;
      weights.push(round((first - start) / length));
    }
    for (let i = first; i < last; i++) weights.push(round(1 / length));
    if (end - last > 1e-3) weights.push(round(Math.min(Math.min(end - last, 1), length) / length));
    return [from, weights];
  });
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

function shrinkByAreas(rgb, [, width], [newHeight, newWidth]) {
  const shrunk = new Uint8Array(newHeight * newWidth * 3);
  const columns = areaAxis(width, newWidth);
  const sums = new Float32Array(newWidth * 3);
  const row = new Float32Array(newWidth * 3);
  areaAxis(rgb.length / 3 / width, newHeight).forEach(([top, rowWeights], y) => {
    sums.fill(0);
    rowWeights.forEach((rowWeight, i) => {
      const at = (top + i) * width * 3;
      columns.forEach(([left, weights], x) => {
        for (let c = 0; c < 3; c++) {
          let sum = 0;
          for (let j = 0; j < weights.length; j++) {
            sum = round(sum + round(rgb[at + (left + j) * 3 + c] * weights[j]));
          }
          row[x * 3 + c] = sum;
        }
      });
      for (let k = 0; k < row.length; k++) sums[k] = round(sums[k] + round(rowWeight * row[k]));
    });
    const to = y * newWidth * 3;
    for (let k = 0; k < sums.length; k++) shrunk[to + k] = halfToEven(sums[k]);
  });
  return shrunk;
}

/** The nearest whole number, of two the even one. */
function halfToEven(value) {
  const rounded = Math.round(value);
  return rounded - value === 0.5 && rounded % 2 !== 0 ? rounded - 1 : rounded;
}
