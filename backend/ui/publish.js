// Publish: the form, the answer, and the same as code.

import { $, carry, element, hub, read, show, tokens, unreachable } from "./hub.js";
import { recipes } from "./recipes.js";

const lines = text => text.split("\n").map(line => line.trim()).filter(Boolean);

function fields() {
  const all = [...lines($("topics").value).map(topic => ["topic", topic]), ["data", $("data").value]];
  if ($("private").checked) all.push(["private", "on"]);
  for (const name of ["id", "type", "retry"])
    if ($(name).value) all.push([name, $(name).value]);
  return all;
}

function tell(status, id, sentence, reason) {
  $("answer").hidden = false;
  $("answer").dataset.state = id ? "good" : "bad";
  show($("answer-status"), status);
  show($("answer-id"), id || "none");
  show($("answer-sentence"), sentence || "none");
  show($("answer-reason"), reason || "not told (the hub's log has it; with debug so has the answer)");
}

async function publish() {
  const url = hub(), begun = performance.now();
  try {
    const reply = await fetch(url, { method: "POST", ...carry($("publish-by").value, tokens.publish(), url), body: new URLSearchParams(fields()) });
    const said = await read(reply), took = `${Math.round(performance.now() - begun)} ms`;
    if (said.ok) tell(`${said.status}, in ${took}`, said.text, "It is published, and kept.", "none is needed");
    else tell(`${said.status}, ${said.words}`, "", said.sentence, said.reason);
  } catch {
    tell("none", "", unreachable, "");
  }
}

function drawRecipe() {
  const by = $("publish-by").value;
  show($("recipe"), recipes[$("language").value]({ url: hub().href, fields: fields(), token: by === "header", cookie: by === "cookie" }));
  show($("copied"), "");
}

async function copy() {
  try {
    await navigator.clipboard.writeText($("recipe").textContent);
    show($("copied"), "Copied.");
  } catch {
    getSelection().selectAllChildren($("recipe"));
    show($("copied"), "The browser does not let the page copy; it is selected.");
  }
}

export function setUp() {
  $("language").append(...Object.keys(recipes).map(name => element("option", name)));
  $("publish").onsubmit = event => { event.preventDefault(); publish(); };
  $("publish").addEventListener("input", drawRecipe);
  $("hub").addEventListener("input", drawRecipe);
  $("language").onchange = drawRecipe;
  $("copy").onclick = copy;
  drawRecipe();
}
