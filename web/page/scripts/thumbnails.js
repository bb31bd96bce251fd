// Small pictures of files, made by the browser one after another, and only of those that are in sight. What it cannot read
// keeps the mark that stands in its place.

const SIDE = 96; // pixels: 48 on a dense screen
const LONGEST = 16 * SIDE; // of the side that is cut off

const wanted = new Map(); // what is in sight: elements and what their pictures are of
const sources = new WeakMap();
let working = false;

const small = async ({ file, answer }) => {
  const { width, height } = answer.result;
  const scale = SIDE / Math.min(width, height);
  const [across, down] = [width, height].map((side) => Math.round(side * scale));
  if (Math.max(across, down) > LONGEST) throw new RangeError("too long");
  const bitmap = await createImageBitmap(file, { resizeWidth: across, resizeHeight: down, resizeQuality: "medium" });
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = SIDE;
  canvas.getContext("2d").drawImage(bitmap, (SIDE - across) / 2, (SIDE - down) / 2);
  bitmap.close();
  return new Promise((resolve) => { canvas.toBlob(resolve, "image/jpeg", 0.75); });
};

const put = async (place, row) => {
  const image = new Image();
  image.alt = "";
  const address = URL.createObjectURL(await small(row));
  try {
    image.src = address;
    await image.decode();
    place.replaceChildren(image);
  } finally {
    URL.revokeObjectURL(address);
  }
};

const work = async () => {
  if (working) return;
  working = true;
  while (wanted.size) {
    const [place, row] = [...wanted].at(-1);
    wanted.delete(place);
    observer.unobserve(place);
    await put(place, row).catch(() => {});
  }
  working = false;
};

const observer = new IntersectionObserver((seen) => {
  for (const { target, isIntersecting } of seen) {
    if (isIntersecting) wanted.set(target, sources.get(target));
    else wanted.delete(target);
  }
  work();
}, { rootMargin: "200px" });

// Puts a picture of a row that has its answer into an element as soon as that is in sight.
export const show = (place, row) => {
  sources.set(place, row);
  observer.unobserve(place);
  observer.observe(place);
};
