// Connected: the list of active subscriptions, and from its own cursor on who comes and goes.

import { $, below, carry, element, inWords, read, show, tokens, unreachable } from "./hub.js";
import { Stream } from "./stream.js";

const SHOWN = 500;

let stream, there = new Map(), due, round = 0;

const matcherOf = one => one.match ?? one.topic ?? "";
const typeOf = one => one.match_type ?? "topic (0.x)";

function draw() {
  due = undefined;
  const rows = [];
  for (const one of there.values()) {
    if (rows.length === SHOWN) break;
    const row = element("tr");
    row.append(...[matcherOf(one), typeOf(one), one.subscriber, one.payload === undefined ? "" : JSON.stringify(one.payload)].map(text => element("td", text)));
    rows.push(row);
  }
  $("subscribers").replaceChildren(...rows);
  state();
}

function state(words) {
  const shown = there.size > SHOWN ? `, the first ${SHOWN} shown` : "";
  show($("connected-state"), words ?? (stream ? `${there.size} active${shown}` : "not looking"));
  $("look-away").disabled = !stream;
}

const later = () => { due ??= setTimeout(draw, 200); };

function hear({ data }) {
  let one;
  try {
    one = JSON.parse(data);
  } catch {
    return;
  }
  if (!/^subscription$/i.test(one?.type ?? "")) return;
  if (one.active) there.set(one.id, one);
  else there.delete(one.id);
  later();
}

// The list's cursor: in 1.0 in its Link, in 0.x within it.
const cursorOf = (reply, list) => list.lastEventID ?? /last-event-id="((?:[^"\\]|\\.)*)"/.exec(reply.headers.get("Link") ?? "")?.[1].replace(/\\(.)/g, "$1") ?? "earliest";

function problem(words) {
  stop();
  show($("connected-problem"), words);
}

function stop() {
  round++;
  stream?.close();
  stream = undefined;
  there = new Map();
  draw();
}

async function look() {
  stop();
  const mine = round, by = $("subscribe-by").value, token = tokens.subscribe(), url = below("/subscriptions");
  show($("connected-problem"), "");
  state("asking");
  try {
    const options = carry(by, token, url);
    const reply = await fetch(url, { ...options, cache: "no-store" });
    if (mine !== round) return;
    if (!reply.ok) return problem(inWords(await read(reply)));
    const list = await reply.json();
    if (mine !== round) return;
    there = new Map((list.subscriptions ?? []).map(one => [one.id, one]));
    follow(list, cursorOf(reply, list), by, token);
  } catch {
    problem(unreachable);
  }
}

function follow(list, cursor, by, token) {
  const url = below(""), is0x = "@context" in list, path = below("/subscriptions").pathname, mine = round;
  if (is0x) url.searchParams.append("topic", `${path}/{topic}/{subscriber}`);
  else url.searchParams.append("match_urlpattern", `${path}/*`);
  url.searchParams.set(is0x ? "lastEventID" : "last_event_id", cursor);
  stream = new Stream(url, by, token, {
    event: hear,
    state: name => mine === round && name === "waiting" ? state("the stream is lost, it comes back") : later(),
    // It could not be told what happened since: the list says it.
    answer: (status, answered) => { if (status === 200 && answered === "earliest" && cursor !== "earliest") setTimeout(() => mine === round && look(), 1000); },
    over: problem,
  });
  stream.begin();
}

export function setUp() {
  const name = () => show($("connected-path"), below("/subscriptions").pathname);
  $("hub").addEventListener("change", name);
  $("look").onclick = look;
  $("look-away").onclick = () => { stop(); $("look").focus(); };
  name();
  state();
}
