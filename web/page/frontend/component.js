// The page as a component of Streamlit's. The element #page is in the frame's HTML and can be used before Streamlit is here;
// when Streamlit has come, it becomes this component's content, so that what else the script draws stands around it.

const page = document.getElementById("page");

// Where browsers can, what is moved keeps its focus, and a camera that is on stays on.
const move = (parent, before) => {
  const focused = page.contains(document.activeElement) ? document.activeElement : null;
  if (parent.moveBefore && page.isConnected) parent.moveBefore(page, before);
  else {
    parent.insertBefore(page, before);
    focused?.focus({ preventScroll: true });
  }
};

// Streamlit's frame has a landmark of its own around all that is drawn; the page brings its own.
const noLandmarks = (element) => {
  for (let at = element; at && at !== document.body; at = at.parentElement) {
    if (!["MAIN", "SECTION", "HEADER"].includes(at.tagName)) continue;
    at.setAttribute("role", "none");
    at.removeAttribute("tabindex"); // what can have the focus keeps its role
  }
};

// Called when Streamlit has drawn the component, and whenever its data change.
export default ({ data, parentElement, setStateValue }) => {
  if (page.parentElement !== parentElement) move(parentElement, null);
  noLandmarks(parentElement);
  page.streamlit = { ...data, tell: (looked) => setStateValue("looked_at", looked) };
  page.dispatchEvent(new Event("streamlit"));
  // If Streamlit takes the component away, the page goes on without it.
  return () => {
    if (!document.body.contains(page)) move(document.body, document.body.firstChild);
  };
};
