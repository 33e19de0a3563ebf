// Token: read in the browser, and asked of the hub.

import { $, carry, element, fragment, hub, inWords, read, show, tokens, unreachable } from "./hub.js";

const DETAIL = "https://mercure.rocks/authorization-detail";

const decode = part => JSON.parse(new TextDecoder("utf-8", { fatal: true })
  .decode(Uint8Array.from(atob(part.replaceAll("-", "+").replaceAll("_", "/")), letter => letter.charCodeAt(0))));

// Throws where it is not written as the protocol has it.
function grantsOf(header, claims) {
  if (!/^(application\/)?at\+jwt$/i.test(header.typ ?? "")) {
    const claim = claims["https://mercure.rocks/"] ?? claims.mercure;
    if (typeof (claim ?? {}) !== "object") throw new TypeError("no claim");
    return { dialect: "0.x", publish: claim?.publish ?? [], subscribe: claim?.subscribe ?? [] };
  }
  const details = (claims.authorization_details ?? []).filter(detail => detail?.type === DETAIL);
  const of = action => details.filter(detail => detail.actions?.some(one => one === action))
    .flatMap(detail => (detail.topics ?? []).map(({ match, match_type }) => match_type && match_type !== "exact" ? `${match} (${match_type})` : match));
  return { dialect: "1.0", publish: of("publish"), subscribe: of("subscribe") };
}

// What it says of itself; `problem` where it cannot be read.
export function readToken(text) {
  const parts = text.split(".");
  if (parts.length !== 3) return { problem: `A token has three parts with points between; this has ${parts.length}.` };
  let header, claims;
  try {
    [header, claims] = parts.slice(0, 2).map(decode);
  } catch {
    return { problem: "This is no token: its parts are not base64url of JSON." };
  }
  try {
    return { header, claims, ...grantsOf(header, claims) };
  } catch {
    return { problem: `What it grants is not written as the protocol has it, so the hub refuses it: ${JSON.stringify(claims)}` };
  }
}

const units = [["day", 86400], ["h", 3600], ["min", 60], ["s", 1]];
function span(seconds) {
  const [unit, size] = units.find(([, least]) => seconds >= 2 * least) ?? units[3];
  return `${Math.round(seconds / size)} ${unit}${unit === "day" ? "s" : ""}`;
}

// NaN: it is no date.
const seconds = claim => (["number", "string"].includes(typeof claim) ? Number(claim) : NaN);
const dateOf = seconds => (Math.abs(seconds) < 8.64e12 ? new Date(seconds * 1000).toLocaleString() : "beyond any calendar");

function lifetime({ exp, nbf }) {
  const now = Date.now() / 1000, end = seconds(exp ?? Infinity), begin = seconds(nbf ?? 0);
  if (Number.isNaN(end + begin)) return `${Number.isNaN(end) ? "exp" : "nbf"} is no date, so the hub refuses it`;
  if (begin > now) return `not good yet: from ${dateOf(begin)} on`;
  if (exp == null) return "no end";
  if (end <= now) return `over since ${span(now - end)} (${dateOf(end)})`;
  return `ends in ${span(end - now)} (${dateOf(end)})`;
}

const topics = list => (Array.isArray(list) ? list.join(", ") || "nothing" : `no list, so the hub refuses it: ${JSON.stringify(list)}`);
const inShort = (read, action) => read.problem ?? `It grants to ${action}: ${topics(read[action])}; ${lifetime(read.claims)}.`;

function facts(read) {
  const list = element("dl", undefined, { class: "facts" });
  const rows = { Dialect: read.dialect, "Signed by": [read.header.alg, read.header.kid && `key ${read.header.kid}`, read.claims.iss && `of ${read.claims.iss}`].filter(Boolean).join(", "),
    "For": [read.claims.aud ?? []].flat().join(", ") || "any hub", "Grants to publish": topics(read.publish), "Grants to subscribe": topics(read.subscribe), "Lasts": lifetime(read.claims) };
  for (const [name, value] of Object.entries(rows)) list.append(element("dt", name), element("dd", value));
  return list;
}

function drawOne(title, text) {
  const read = readToken(text), part = element("section");
  part.append(element("h3", title));
  if (read.problem) part.append(element("p", read.problem, { class: "problem" }));
  else part.append(facts(read), element("pre", JSON.stringify([read.header, read.claims], null, 2), { tabindex: 0, role: "region", "aria-label": "Header and claims" }));
  return part;
}

function draw() {
  const one = tokens.subscribe(), other = $("token-publish").value.trim(), parts = [];
  if (one) parts.push(drawOne(other ? "The one to subscribe with" : "What it says", one));
  if (other) parts.push(drawOne("The one to publish with", other));
  $("decoded").replaceChildren(...parts);
  $("verdict").hidden = true;
  hints();
}

