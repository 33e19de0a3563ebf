// Where the hub is, which token goes where, and what an answer of it says.

export const $ = id => document.getElementById(id);

// The hub that serves this page is above it; elsewhere the usual path.
const above = location.pathname.replace(/\/ui\/(index\.html)?$/, "");
const usual = above && above !== location.pathname ? above : "/.well-known/mercure";

export const fragment = new URLSearchParams(location.hash.slice(1));

// Where no URL stands, it is the one before; whoever leaves the field sees which.
let last = new URL(usual, location.href);
export function hub() {
  try {
    return new URL($("hub").value.trim() || usual, location.href);
  } catch {
    return new URL(last);
  }
}
function settle() {
  last = hub();
  if ($("hub").value.trim()) $("hub").value = last.href;
}
$("hub").value = fragment.get("hub") || usual;
$("hub").addEventListener("change", settle);
settle();

export const below = path => new URL(hub().pathname + path, hub());

export const tokens = {
  subscribe: () => $("token-subscribe").value.trim(),
  publish: () => $("token-publish").value.trim() || tokens.subscribe(),
};

// How a request carries a token: what fetch() is told beside the URL, which `query` changes.
export function carry(by, token, url) {
  if (by === "query" && token) url.searchParams.set("authorization", token);
  return {
    credentials: by === "cookie" ? "include" : "omit",
    headers: by === "header" && token ? { Authorization: `Bearer ${token}` } : {},
  };
}

const known = {
  200: "taken", 308: "elsewhere", 400: "the request is not right", 401: "the token is missing, wrong, over, or does not grant this",
  403: "not granted, or a topic of the hub itself", 404: "there is nothing there", 405: "the hub does not know this method",
  413: "too large", 421: "the hub is not known under this host", 502: "the front cannot reach the hub", 503: "busy or stopping: try again in a moment",
};

// A whole answer in words. `sentence` is the hub's own, `reason` what it says with `debug`.
export async function read(reply) {
  const text = (await reply.text()).trim();
  const kind = reply.headers.get("Content-Type") || "";
  let sentence = kind.includes("html") ? "" : text;
  if (kind.includes("json")) sentence = detail(text) || text;
  return { status: reply.status, ok: reply.ok, text, sentence, reason: reply.headers.get("X-Alipes-Reason") || "", words: known[reply.status] || "" };
}

function detail(text) {
  try {
    return JSON.parse(text).detail;
  } catch {
    return "";
  }
}

export const inWords = ({ status, words, sentence, reason }) =>
  `${status}${words ? `, ${words}` : ""}${sentence ? `: ${sentence}` : ""}${reason ? ` (${reason})` : ""}`;

export const unreachable = "No answer: the hub is away, or it does not allow pages of this origin (cors_origins).";

export function show(where, text) {
  if (where.textContent !== text) where.textContent = text;
}

export function element(name, text, attributes = {}) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}
