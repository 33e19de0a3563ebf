// Events: the last 10,000, newest first. However many there are, the document holds the rows that are seen; drawing is done
// once a frame, however many came.

import { $, element, show } from "./hub.js";

const KEPT = 10000, SLACK = 500, KEPT_TEXT = 64e6, ROW = 30, SHOWN_TEXT = 300000, DEEPEST = 20;

let all = [], shown = [];  // as they came; what passes the filter
let count = 0, text = 0, filter = "", paused = false, chosen, drawn = 0, due = false;
const rows = [];

const passes = event => !filter || event.searched.includes(filter);
const at = place => shown[shown.length - 1 - place];
const placeOf = event => {
  let low = 0, high = shown.length - 1;  // they are in the order of their numbers
  while (low < high) {
    const middle = (low + high) >> 1;
    if (shown[middle].n < event.n) low = middle + 1;
    else high = middle;
  }
  return shown[low] === event ? shown.length - 1 - low : -1;
};
const clock = date => `${date.toTimeString().slice(0, 8)}.${String(date.getMilliseconds()).padStart(3, "0")}`;
const oneLine = data => data.slice(0, 300).replaceAll("\n", " ");

export function add({ id, type, data }, asked) {
  const event = { n: ++count, time: new Date(), id, type, data, asked, searched: `${id}\n${type}\n${data}`.toLowerCase() };
  all.push(event);
  text += data.length;
  if (!paused && passes(event)) shown.push(event);
  if (all.length > KEPT + SLACK || text > KEPT_TEXT) forget();
  later();
}

function forget() {
  let gone = Math.max(0, all.length - KEPT);
  for (let i = 0; i < gone; i++) text -= all[i].data.length;
  while (text > KEPT_TEXT && gone < all.length - 1) text -= all[gone++].data.length;
  const first = all[gone]?.n ?? Infinity;
  all.splice(0, gone);
  if (!paused) shown.splice(0, shown.findIndex(event => event.n >= first) >>> 0);
}

function later() {
  if (due) return;
  due = true;
  requestAnimationFrame(() => { due = false; draw(); });
}

function refilter() {
  if (all.length > KEPT) forget();
  shown = all.filter(passes);
  drawn = Infinity;
  later();
}

// The view stays where it is while rows come in above it; at the top it follows.
function keepPlace(list) {
  const last = shown.at(-1)?.n ?? 0;
  if (list.scrollTop > 0 && drawn < last) {
    let more = 0;
    while (more < shown.length && at(more).n > drawn) more++;
    list.scrollTop += more * ROW;
  }
  drawn = last;
}

function draw() {
  const list = $("list");
  if (all.length > KEPT) forget();
  const words = shown.length === all.length ? String(all.length) : `${shown.length} of ${all.length}`;
  show($("event-count"), all.length ? words : "");
  $("events-note").hidden = shown.length > 0;
  show($("events-note"), all.length ? "None of them passes the filter." : "Nothing has come yet: connect, then publish.");
  if (!list.clientHeight) return;
  $("list-height").style.height = `${shown.length * ROW}px`;
  keepPlace(list);
  const first = Math.floor(list.scrollTop / ROW), fit = Math.ceil(list.clientHeight / ROW) + 1;
  while (rows.length < fit) rows.push(newRow());
  rows.forEach((row, i) => fill(row, i < fit ? first + i : -1));
  const place = chosen ? placeOf(chosen) : -1;
  const row = rows.find(each => each.event && each.event === chosen);
  if (row && place >= 0) list.setAttribute("aria-activedescendant", row.node.id);
  else list.removeAttribute("aria-activedescendant");
}

function newRow() {
  const node = element("div", undefined, { role: "option", id: `row-${rows.length}` });
  const parts = ["time", "type", "data", "id"].map(name => element("span", "", { class: name }));
  node.append(...parts);
  const row = { node, parts };
  node.onclick = () => choose(row.event);
  $("list-height").append(node);
  return row;
}

