// The samples: a click on one looks at it.

import { lookAtSample } from "./look.js";
import { state } from "./state.js";

const buttons = document.querySelectorAll("#samples button");

export const start = () => {
  for (const button of buttons) button.addEventListener("click", () => lookAtSample(button.dataset.sample));
};

export const draw = () => {
  for (const button of buttons) {
    if (button.dataset.sample === state.picture?.sample) button.ariaCurrent = "true";
    else button.removeAttribute("aria-current");
  }
};
