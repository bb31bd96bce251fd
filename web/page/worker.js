// The service worker of the installed page. It takes the picture that a phone shares to the page, keeps it in this browser until
// the page has looked at it, and leaves all other requests alone.

const SCOPE = new URL("./", location.href).pathname;
const SHARED = `shared to ${SCOPE}`; // as in scripts/install.js

const keep = async (request) => {
  const form = await request.formData();
  const picture = form.getAll("picture").find((one) => one instanceof File && one.size);
  if (!picture) return "lost";
  const cache = await caches.open(SHARED);
  const headers = { "Content-Type": picture.type, "X-Name": encodeURIComponent(picture.name) };
  await cache.put("./shared", new Response(picture, { headers }));
  return "1";
};

const handOver = async (request) => Response.redirect(`./?shared=${await keep(request).catch(() => "lost")}`, 303);

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("fetch", (event) => {
  const { method, url, mode } = event.request;
  if (method === "POST" && mode === "navigate" && new URL(url).pathname === `${SCOPE}share`) {
    event.respondWith(handOver(event.request));
  }
});
