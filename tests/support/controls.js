// What a visitor can act on and read on a page, shadow roots included; see controls.py.
(() => {
  const CONTROLS = `a[href], area[href], button, input:not([type="hidden"]), select, textarea, summary, video[controls],
    [contenteditable="true"], [tabindex]:not([tabindex="-1"]), [role="button"], [role="slider"], [role="combobox"],
    [role="radio"], [role="checkbox"], [role="switch"], [role="tab"], [role="menuitem"], [role="option"]`;

  const below = (root) => [...root.querySelectorAll("*")].flatMap((one) =>
    one.shadowRoot ? [one, ...below(one.shadowRoot)] : [one]);
  const every = () => below(document);
  const parent = (one) => one.parentElement ?? one.getRootNode().host ?? null;
  const within = (one, other) => {
    for (let at = one; at; at = parent(at)) if (at === other) return true;
    return false;
  };

  const drawn = (one) => one.checkVisibility({ visibilityProperty: true, opacityProperty: true, contentVisibilityAuto: true });
  // What only screen readers get is cut down to nothing.
  const cutAway = (one) => {
    for (let at = one; at; at = parent(at)) {
      const { width, height } = at.getBoundingClientRect();
      const style = getComputedStyle(at);
      if (style.display === "contents") continue; // it has no box that could cut
      if ((style.clipPath !== "none" || style.clip !== "auto" || style.overflow !== "visible") && (width <= 1 || height <= 1)) return true;
    }
    return false;
  };
  const seen = (one) => {
    const { width, height } = one.getBoundingClientRect();
    return drawn(one) && width > 1 && height > 1 && !cutAway(one);
  };
  const disabled = (one) => one.disabled || one.getAttribute("aria-disabled") === "true" || one.closest("[inert]");

  // A box to tick, and a field that is hidden, are hit through their labels.
  const target = (one) => {
    const label = one.labels?.[0];
    if (label && seen(label) && (!seen(one) || ["radio", "checkbox"].includes(one.type))) return label;
    return seen(one) ? one : null;
  };
  const controls = () => every().filter((one) => one.matches(CONTROLS) && !disabled(one) && target(one));

  const said = (one) => {
    const root = one.getRootNode();
    const labelled = (one.getAttribute("aria-labelledby") ?? "").split(" ").map((id) => root.getElementById?.(id)?.textContent ?? "");
    const name = [one.getAttribute("aria-label"), labelled.join(" "), one.labels?.[0]?.textContent, one.getAttribute("alt"),
      one.textContent, one.title].find((text) => text?.trim()) ?? "";
    const kind = one.getAttribute("role") ?? one.localName;
    return `${kind} "${name.trim().replace(/\s+/g, " ").slice(0, 50)}"`;
  };

  const inSentence = (one) => one.localName === "a" && getComputedStyle(one).display === "inline"
    && parent(one).textContent.trim() !== one.textContent.trim();

  // The texts that are seen, each with its element.
  const texts = () => every().filter((one) => seen(one) && [...one.childNodes].some(
    (node) => node.nodeType === Node.TEXT_NODE && node.textContent.trim()));

  const words = (which = () => true) => [
    ...texts().filter(which).map((one) => one.textContent),
    ...["aria-label", "alt", "title", "placeholder"].flatMap((name) => every()
      .filter((one) => drawn(one) && one.hasAttribute(name) && which(one)).map((one) => one.getAttribute(name))),
  ].map((text) => text.trim().replace(/\s+/g, " ")).filter(Boolean);

  const hit = (x, y) => {
    let found = document.elementFromPoint(x, y);
    while (found?.shadowRoot?.elementFromPoint(x, y) && found.shadowRoot.elementFromPoint(x, y) !== found)
      found = found.shadowRoot.elementFromPoint(x, y);
    return found;
  };
  const related = (one, other) => other && (within(one, other) || within(other, one)
    || [...(one.labels ?? [])].some((label) => within(other, label)));
  const inside = (x, y) => x >= 0 && y >= 0 && x < innerWidth && y < innerHeight;
  const points = ({ x, y, width, height }) =>
    [[.5, .5], [.1, .2], [.9, .2], [.1, .8], [.9, .8]].map(([across, down]) => [x + width * across, y + height * down]);

  // What a visitor has opened may lie over other things.
  const opened = () => every().filter((one) => one.matches("[aria-expanded=true][aria-controls]"))
    .map((one) => one.getRootNode().getElementById(one.getAttribute("aria-controls"))).filter(Boolean);

  const active = () => {
    let one = document.activeElement;
    while (one?.shadowRoot?.activeElement) one = one.shadowRoot.activeElement;
    return one;
  };
  const box = (one) => {
    const { x, y, width, height } = one.getBoundingClientRect();
    return { x, y, width, height };
  };

  // Elements keep their numbers from one question to the next.
  const NUMBER = Symbol.for("number");
  const numbered = (one) => one[NUMBER] ??= (window[NUMBER] = (window[NUMBER] ?? 0) + 1);
  // Of radio buttons with one name, the chosen one has the focus, and arrow keys lead to the others.
  const group = (one) => one.type === "radio" && every().find((other) => other.type === "radio" && other.name === one.name && other.checked) || one;

  return {
    // Every control, its number, and that of the control by which a keyboard gets there.
    controls: () => controls().map((one) => [said(one), numbered(group(one))]),

    // Targets under 24 CSS pixels, WCAG 2.5.8; a link in a sentence is as high as its line.
    small: () => controls().filter((one) => !inSentence(one)).map((one) => [said(one), box(target(one))])
      .filter(([, { width, height }]) => width < 23.9 || height < 23.9)
      .map(([name, { width, height }]) => `${name}: ${width.toFixed(1)} x ${height.toFixed(1)}`),

    // What reaches beyond the window to the right, though nothing scrolls it there.
    sideways: () => [...texts(), ...controls().map(target)].filter((one) => {
      const { left, right } = one.getBoundingClientRect();
      return right > innerWidth + 1 || left < -1;
    }).map(said),
    scrolls: () => Math.max(...every().filter((one) => drawn(one) && (one === document.scrollingElement
        || ["auto", "scroll"].includes(getComputedStyle(one).overflowX)))
      .map((one) => one.scrollWidth - one.clientWidth), 0),

    // Texts of which a part is cut off.
    clipped: () => texts().filter((one) => {
      const style = getComputedStyle(one);
      const cut = (axis) => style[axis] === "hidden" || style[axis] === "clip";
      return (cut("overflowX") && one.scrollWidth > one.clientWidth + 1) || (cut("overflowY") && one.scrollHeight > one.clientHeight + 2);
    }).map(said),

    // Texts and controls in the window over which something else lies.
    covered: () => [...new Set([...texts(), ...controls().map(target)])].flatMap((one) => {
      if (getComputedStyle(one).pointerEvents === "none") return [];
      const over = points(box(one)).filter(([x, y]) => inside(x, y)).map(([x, y]) => hit(x, y))
        .find((other) => other && !related(one, other) && !opened().some((panel) => within(other, panel)));
      return over ? [`${said(one)} by ${said(over)}`] : [];
    }),

    // Where the focus is: what has it, whether any of it is seen, and its place.
    focus: () => {
      const one = active();
      if (!one || one === document.body || one === document.documentElement) return { name: "BODY", number: 0, seen: false, box: null };
      const shown = target(one) ?? one;
      const visible = points(box(shown)).some(([x, y]) => inside(x, y) && related(one, hit(x, y)));
      return { name: said(one), number: numbered(one), seen: visible, box: box(shown) };
    },

    // Where each control in the window is.
    places: () => controls().map((one) => [said(one), box(target(one))])
      .filter(([, { x, y, width, height }]) => inside(x + width / 2, y + height / 2)),

    // All that is written or said aloud, and what of it, and which controls, are none of ours.
    words: () => words(),
    outside: () => [...words((one) => !within(one, document.getElementById("page"))),
      ...controls().filter((one) => !within(one, document.getElementById("page"))).map(said)],

    moving: () => document.getAnimations().filter((one) => one.playState === "running"
        && one.effect?.getComputedTiming().activeDuration > 100)
      .map((one) => `${one.animationName ?? one.transitionProperty} of ${said(one.effect.target)}`),
  };
})()
