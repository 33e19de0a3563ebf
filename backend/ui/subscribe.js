// Subscribe: what to hear, from where, and how it goes.

import { $, fragment, hub, show, tokens } from "./hub.js";
import { Stream } from "./stream.js";
import { readToken } from "./token.js";

let stream;

function addMatcher(kind, value) {
  const row = $("matcher-template").content.cloneNode(true).firstElementChild;
  row.querySelector(".kind").value = kind;
  row.querySelector(".value").value = value;
  row.querySelector(".remove").onclick = () => {
    const next = row.nextElementSibling || row.previousElementSibling;
    row.remove();
    (next?.querySelector(".value") || $("add-matcher")).focus();
  };
  $("matchers").append(row);
  return row;
}

const matchers = () => [...$("matchers").children].map(row => [row.querySelector(".kind").value, row.querySelector(".value").value]);

function target() {
  const url = hub(), asked = matchers();
  for (const [kind, value] of asked) url.searchParams.append(kind, value);
  const from = $("from").value === "id" ? $("from-id").value : $("from").value === "earliest" ? "earliest" : "";
  if (from) url.searchParams.set(asked.some(([kind]) => kind !== "topic") ? "last_event_id" : "lastEventID", from);
  return url;
}

function state(name, words) {
  $("state").dataset.state = name;
  show($("state"), words);
  show($("attempts"), String(stream?.attempts ?? 0));
  const going = ["open", "connecting", "waiting"].includes(name);
  $("disconnect").disabled = !going;
  show($("connect"), going ? "Connect anew" : "Connect");
}

// `hear` gets each event and what was asked for.
export function setUp(hear) {
  const begin = () => {
    const asked = matchers().map(([kind, value]) => `${kind}=${value}`).join(", ");
    stream?.close();
    stream = undefined;
    show($("subscribe-problem"), "");
    show($("cursor"), "none");
    stream = new Stream(target(), $("subscribe-by").value, tokens.subscribe(), {
      event: event => hear(event, asked),
      state,
      answer: (status, cursor) => {
        show($("last-status"), String(status));
        show($("cursor"), cursor ?? "none");
      },
      over: words => show($("subscribe-problem"), words),
    });
    stream.begin();
  };
  $("subscribe").onsubmit = event => { event.preventDefault(); begin(); };
  $("disconnect").onclick = () => {
    stream?.close();
    state("off", "disconnected");
    $("connect").focus();
  };
  $("add-matcher").onclick = () => addMatcher($("matchers").lastElementChild?.querySelector(".kind").value || "topic", "").querySelector(".value").focus();
  $("from").onchange = () => { $("from-id-label").hidden = $("from").value !== "id"; };
  for (const kind of ["topic", "match", "match_urlpattern"])
    for (const value of fragment.getAll(kind)) addMatcher(kind, value);
  if (!$("matchers").children.length) addMatcher(readToken(tokens.subscribe()).dialect === "1.0" ? "match" : "topic", "*");
  if (fragment.has("connect")) begin();
}
