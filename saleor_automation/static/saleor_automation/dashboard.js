// The app's page and boxes in Saleor's Dashboard: asks for content with the Dashboard's
// token and puts it in place. Holds the token in this variable alone: no cookie, no storage.
import { Bridge } from "./appbridge.js";

const EVERY = 60_000;
const { kind, source, code, origins } = document.body.dataset;
const content = document.getElementById("content");
const said = document.getElementById("said");
const words = JSON.parse(document.getElementById("words").textContent);
const bridge = new Bridge(origins.split(" ").filter(Boolean));
const given = new URLSearchParams(location.search);
let soon = 0;
let turn = 0;
let shown = false;
let latest = "";

function word(name) {
  const known = words[bridge.locale] || words[document.documentElement.lang] || words.en;
  return known[name];
}

function say(text) {
  said.textContent = text;
}

/** Fetch with the newest token; once more when it had run out and a new one comes. */
async function ask(address, options = {}) {
  for (let again = false; ; again = true) {
    const used = bridge.token;
    const answer = await fetch(address, {
      ...options,
      headers: { Authorization: `Bearer ${used}` },
      credentials: "omit",
      cache: "no-store",
    });
    if (answer.status !== 401 || again || !(await bridge.fresh(used))) return answer;
  }
}

/** Show a piece of HTML of the Studio's; the focus stays where it was. */
function put(html) {
  if (html === latest) return;
  latest = html;
  const place = content.contains(document.activeElement) && document.activeElement.dataset.place;
  content.innerHTML = html;
  content.setAttribute("aria-busy", "false");
  if (place) content.querySelector(`[data-place="${CSS.escape(place)}"]`)?.focus();
}

async function load() {
  const own = ++turn;
  const address = new URL(source, location.href);
  address.searchParams.set("locale", bridge.locale);
  const id = given.get("customerId") || given.get("orderId");
  if (id) address.searchParams.set("id", id);
  try {
    const answer = await ask(address);
    const html = await answer.text();
    if (own !== turn) return;
    say("");
    if (answer.status >= 500 && answer.status !== 503) return say(word("failed"));
    // What was shown stays when only the token ran out: a newer one loads again.
    if (answer.status === 401 && shown) return;
    shown = answer.ok;
    document.documentElement.lang = answer.headers.get("Content-Language") || "en";
    put(html);
  } catch {
    if (own === turn) say(word("unreachable"));
  }
}

/** Token, theme and language come one after the other: load once for all. */
function loadSoon() {
  clearTimeout(soon);
  soon = setTimeout(load, 50);
}

async function open(button) {
  // Not "disabled": that would take the focus away.
  if (button.getAttribute("aria-busy") === "true") return;
  button.setAttribute("aria-busy", "true");
  let problem = word("failed");
  try {
    const body = new URLSearchParams({ next: button.dataset.place });
    const answer = await ask(`${code}?locale=${encodeURIComponent(bridge.locale)}`, { method: "POST", body });
    const { url, error } = await answer.json();
    // The Dashboard opens it: what a sandboxed page opens would be sandboxed too.
    if (url && (await bridge.act("redirect", { to: url, newContext: true }))) problem = "";
    if (error) problem = error.message;
  } catch {
    problem = word("unreachable");
  }
  button.removeAttribute("aria-busy");
  if (problem && !(await bridge.act("notification", { status: "error", title: "Saleor Automation", text: problem }))) say(problem);
}

if (window.parent === window) {
  content.replaceChildren();
  content.setAttribute("aria-busy", "false");
  say(word("outside"));
} else {
  bridge.addEventListener("token", () => shown || loadSoon());
  bridge.addEventListener("locale", () => bridge.token && loadSoon());
  bridge.addEventListener("theme", () => (document.documentElement.dataset.theme = bridge.theme));
  content.addEventListener("click", ({ target }) => {
    const button = target.closest("button[data-place]");
    if (button) open(button);
  });
  if (kind === "box") {
    new ResizeObserver(() => {
      if (bridge.version >= 3.23) bridge.act("widgetResize", { height: document.documentElement.offsetHeight });
    }).observe(document.documentElement);
  }
  setInterval(() => document.visibilityState === "visible" && bridge.token && load(), EVERY);
  setTimeout(() => bridge.token || say(word("silent")), 10_000);
  bridge.act("notifyReady");
}
