import { channelOf, lead } from "./stream.js";

const $ = id => document.getElementById(id);
const name = document.body.dataset.name, channel = channelOf(name), shown = new Set();
const states = { open: "listening", connecting: "connecting", closed: "signed out" };
let listening = false, unread = 0;

// Over HTTP/1.1 a browser has six connections to a site: a stream in each tab, and the seventh tab freezes them all.
if (window.SharedWorker)
  new SharedWorker("worker.js", { type: "module", name });
else  // one tab leads; when it is closed, the next that waits for the lock
  navigator.locks.request(`notifications of ${name}`, () => { lead(name); return new Promise(() => {}); });

channel.onmessage = ({ data }) => {
  if (!data.list) return;
  $("state").dataset.state = data.state;
  $("state").textContent = states[data.state];
  const before = shown.size;
  for (const one of [...data.list].reverse()) if (!shown.has(one.id)) show(one);
  $("none").hidden = shown.size > 0;
  if (listening && shown.size > before) $("newest").textContent = `From ${data.list[0].from}: ${data.list[0].text}`;
  listening ||= data.state === "open";
};
channel.postMessage("hello");

function show({ id, from, text, time }) {
  const item = document.createElement("li"), line = document.createElement("div"), small = document.createElement("small");
  shown.add(id);
  line.textContent = text;
  small.textContent = `${from}, ${new Date(time * 1000).toLocaleString([], { dateStyle: "medium", timeStyle: "short" })}`;
  item.className = "new";
  item.append(line, small);
  $("list").prepend(item);
  if (document.hidden) document.title = `(${++unread}) Notifications`;
}

document.onvisibilitychange = () => {
  if (!document.hidden) document.title = "Notifications", unread = 0;
};

$("leave").onsubmit = () => channel.postMessage("leave");

$("send").onsubmit = async event => {
  event.preventDefault();
  $("error").textContent = "";
  try {
    const reply = await fetch("send.php", { method: "POST", body: new FormData(event.target) });
    if (reply.status !== 204) throw new Error();  // a PHP that shows its errors says 200 to them
    $("text").value = "";
  } catch {
    $("error").textContent = "It was not sent. Try again in a moment.";
  }
};
