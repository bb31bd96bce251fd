// Does what Streamlit's page cannot do by itself: takes pictures that are pasted or dropped anywhere, marks the
// document when a picture did not arrive, sends it again when its server has gone, scrolls up to the result after a click
// in the gallery below it, sets the document's language after a switch, and says so when the server takes no further
// visitor.
(() => {
  "use strict";

  // Streamlit draws nothing until its WebSocket is open, and tries without end to open it. Before it was open once, a
  // sentence says why there is nothing to see; afterwards Streamlit itself shows that the connection is lost.

  const crowded = document.createElement("p");
  crowded.id = "crowded";
  crowded.setAttribute("role", "status");
  crowded.textContent = document.currentScript.dataset.crowded;
  crowded.style.cssText = `color-scheme: light dark; position: fixed; inset: 40% 0 auto; z-index: 1000001;
    margin: auto; width: min(32rem, 100vw - 2rem); box-sizing: border-box; padding: 1rem 1.2rem; border-radius: .6rem;
    font: 1rem/1.5 system-ui, sans-serif; text-wrap: pretty; color: light-dark(#17202b, #e9eef4);
    background: light-dark(#f3f6f9, #18212b); border: 1px solid light-dark(#9db3c7, #4a5d70);`;

  let connected = 0; // how often
  let up = false; // whether it is now
  const Socket = window.WebSocket;
  window.WebSocket = class extends Socket {
    constructor(...address) {
      super(...address);
      this.addEventListener("open", () => {
        connected += 1;
        up = true;
        crowded.remove();
        sendLostAgain();
      });
      this.addEventListener("close", () => { up = false; if (!connected) document.body.append(crowded); });
    }
  };

  // The shell goes as soon as the page stands, or has something else to say. A page that is drawn in parts is not shown
  // before: its parts would move.

  // What is drawn once a picture was chosen comes after what is seen first.
  const later = document.currentScript.dataset.later.split(" ").filter(Boolean);
  const preload = (address) => {
    const link = document.createElement("link");
    Object.assign(link, { rel: "modulepreload", crossOrigin: "", href: address });
    document.head.append(link);
  };

  const shell = document.getElementById("shell");
  const ready = () => {
    const say = (selector) => document.querySelector(`[data-testid="stMain"] ${selector}`);
    if (say(':is([data-testid="stAlert"], [data-testid="stException"], [data-testid="stSpinner"], .has-picture)')) return true;
    const buttons = document.querySelectorAll(".st-key-gallery button").length;
    return buttons === shell.querySelectorAll(".shell-tiles > div").length && say("h1")
      && say('[data-testid="stFileUploaderDropzone"] button') && say(".st-key-footer");
  };
  const unveil = new MutationObserver(() => {
    if (!ready()) return;
    unveil.disconnect();
    // One frame later what was just added is laid out.
    requestAnimationFrame(() => requestAnimationFrame(() => {
      shell.remove();
      later.forEach(preload);
    }));
  });
  if (shell) unveil.observe(document.body, { childList: true, subtree: true });

  // A picture pasted or dropped anywhere goes to the uploader, as if it had been chosen there. If the uploader takes it
  // by itself (because it has the focus, or is right under the mouse), nothing is done here.

  const handOver = (files) => {
    const input = document.querySelector('[data-testid="stFileUploader"] input[type="file"]');
    const picture = [...(files ?? [])].find((file) => file.type.startsWith("image/"))
      ?? [...(files ?? [])][0];
    if (!input || input.disabled || !picture) return false;
    const transfer = new DataTransfer();
    transfer.items.add(picture);
    input.files = transfer.files;
    input.dispatchEvent(new Event("change", { bubbles: true }));
    return true;
  };

  // The uploader takes files of any name, since their content decides. On a phone a hint makes the choice one of photos
  // rather than of all files.
  if (matchMedia("(pointer: coarse)").matches) {
    new MutationObserver(() => {
      const input = document.querySelector('[data-testid="stFileUploader"] input[type="file"]');
      if (input && !input.accept) input.accept = "image/*";
    }).observe(document.body, { childList: true, subtree: true });
  }

  const inUploader = (event) =>
    event.target instanceof Element && event.target.closest('[data-testid="stFileUploader"]');

  document.addEventListener("paste", (event) => {
    if (event.defaultPrevented || inUploader(event)) return;
    if (handOver(event.clipboardData?.files)) event.preventDefault();
  });

  const carriesFiles = (event) => event.dataTransfer?.types.includes("Files");

  // Without this the browser would leave the page to show the file.
  document.addEventListener("dragover", (event) => {
    if (!carriesFiles(event) || inUploader(event)) return;
    event.preventDefault();
    event.dataTransfer.dropEffect = "copy";
  });

  document.addEventListener("drop", (event) => {
    if (!carriesFiles(event) || inUploader(event)) return;
    event.preventDefault();
    handOver(event.dataTransfer.files);
  });

  // When a picture did not arrive, Streamlit shows only an HTTP status, and for the camera nothing. So the document is
  // marked, and the style sheet shows a message if it is. A file that is too large (413) sets no mark: the uploader
  // itself shows that.

  const mark = (unsent) => document.documentElement.toggleAttribute("data-unsent", unsent);
  const taken = (status) => (status >= 200 && status < 300) || status === 413;

  // A visit is in one server. When that has gone, Streamlit's page comes back on another one, which knows nothing of the
  // picture. So it is sent there, but not without end, since it may be the picture that ends servers.

  const MOST_AGAIN = 2;
  // The picture that was sent last, as long as the visitor wants it: its file; its address; how many connections there
  // had been; how often it was sent again; whether it is still under way; and when that failed, in milliseconds.
  let sent = null;

  const app = () => document.querySelector("[data-test-connection-state]")?.dataset;
  const idle = () => app()?.testConnectionState === "CONNECTED" && app().testScriptState === "notRunning";

  // Acts until it has helped, whenever Streamlit would listen.
  const until = async (done, act) => {
    let next = 0;
    for (const end = performance.now() + 20_000; !done() && performance.now() < end;) {
      if (idle() && performance.now() >= next) {
        act();
        next = performance.now() + 2_000;
      }
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  };

  const sendAgain = () => {
    if (!sent || sent.again >= MOST_AGAIN) return;
    const { file, address } = sent;
    sent.again += 1;
    sent.failed = undefined;
    sent.pending = false;
    until(() => sent?.address !== address, () => handOver([file]));
  };
  // Where the connection was lost, an upload under way leads to a server that knows the visit no longer. The browser
  // would hear of that only once all of it is sent.
  const sendLostAgain = () => {
    const lost = sent?.pending || sent?.failed > performance.now() - 15_000;
    if (lost && connected > sent.connected) sendAgain();
  };

  const { open, send } = XMLHttpRequest.prototype;
  XMLHttpRequest.prototype.open = function (method, address, ...rest) {
    const uploads = String(address).includes("/_stcore/upload_file/");
    if (uploads && method.toUpperCase() === "PUT") {
      mark(false);
      this.pictureAddress = String(address);
      const ended = (unsent) => {
        mark(unsent);
        if (sent?.address !== this.pictureAddress) return;
        sent.pending = false;
        if (!unsent && up) return; // else Streamlit's page cannot tell anybody that it has arrived
        sent.failed = performance.now();
        sendLostAgain();
      };
      this.addEventListener("load", () => ended(!taken(this.status)));
      this.addEventListener("error", () => ended(true));
    } else if (uploads && sent?.address === String(address)) {
      sent = null; // removed by the visitor
    }
    return open.call(this, method, address, ...rest);
  };
  const same = (one, other) => ["name", "size", "lastModified"].every((key) => one?.[key] === other[key]);
  XMLHttpRequest.prototype.send = function (body) {
    const file = this.pictureAddress && body instanceof FormData && [...body.values()].find((part) => part instanceof File);
    if (file) {
      const again = same(sent?.file, file) ? sent.again : 0;
      sent = { file, address: this.pictureAddress, connected, again, pending: true };
    }
    return send.call(this, body);
  };

  let visit = "";
  new MutationObserver(() => {
    const now = document.querySelector(".brand [data-visit]")?.dataset.visit;
    if (!now || now === visit) return;
    // If it was sent after this visit's connection was made, it is here.
    if (visit && sent && connected > sent.connected) sendAgain();
    visit = now;
  }).observe(document.body, { childList: true, subtree: true });

  // Removes the mark before the uploader checks the file, which it may refuse without sending it.
  for (const kind of ["change", "drop"]) document.addEventListener(kind, () => mark(false), true);

  document.addEventListener("click", (event) => {
    if (!(event.target instanceof Element && event.target.closest(".st-key-gallery button"))) return;
    sent = null;
    const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    document.querySelector('[data-testid="stMain"]')
      ?.scrollTo({ top: 0, behavior: calm ? "instant" : "smooth" });
  });

  // Sets the document's language, by which screen readers choose their voice.
  new MutationObserver(() => {
    const wanted = document.querySelector(".brand")?.lang;
    if (wanted && document.documentElement.lang !== wanted) document.documentElement.lang = wanted;
  }).observe(document.body, { childList: true, subtree: true });
})();
