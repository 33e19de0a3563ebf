// The page: its parts are put together, and shown one at a time.

import { $, fragment, show } from "./hub.js";
import * as connected from "./connected.js";
import * as events from "./events.js";
import * as now from "./now.js";
import * as publish from "./publish.js";
import * as subscribe from "./subscribe.js";
import * as token from "./token.js";

const tabs = [...$("tabs").children];

function choose(tab) {
  for (const each of tabs) {
    const is = each === tab;
    each.setAttribute("aria-selected", is);
    each.tabIndex = is ? 0 : -1;
    $(each.getAttribute("aria-controls")).hidden = !is;
  }
  now.watch(tab.id === "tab-now");
}

$("tabs").onclick = event => { const tab = event.target.closest("[role=tab]"); if (tab) choose(tab); };
$("tabs").onkeydown = event => {
  const at = tabs.indexOf(document.activeElement), last = tabs.length - 1;
  const to = { ArrowRight: at === last ? 0 : at + 1, ArrowLeft: at === 0 ? last : at - 1, Home: 0, End: last }[event.key];
  if (to === undefined) return;
  event.preventDefault();
  tabs[to].focus();
  choose(tabs[to]);
};

// The hub has its own copy speak to itself alone.
document.addEventListener("securitypolicyviolation", event => {
  if (event.effectiveDirective !== "connect-src") return;
  $("forbidden").hidden = false;
  show($("forbidden"), "This copy of the page may ask its own hub alone. For another hub have a web server send the files of share/alipes/ui.");
});

events.setUp();
token.setUp();
publish.setUp();
connected.setUp();
now.setUp();
subscribe.setUp(events.add);
choose($(`tab-${fragment.get("tab")}`) ?? tabs[0]);
