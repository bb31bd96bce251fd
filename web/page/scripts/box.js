// A box on a picture, in shares of its width and height: as keys, drags and taps change it. It always lies within the picture.

export const LEAST = 0.02; // of a side: what is smaller cannot be hit

const within = (value, least, most) => Math.min(Math.max(value, least), most);

export const middle = () => ({ left: 0.2, top: 0.2, right: 0.8, bottom: 0.8 });

// From one corner to another, whichever is which.
export const between = ([x, y], [otherX, otherY]) => {
  const [left, right] = [Math.min(x, otherX), Math.max(x, otherX)].map((one) => within(one, 0, 1));
  const [top, bottom] = [Math.min(y, otherY), Math.max(y, otherY)].map((one) => within(one, 0, 1));
  return grown({ left, top, right, bottom });
};

const grown = ({ left, top, right, bottom }) => ({
  left: Math.min(left, 1 - LEAST),
  top: Math.min(top, 1 - LEAST),
  right: within(right, Math.min(left, 1 - LEAST) + LEAST, 1),
  bottom: within(bottom, Math.min(top, 1 - LEAST) + LEAST, 1),
});

export const moved = ({ left, top, right, bottom }, dx, dy) => {
  const [x, y] = [within(dx, -left, 1 - right), within(dy, -top, 1 - bottom)];
  return { left: left + x, top: top + y, right: right + x, bottom: bottom + y };
};

// Its right and bottom edges moved.
export const resized = (box, dx, dy) => ({
  ...box,
  right: within(box.right + dx, box.left + LEAST, 1),
  bottom: within(box.bottom + dy, box.top + LEAST, 1),
});

// One corner, named by its sides such as "nw", drawn to a point; the opposite one stays.
export const pulled = ({ left, top, right, bottom }, corner, point) =>
  between([corner.includes("w") ? right : left, corner.includes("n") ? bottom : top], point);
