// A heat map in colours that are told apart by the colour-blind, too, and smooth between its cells.

// As VIRIDIS in classifier/explanation/drawing.py: nine colours, from 0 to 1.
export const VIRIDIS = [
  [68, 1, 84], [71, 45, 123], [59, 82, 139], [44, 114, 142], [33, 144, 140],
  [39, 173, 129], [93, 200, 99], [170, 220, 50], [253, 231, 37],
];
const FINE = 256; // pixels along the longer side: the browser scales what is smooth already

export const legend = () => `linear-gradient(to right, ${VIRIDIS.map((one) => `rgb(${one.join(" ")})`).join(", ")})`;

// The two of `count` between which a place is, and how far it is from the first one.
const around = (at, count) => {
  const held = Math.min(Math.max(at, 0), count - 1);
  const low = Math.floor(held);
  return [low, Math.min(low + 1, count - 1), held - low];
};

const colour = (value) => {
  const [low, high, part] = around(value * (VIRIDIS.length - 1), VIRIDIS.length);
  return VIRIDIS[low].map((one, channel) => Math.round(one + (VIRIDIS[high][channel] - one) * part));
};

// The cells around each pixel of a side: linear between their centres.
const cells = (side, count) => Array.from({ length: side }, (_, pixel) => around(((pixel + 0.5) / side) * count - 0.5, count));

// A canvas of the shape of `box`, with rows of values from 0 to 1 drawn on it.
export const heat = (grid, [left, top, right, bottom]) => {
  const sides = [right - left, bottom - top];
  const [width, height] = sides.map((side) => Math.max(1, Math.round((FINE * side) / Math.max(...sides))));
  const pixels = new ImageData(width, height);
  const columns = cells(width, grid[0].length);
  cells(height, grid.length).forEach(([above, below, downwards], y) => columns.forEach(([before, behind, part], x) => {
    const value = (row) => row[before] + (row[behind] - row[before]) * part;
    const between = value(grid[above]) + (value(grid[below]) - value(grid[above])) * downwards;
    pixels.data.set([...colour(between), 255], 4 * (y * width + x));
  }));
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [width, height];
  canvas.getContext("2d").putImageData(pixels, 0, 0);
  return canvas;
};
