// The page: which view is shown, the keys, and what is known of the files by now.

import { get } from "./api.js";
import { byId, number, plain, plural, problem, size } from "./dom.js";
import { Features } from "./features.js";
import { Files } from "./files.js";
import { Grid } from "./grid.js";
import { Bar } from "./query.js";
import { Record } from "./record.js";

const state = { query: null, known: {} };
state.bar = new Bar(state);
state.grid = new Grid(state);
const record = new Record(state);
const features = new Features(state);
const files = new Files(state);
let shown = null;

function route() {
  const [, name = "records", at = "0"] = location.hash.split("/");
  const which = /^\d{1,18}$/.test(at) ? Number(at) : 0;
  if (shown && shown.leave) shown.leave();
  state.grid.drawn += 1;
  record.drawn += 1;
  for (const one of ["records", "features", "files"]) {
    const link = byId(`to-${one}`);
    if (one === name || (one === "records" && name === "record")) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  if (name === "record") {
    shown = record;
    record.show(which);
  } else if (name === "features") {
    shown = features;
    features.show();
  } else if (name === "files") {
    shown = files;
    files.show();
  } else {
    shown = state.grid;
    const focus = state.grid.wanted;
    state.grid.wanted = undefined;
    state.grid.show(which, focus === null ? which : focus);
  }
}

function tell(found) {
  const before = state.known;
  state.known = found;
  document.title = `${plain(found.title)}: TFRecord viewer`;
  byId("title").textContent = plain(found.title);
  const parts = [`${plural(found.records, "record")}${found.complete ? "" : " so far"}`, size(found.bytes), plural(found.files, "file")];
  if (found.regions) parts.push(plural(found.regions, "damaged region"));
  if (found.errors) parts.push(`${plural(found.errors, "file")} unreadable`);
  byId("summary").textContent = parts.join(" · ");
  byId("summary").classList.toggle("wrong", Boolean(found.regions || found.errors));
  const progress = byId("progress");
  const percent = found.bytes ? Math.floor(found.read_bytes / found.bytes * 100) : 0;
  const text = found.note || (found.reading && !found.complete ? `Finding all records: ${percent} % of ${size(found.bytes)} read, ${number(found.records)} found.` : "");
  if (progress.textContent !== text) progress.textContent = text;
  progress.hidden = !text;
  if (before.complete && (found.records !== before.records || !found.complete) && shown === state.grid && !state.query) state.grid.show(state.grid.first);
}

async function watch() {
  for (;;) {
    let wait = 1000;
    try {
      const found = await get("state");
      if (state.lost) problem("");
      state.lost = false;
      tell(found);
      if (found.complete && !found.reading) wait = 5000;
    } catch (error) {
      state.lost = true;
      problem(error.message);
      wait = 5000;
    }
    await new Promise((resolve) => setTimeout(resolve, wait));
  }
}

byId("jump").addEventListener("submit", (event) => {
  event.preventDefault();
  const text = byId("jump-number").value.replace(/[\s,._]/g, "");
  if (!/^\d{1,15}$/.test(text)) {
    problem("A record is named by its number, counted from 0.");
    return;
  }
  problem("");
  const hash = `#/record/${Number(text)}`;
  if (location.hash === hash) route();
  else location.hash = hash;
  byId("jump-number").blur();
});

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const target = event.target;
  if (target.matches("input, textarea, select, audio")) {
    if (event.key === "Escape") target.blur();
    return;
  }
  if (event.key === "/") {
    if (shown !== state.grid) location.hash = `#/records/${state.grid.first}`;
    setTimeout(() => state.bar.text.focus(), 0);
  } else if (event.key === "g") {
    byId("jump-number").focus();
    byId("jump-number").select();
  } else if (!shown.key(event)) {
    return;
  }
  event.preventDefault();
});

window.addEventListener("hashchange", route);
route();
watch();
