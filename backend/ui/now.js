// Now: the hub's own metrics as charts that move, while somebody looks.

import { $, below, carry, element, inWords, read, show, tokens, unreachable } from "./hub.js";

const EVERY = 2000, KEPT = 300;  // ten minutes

// OpenMetrics: {"name{labels}": value}, comments left out.
export function parse(text) {
  const found = new Map();
  for (const line of text.split("\n")) {
    const end = line.lastIndexOf(" ");
    if (end > 0 && line[0] !== "#") found.set(line.slice(0, end), Number(line.slice(end + 1)));
  }
  return found;
}

// Counters per second; a hub that began anew has none to compare with.
const rate = name => ({ now, before, seconds }) => {
  const more = now.get(name) - (before?.get(name) ?? NaN);
  return more >= 0 ? more / seconds : null;
};
const gauge = name => ({ now }) => now.get(name) ?? null;

// Of what came since the last look: below which time is that part of it?
const quantile = (name, part) => ({ now, before }) => {
  if (!before) return null;
  const buckets = [];
  for (const [key, value] of now) {
    const bound = key.startsWith(`${name}_bucket{`) && /le="([^"]+)"/.exec(key)?.[1];
    if (bound) buckets.push([bound === "+Inf" ? Infinity : Number(bound), value - (before.get(key) ?? 0)]);
  }
  const total = buckets.at(-1)?.[1] ?? 0, found = buckets.find(([, below]) => below >= total * part);
  if (!(total > 0)) return null;
  return 1000 * (found[0] === Infinity ? buckets.at(-2)[0] : found[0]);
};

const refused = /^alipes_refused_total\{.*reason="([^"]+)"/;

const figures = [
  { title: "Streams", unit: "", series: { open: gauge("alipes_streams"), "catching up": gauge("alipes_streams_catching_up") } },
  { title: "Publishes a second", unit: "/s", series: { publishes: rate("alipes_publishes_total") } },
  { title: "Deliveries a second", unit: "/s", series: { deliveries: rate("alipes_deliveries_total") } },
  { title: "Publish to write, at most", unit: " ms", series: { "half of them": quantile("alipes_publish_to_write_seconds", .5), "99 of 100": quantile("alipes_publish_to_write_seconds", .99) } },
  { title: "Refusals a second, by reason", unit: "/s", series: {}, grows: refused },
  { title: "History, events kept", unit: "", series: { events: gauge("alipes_history_events") } },
  { title: "History, bytes", unit: " B", series: { bytes: gauge("alipes_history_bytes") } },
];

let before, timer, round = 0;
const times = [];

const number = value => value == null || Number.isNaN(value) ? "-" : value.toLocaleString("en", { maximumFractionDigits: value < 10 ? 2 : 0 });
const short = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 2 });
// A canvas takes no variable, and a variable that depends on the scheme is only settled where it is used.
const probe = document.body.appendChild(element("span", undefined, { hidden: "" }));
const color = name => {
  probe.style.color = `var(${name})`;
  return getComputedStyle(probe).color;
};
const lines = ["--line-1", "--line-2", "--line-3", "--line-4", "--line-5", "--line-6"];

function build(figure) {
  const axis = { stroke: color("--quiet"), grid: { stroke: color("--faint"), width: 1 }, ticks: { stroke: color("--faint"), width: 1 } };
  figure.chart?.destroy();
  figure.chart = new uPlot({
    width: figure.place.clientWidth || 300, height: 150, legend: { show: false }, cursor: { show: false },
    scales: { y: { range: (u, low, high) => [0, high > 0 ? high * 1.1 : 1] } },
    axes: [{ ...axis, space: 60 }, { ...axis, size: 50, values: (u, values) => values.map(value => short.format(value)) }],
    series: [{}, ...Object.keys(figure.series).map((label, i) => ({ label, stroke: color(lines[i % lines.length]), width: 1.5, spanGaps: false, points: { size: 4 } }))],
  }, data(figure), figure.place);
}

