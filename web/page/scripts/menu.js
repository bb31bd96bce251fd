// A button that opens a part of the page: Escape closes it and leads back to the button.

// Gives what opens the part, and closes it.
export const panel = (button, part) => {
  const open = (is) => {
    part.hidden = !is;
    button.ariaExpanded = String(is);
  };
  const leave = (event) => {
    if (event.key !== "Escape" || part.hidden) return;
    open(false);
    button.focus();
  };
  // Between a button and what it opens, Tab may lead over others of its row.
  for (const one of [button.closest(".row") ?? button, part]) one.addEventListener("keydown", leave);
  return open;
};

export const menu = (button, part, { closesOutside = false } = {}) => {
  const open = panel(button, part);
  button.addEventListener("click", () => open(part.hidden));
  if (closesOutside) {
    const outside = (event) => {
      if (!part.hidden && !part.contains(event.target) && !button.contains(event.target)) open(false);
    };
    document.addEventListener("pointerdown", outside);
    document.addEventListener("focusin", outside);
  }
};