// Below each form, what its token is worth.
function hints() {
  for (const action of ["subscribe", "publish"]) {
    const by = $(`${action}-by`).value, token = tokens[action]();
    const words = by === "cookie" ? "The browser sends the cookie, where it has one." : by === "none" || !token
      ? `No token${token ? "" : " (the part Token takes one)"}: ${action === "subscribe" ? "public updates alone, where the hub allows anonymous." : "the hub will refuse."}`
      : inShort(readToken(token), action);
    show($(`${action}-token`), words);
  }
}

// HEAD registers nothing; a publish without a topic is refused for that where the token is good, and published never.
async function ask() {
  const say = (role, words) => { $("verdict").hidden = false; show($(`verdict-${role}`), words); };
  const url = hub(), token = readToken(tokens.subscribe());
  url.searchParams.set(token.dialect === "1.0" ? "match" : "topic", "*");
  const questions = {
    subscribe: [url, { method: "HEAD" }, reply => reply.ok ? `taken; what it grants: ${token.problem ?? topics(token.subscribe)}` : `refused: ${inWords(reply)}`],
    publish: [hub(), { method: "POST", body: new URLSearchParams() }, reply => reply.status === 400 && !reply.reason.startsWith("malformed") ? "taken" : `refused: ${inWords(reply)}`],
  };
  for (const [role, [where, options, judge]] of Object.entries(questions)) {
    if (!tokens[role]()) {
      say(role, "there is no token here");
      continue;
    }
    try {
      say(role, judge(await read(await fetch(where, { ...options, ...carry("header", tokens[role](), where), cache: "no-store" }))));
    } catch {
      say(role, unreachable);
    }
  }
}

// A semicolon would begin an attribute, such as a domain that has it sent to other hosts.
const inCookie = text => text.replaceAll(";", "%3B");

function cookie(value, more) {
  document.cookie = `${inCookie($("cookie-name").value.trim())}=${inCookie(value)}; path=${inCookie(hub().pathname)}; SameSite=Strict${location.protocol === "https:" ? "; Secure" : ""}${more}`;
}

function setCookie() {
  const token = tokens.subscribe();
  cookie(token, "");
  // A page that stands below the hub's path can read it back.
  const sees = document.cookie.split("; ").includes(`${$("cookie-name").value.trim()}=${token}`);
  show($("cookie-note"), !token ? "There is no token here." : sees ? "The browser has it, for the hub's path, until it is closed."
    : "The browser does not show it: it is longer than 4,096 bytes, its name needs HTTPS, the application has set one that no script may touch, or the hub is elsewhere.");
}

// The cookie's usual name; a hub of 1.0 tells its own (RFC 9728).
async function nameCookie() {
  const is1_0 = readToken(tokens.subscribe()).dialect === "1.0";
  let told;
  try {
    told = is1_0 && await (await fetch(new URL(`/.well-known/oauth-protected-resource${hub().pathname}`, hub()), { credentials: "omit" })).json();
  } catch {
    told = undefined;
  }
  if (!$("cookie-name").dataset.own)
    $("cookie-name").value = told?.mercure_cookie ?? (is1_0 ? "__Secure-mercure_access_token" : "mercureAuthorization");
}

export function setUp() {
  $("token-subscribe").value = fragment.get("token") ?? "";
  $("token-publish").value = fragment.get("publisher_token") ?? "";
  for (const id of ["token-subscribe", "token-publish"]) $(id).addEventListener("input", draw);
  for (const id of ["subscribe-by", "publish-by"]) $(id).addEventListener("change", hints);
  for (const id of ["hub", "token-subscribe"]) $(id).addEventListener("change", nameCookie);
  $("cookie-name").oninput = () => { $("cookie-name").dataset.own = "yes"; };
  $("ask").onclick = ask;
  $("cookie-set").onclick = setCookie;
  $("cookie-drop").onclick = () => {
    cookie("", "; Max-Age=0");
    show($("cookie-note"), "Removed, unless no script may touch it.");
  };
  setInterval(() => {  // time goes on
    hints();
    if (!$("token").hidden && !getSelection().toString()) refresh();
  }, 5000);
  draw();
  nameCookie();
}

function refresh() {
  const lasts = [...$("decoded").querySelectorAll("dd:last-child")];
  const texts = [tokens.subscribe(), $("token-publish").value.trim()].filter(Boolean).map(readToken).filter(read => !read.problem);
  if (lasts.length === texts.length) lasts.forEach((place, i) => show(place, lifetime(texts[i].claims)));
}