const data = figure => [times, ...Object.keys(figure.series).map(name => figure.values[name])];

function setUpFigure(figure) {
  const part = element("figure"), title = element("figcaption", figure.title);
  figure.said = element("output", "");
  figure.place = element("div", undefined, { "aria-hidden": "true" });
  figure.values = Object.fromEntries(Object.keys(figure.series).map(name => [name, []]));
  part.append(title, figure.said, figure.place);
  $("charts").append(part);
}

// A reason that is new has a line of its own from now on.
function grow(figure, now) {
  let grown = false;
  for (const [key, value] of now) {
    const reason = figure.grows.exec(key)?.[1];
    if (!reason || !value || reason in figure.series) continue;
    const keys = [...now.keys()].filter(each => figure.grows.exec(each)?.[1] === reason);
    figure.series[reason] = sample => keys.reduce((sum, each) => sum + (rate(each)({ ...sample, before: sample.before && new Map([[each, 0], ...sample.before]) }) ?? 0), 0);
    figure.values[reason] = times.slice(1).map(() => null);
    grown = true;
  }
  return grown;
}

// `of`: a hub that is not the one before has no rate yet.
function take(now, of) {
  const last = before?.of === of ? before : undefined;
  const sample = { now, before: last?.found, seconds: last ? (performance.now() - last.at) / 1000 : NaN };
  before = { found: now, at: performance.now(), of };
  times.push(Date.now() / 1000);
  for (const figure of figures) {
    const grown = figure.grows && grow(figure, now);
    for (const [name, value] of Object.entries(figure.series)) {
      figure.values[name].push(value(sample));
      if (figure.values[name].length > KEPT) figure.values[name].shift();
    }
    if (grown || !figure.chart) figure.stale = true;
  }
  if (times.length > KEPT) times.shift();
  figures.forEach(draw);
}

function draw(figure) {
  if (figure.stale) build(figure);
  else figure.chart.setData(data(figure));
  figure.stale = false;
  say(figure);
}

// The last values as text; it is also what tells the lines apart.
function say(figure) {
  figure.said.replaceChildren(...Object.keys(figure.series).map((name, i) => {
    const value = figure.values[name].at(-1), part = element("span"), line = element("i");
    line.style.background = `var(${lines[i % lines.length]})`;
    part.append(line, `${name} ${number(value)}${value == null ? "" : figure.unit}`);
    return part;
  }));
  if (!figure.said.firstChild) show(figure.said, "none yet");
}

async function look() {
  const mine = round;
  try {
    const url = new URL($("metrics").value || below("/ui/metrics"), below(""));
    const reply = await fetch(url, { ...carry($("subscribe-by").value, tokens.subscribe(), url), cache: "no-store" });
    const said = await read(reply);
    if (mine !== round) return;
    show($("now-problem"), said.ok ? "" : inWords(said));
    if (said.ok) take(parse(said.text), url.href);
    show($("now-state"), said.ok ? `as of ${new Date().toLocaleTimeString()}` : "not shown");
  } catch {
    if (mine !== round) return;
    show($("now-problem"), unreachable);
  }
  timer = setTimeout(() => mine === round && look(), EVERY);
}

// Nobody is asked while nobody looks.
export function watch(looks) {
  round++;
  clearTimeout(timer);
  if (looks && !document.hidden) look();
}

export function setUp() {
  $("metrics").value = below("/ui/metrics").href;
  figures.forEach(setUpFigure);
  $("metrics").onchange = () => watch(true);
  $("hub").addEventListener("change", () => { $("metrics").value = below("/ui/metrics").href; });
  document.addEventListener("visibilitychange", () => watch(!$("now").hidden));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { figures.filter(figure => figure.chart).forEach(build); });
  new ResizeObserver(() => figures.forEach(figure => figure.chart?.setSize({ width: figure.place.clientWidth, height: 150 }))).observe($("charts"));
}
