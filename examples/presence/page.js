const $ = id => document.getElementById(id);
const me = document.body.dataset.name;
const states = { open: "connected", connecting: "connecting" };
let source, timer, reading;

// A stream is a subscriber of its own; somebody with two tabs has two, and is here until both are gone.
let subscribers = new Map(), here = new Set();
const names = () => new Set([...subscribers.values()].sort((a, b) => a.localeCompare(b)));
const later = ms => { clearTimeout(timer); timer = setTimeout(begin, ms); };

// What began and ended while the collection was on its way counts beside it: a subscriber never comes twice.
async function readWhoIsHere(who) {
  const mine = reading = { begun: new Map(), ended: new Set(), done: false };
  const reply = await fetch(who);
  if (!reply.ok) throw new Error(`who is here? ${reply.status}: ${await reply.text()}`);
  const { subscriptions } = await reply.json();
  if (mine !== reading) return;  // the stream has ended meanwhile, and begun again
  mine.done = true;
  subscribers = new Map([...subscriptions.map(one => [one.subscriber, one.payload?.name]), ...mine.begun]
    .filter(([subscriber, name]) => name && !mine.ended.has(subscriber)));
  draw();
}

function hear({ type, subscriber, active, payload }) {
  if (type !== "Subscription" || !payload?.name) return;
  if (active) {
    reading.begun.set(subscriber, payload.name);
    subscribers.set(subscriber, payload.name);
  } else {
    reading.ended.add(subscriber);
    subscribers.delete(subscriber);
  }
  if (reading.done) draw();
}

function listen({ room, who }) {
  const query = new URLSearchParams([["topic", room], ["topic", `${who}{/subscriber}`]]);
  source = new EventSource(`/.well-known/mercure?${query}`);
  source.onopen = () => {
    show("open");
    readWhoIsHere(who).catch(error => { console.error(error); source.close(); show("connecting"); later(5000); });
  };
  source.onmessage = event => hear(JSON.parse(event.data));
  source.onerror = () => {
    show("connecting");
    if (source.readyState === EventSource.CLOSED) later(5000);  // refused: the browser will not come back by itself
  };
}

// A new cookie before the token of the old one ends, and a stream where there is none.
async function begin() {
  try {
    const reply = await fetch("../site/cookie.php", { cache: "no-store" });
    if (reply.status === 401) return location.reload();
    const told = await reply.json();
    later(told.seconds * 800);
    if (!source || source.readyState === EventSource.CLOSED) listen(told);
  } catch {
    later(5000);
  }
}

function show(state) {
  $("state").dataset.state = state;
  $("state").textContent = states[state];
}

function draw() {
  const now = names(), first = here.size === 0;
  if (!first) {
    for (const name of now) if (!here.has(name)) say(`${name} came in`);
    for (const name of here) if (!now.has(name)) say(`${name} left`);
  }
  here = now;
  $("count").textContent = `Here now: ${here.size}`;
  $("here").replaceChildren(...[...here].map(card));
}

function card(name) {
  const item = document.createElement("li"), face = document.createElement("span"), text = document.createElement("span");
  face.className = "face";
  face.textContent = [...name][0].toUpperCase();
  face.style.setProperty("--hue", [...name].reduce((sum, letter) => sum * 31 + letter.codePointAt() & 0xffff, 7) % 360);
  face.ariaHidden = true;
  text.textContent = name === me ? `${name} (you)` : name;
  item.className = name === me ? "me" : "";
  item.append(face, text);
  return item;
}

function say(text) {
  const item = document.createElement("li"), time = document.createElement("time");
  time.textContent = new Date().toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
  item.append(time, text);
  $("log").prepend(item);
  while ($("log").children.length > 50) $("log").lastChild.remove();
}

begin();
