// The grid of records: a page of cards, and those before and behind it.

import { get } from "./api.js";
import { byId, h, number, plain, plural, problem, size } from "./dom.js";
import { cover, isShort, words } from "./values.js";

const PER_PAGE = 24;
const FACTS = 4;
// What tells least of a record.
const LAST = /(height|width|depth|channels|rows|cols|format|colorspace|filename|key)$/i;

function wrongCard(entry) {
  const damage = entry.damage;
  const title = damage ? (damage.kind === "too_large" ? "Too large to show" : "Damaged") : "Cannot be read";
  return h("div", { class: "card bad-card" },
    h("strong", {}, `${number(entry.number)} · ${title}`),
    h("span", { class: "reason" }, plain(damage ? damage.reason : entry.problem)),
    damage ? h("span", { class: "soft" }, `bytes ${number(damage.begin)} to ${number(damage.end)}`) : null);
}

// What all names begin with tells nothing where there is little room: image/ of image/class/label.
function shared(features) {
  const names = features.map((one) => one.name);
  if (names.length < 2) return 0;
  const first = names[0];
  let length = first.lastIndexOf("/") + 1;
  while (length && !names.every((name) => name.startsWith(first.slice(0, length)))) length = first.lastIndexOf("/", length - 2) + 1;
  return length;
}

function card(entry) {
  if (entry.damage || entry.problem) return wrongCard(entry);
  const shown = cover(entry);
  const named = entry.features.filter((one) => !(one.kind === "bytes" && ((one.values || [])[0] || {}).media));
  // Short ones tell most: labels, names.
  const weight = (one) => (isShort(one) ? 0 : 2) + (LAST.test(one.name) ? 1 : 0);
  const facts = [...named].sort((a, b) => weight(a) - weight(b)).slice(0, shown ? FACTS : FACTS * 2);
  const begin = shared(entry.features);
  const sound = entry.features.some((one) => (((one.values || [])[0] || {}).media || "").startsWith("audio/"));
  const raw = entry.raw;
  return h("div", { class: "card" },
    shown ? h("div", { class: "cover" }, shown) : null,
    !shown && sound ? h("div", { class: "cover sound", role: "img", "aria-label": "sound" }, "♪") : null,
    !facts.length && !raw && !shown ? h("p", { class: "soft" }, entry.bytes ? "no features" : "an empty record") : null,
    raw && raw.text !== undefined ? h("p", { class: "excerpt" }, h("bdi", {}, plain(raw.text))) : null,
    raw && raw.hex ? h("pre", { class: "hex" }, raw.hex.slice(0, 71)) : null,
    facts.length ? h("dl", {}, facts.map((one) => [h("dt", { title: plain(one.name) }, h("bdi", {}, plain(one.name.slice(begin)) || "(no name)")), h("dd", {}, h("bdi", {}, words(one)))])) : null,
    h("span", { class: "place soft" }, `${number(entry.number)}${entry.kind === "Example" || !entry.bytes ? "" : ` · ${entry.kind}`} · ${size(entry.bytes)}`));
}

function item(entry, opened) {
  return h("li", {}, h("a", { href: `#/record/${entry.number}`, "data-number": entry.number, tabindex: -1,
    "aria-label": entry.damage || entry.problem ? `Record ${entry.number}, cannot be read` : `Record ${entry.number}`,
    onclick: () => opened(entry.number) }, card(entry)));
}

export class Grid {
  constructor(state) {
    this.state = state;
    this.first = 0;
    this.entries = [];
    this.drawn = 0;
  }

  // What stands before and behind the record of a number on this page.
  beside(at, step) {
    const found = this.entries.findIndex((entry) => entry.number === at);
    const other = found < 0 ? undefined : this.entries[found + step];
    return other && other.number;
  }

  // The page of a search before or after this one is taken, and the number of its record that is next is returned.
  async across(step) {
    const turn = this.drawn;
    const first = step < 0 ? Math.max(0, this.first - PER_PAGE) : this.first + this.entries.length;
    const count = step < 0 ? this.first - first : PER_PAGE;
    const entries = [];
    let more = count > 0;
    while (more) {
      const found = await get("records", { first: first + entries.length, count: count - entries.length, ...this.query });
      entries.push(...found.entries);
      // The last of those before is wanted, the first of those behind.
      more = step < 0 && found.entries.length > 0 && entries.length < count;
    }
    // Another page may be shown by now.
    if (turn !== this.drawn || !entries.length) return undefined;
    this.first = first;
    this.entries = entries;
    return entries.at(step < 0 ? -1 : 0).number;
  }

