// Watches Streamlit's connection, from before Streamlit's own scripts run: marks the document when it is lost, for the
// page's scripts, and says so when the server takes no further visitor.
(() => {
  "use strict";

  const crowded = document.createElement("p");
  crowded.id = "crowded";
  crowded.setAttribute("role", "status");
  crowded.textContent = document.currentScript.dataset.crowded;

  let connected = false; // whether it was open once
  const mark = (state) => { document.documentElement.dataset.connection = state; };
  const Socket = window.WebSocket;
  window.WebSocket = class extends Socket {
    constructor(...address) {
      super(...address);
      this.addEventListener("open", () => {
        connected = true;
        crowded.remove();
        mark("open");
      });
      this.addEventListener("close", () => {
        if (connected) mark("lost");
        else document.body.append(crowded);
      });
    }
  };
})();