function fill(row, place) {
  const event = place < 0 ? undefined : at(place);
  row.node.hidden = !event;
  if (event && row.event !== event) {
    const told = [clock(event.time), event.type || "message", oneLine(event.data), event.id];
    row.parts.forEach((part, i) => show(part, told[i]));
  }
  row.event = event;
  if (!event) return;
  row.node.style.transform = `translateY(${place * ROW}px)`;
  row.node.setAttribute("aria-posinset", place + 1);
  row.node.setAttribute("aria-setsize", shown.length);
  row.node.setAttribute("aria-selected", event === chosen);
}

// As it was written: what is read and written anew has other numbers where they are long, and one of two equal names.
function indent(json) {
  let depth = 0;
  const line = () => `\n${"  ".repeat(Math.min(depth, DEEPEST))}`;
  return json.trim().replace(/\s*("[^"\\]*(?:\\.[^"\\]*)*"|[^\s"{}[\],:]+|[{[]\s*[}\]]|[{}[\],:])\s*/g, (all, token) => {
    if (token === ",") return `,${line()}`;
    if (token === ":") return ": ";
    if (token === "{" || token === "[") return depth++, token + line();
    if (token === "}" || token === "]") return depth--, line() + token;
    return /^[{[]/.test(token) ? token[0] + token.at(-1) : token;
  });
}

function indented(data) {
  if (data.length > SHOWN_TEXT) return `${data.slice(0, SHOWN_TEXT)}\n... and ${data.length - SHOWN_TEXT} more (the export has all)`;
  try {
    return /^\s*[[{]/.test(data) && JSON.parse(data) ? indent(data) : data;
  } catch {
    return data;
  }
}

function choose(event) {
  chosen = event;
  $("event").hidden = !event;
  if (event) {
    const named = event.type && event.type !== "message";
    show($("event-time"), `${event.time.toLocaleDateString()} ${clock(event.time)}`);
    show($("event-id"), event.id || "none");
    show($("event-type"), event.type || "message");
    show($("event-asked"), event.asked);
    show($("event-hint"), named ? `onmessage does not hear this type: source.addEventListener(${JSON.stringify(event.type)}, ...) does.` : "");
    show($("event-data"), indented(event.data));
  }
  later();
}

function move(by) {
  const list = $("list"), now = chosen ? placeOf(chosen) : -1;
  const place = Math.min(Math.max(now < 0 ? Math.floor(list.scrollTop / ROW) : now + by, 0), shown.length - 1);
  if (place < 0) return;
  choose(at(place));
  if (place * ROW < list.scrollTop) list.scrollTop = place * ROW;
  else if ((place + 1) * ROW > list.scrollTop + list.clientHeight) list.scrollTop = (place + 1) * ROW - list.clientHeight;
}

const keys = { ArrowDown: 1, ArrowUp: -1, PageDown: 10, PageUp: -10, Home: -Infinity, End: Infinity };

function save() {
  const lines = shown.map(({ time, id, type, data }) => JSON.stringify({ time, id, type: type || "message", data }));
  const link = element("a", "", { href: URL.createObjectURL(new Blob([`${lines.join("\n")}\n`], { type: "application/jsonl" })), download: "events.jsonl" });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

export function setUp() {
  $("list").onscroll = later;
  $("list").onkeydown = event => {
    if (!(event.key in keys)) return;
    event.preventDefault();
    move(keys[event.key]);
  };
  new ResizeObserver(later).observe($("list"));
  $("filter").oninput = () => { filter = $("filter").value.toLowerCase(); refilter(); };
  $("pause").onclick = () => {
    paused = !paused;
    $("pause").setAttribute("aria-pressed", paused);
    if (!paused) refilter();
  };
  $("clear").onclick = () => {
    all = [];
    text = 0;
    choose(undefined);
    refilter();
  };
  $("export").onclick = save;
}