  get query() {
    return this.state.query ? { query: this.state.query.id } : {};
  }

  async show(first, focus) {
    const turn = (this.drawn += 1);
    this.first = Math.max(0, first);
    this.entries = [];
    const list = h("ol", { class: "grid", start: this.first, "aria-label": "Records" });
    const status = h("p", { class: "soft", role: "status" }, "Reading …");
    const pager = h("nav", { class: "pager", "aria-label": "Pages" });
    byId("view").replaceChildren(this.state.bar.element, pager, list, status);
    for (;;) {
      let found;
      try {
        found = await get("records", { first: this.first + this.entries.length, count: PER_PAGE - this.entries.length, ...this.query });
        problem("");
      } catch (error) {
        if (turn === this.drawn) {
          problem(error.message);
          status.textContent = "";
        }
        return;
      }
      if (turn !== this.drawn) return;
      this.entries.push(...found.entries);
      list.append(...found.entries.map((entry) => item(entry, (at) => { this.last = at; })));
      this.page(pager, found);
      const names = this.entries.flatMap((entry) => (entry.features || []).filter((one) => one.part === "features").map((one) => one.name));
      if (names.length) this.state.bar.named([...new Set(names)].slice(0, 200));
      if (this.entries.length && (focus !== undefined || this.entries.length === found.entries.length)) this.rove(list, focus);
      const left = found.records - this.first - this.entries.length;
      if (this.entries.length >= PER_PAGE || (found.complete && left <= 0)) {
        status.textContent = this.entries.length ? "" : this.nothing(found);
        return;
      }
      status.textContent = found.entries.length ? "Reading …" : `Waiting: ${plural(found.records, "record")} found so far.`;
      if (!found.entries.length) await new Promise((resolve) => setTimeout(resolve, 400));
      if (turn !== this.drawn) return;
    }
  }

  nothing(found) {
    if (this.first && found.records) return `There are ${plural(found.records, "record")}; none here.`;
    return this.state.query ? "No record is like that." : "There are no records.";
  }

  page(pager, found) {
    const end = this.first + Math.max(this.entries.length, 1) - 1;
    const last = Math.max(0, Math.floor((found.records - 1) / PER_PAGE) * PER_PAGE);
    const go = (first, text, label, off) => h("button", { "aria-label": label, disabled: off, onclick: () => this.turn(first) }, text);
    const more = found.complete ? "" : " so far";
    const text = this.entries.length ? `${number(this.first)} – ${number(end)} of ${number(found.records)}${more}` : "";
    pager.replaceChildren(
      go(0, "«", "First page", this.first <= 0),
      go(this.first - PER_PAGE, "‹", "Page before", this.first <= 0),
      h("span", {}, text),
      go(this.first + PER_PAGE, "›", "Next page", found.complete && this.first + PER_PAGE >= found.records),
      go(last, "»", "Last page", this.first >= last));
  }

  turn(first, focus) {
    this.wanted = focus;
    const hash = `#/records/${Math.max(0, first)}`;
    if (location.hash === hash) this.show(Math.max(0, first), focus);
    else location.hash = hash;
  }

  rove(list, focus) {
    const links = [...list.querySelectorAll("a")];
    if (links.some((link) => link === document.activeElement)) return;
    const at = focus === "last" ? links.length - 1 : links.findIndex((link) => Number(link.dataset.number) === focus);
    const link = links[Math.max(at, 0)];
    links.forEach((one) => { one.tabIndex = one === link ? 0 : -1; });
    if (focus !== undefined && focus !== null) link.focus();
  }

  // Arrow keys: to another card, and at the ends of the page to another page.
  key(event) {
    const links = [...document.querySelectorAll(".grid a")];
    if (!links.length) return false;
    const now = links.indexOf(document.activeElement);
    const columns = links.filter((link) => Math.abs(link.getBoundingClientRect().top - links[0].getBoundingClientRect().top) < 4).length;
    const steps = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: columns, ArrowUp: -columns };
    const step = steps[event.key];
    if (step === undefined) return false;
    if (now < 0) {
      this.rove(event.target.closest("body") ? document.querySelector(".grid") : null, this.entries[0].number);
      return true;
    }
    const next = now + step;
    if (next < 0) {
      if (this.first > 0) this.turn(this.first - PER_PAGE, "last");
    } else if (next >= links.length) {
      if (links.length === PER_PAGE) this.turn(this.first + PER_PAGE, null);
    } else {
      links.forEach((link, at) => { link.tabIndex = at === next ? 0 : -1; });
      links[next].focus();
    }
    return true;
  }
}
