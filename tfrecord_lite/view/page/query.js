// The bar above the grid: search, filter, sort.

import { follow, post } from "./api.js";
import { h, number, plural, problem } from "./dom.js";

export function scope(state, words) {
  const records = number(state.looked_at);
  if (state.error) return `${words} stopped: ${state.error}`;
  if (!state.done && !state.complete) return `${words}: ${records} records looked at so far`;
  if (!state.done) return `${words}: ${records} of ${number(Math.min(state.records, state.most))} records looked at so far`;
  if (state.cancelled) return `${words}: cancelled after ${records} records`;
  return state.whole ? `${words}: all ${records} records looked at` : `${words}: the first ${records} records looked at, of more`;
}

export class Bar {
  constructor(state) {
    this.state = state;
    const field = (id, attributes) => h("input", { id, autocomplete: "off", spellcheck: "false", ...attributes });
    this.text = field("search", { type: "search", placeholder: "a text", "aria-keyshortcuts": "/" });
    this.where = field("where", { placeholder: "label > 6 and 'cat' in words" });
    this.sort = field("sort", { placeholder: "a feature", list: "names", size: 14 });
    this.descending = h("input", { id: "descending", type: "checkbox" });
    this.names = h("datalist", { id: "names" });
    this.status = h("span", { role: "status" });
    this.stop = h("button", { type: "button", hidden: true, onclick: () => this.cancel() }, "Cancel");
    this.clear = h("button", { type: "button", hidden: true, onclick: () => this.forget() }, "Show all records");
    this.element = h("form", { class: "query", "aria-label": "Search, filter and sort", onsubmit: (event) => {
      event.preventDefault();
      this.begin();
    } },
    h("div", { class: "row" }, h("label", { for: "search" }, "Search"), this.text),
    h("div", { class: "row wide" }, h("label", { for: "where" }, "Filter"), this.where),
    h("div", { class: "row" }, h("label", { for: "sort" }, "Sort by"), this.sort, this.names,
      this.descending, h("label", { for: "descending" }, "largest first")),
    h("button", {}, "Search"),
    h("p", { class: "found" }, this.status, " ", this.stop, " ", this.clear));
  }

  named(names) {
    this.names.replaceChildren(...names.map((name) => h("option", { value: name })));
  }

  async begin() {
    const asked = { text: this.text.value, where: this.where.value, sort: this.sort.value.trim(), descending: this.descending.checked };
    if (!asked.text && !asked.where.trim() && !asked.sort) {
      this.forget();
      return;
    }
    let query;
    try {
      query = await post("query", asked);
      problem("");
    } catch (error) {
      problem(error.message);
      return;
    }
    this.state.query = query;
    this.clear.hidden = false;
    this.stop.hidden = false;
    const going = () => this.state.query === query;
    this.state.grid.turn(0);
    try {
      const last = await follow(query.id, (state) => {
        const found = `${plural(state.matched, "record")} found. `;
        const others = state.not_looked_into ? ` (${number(state.not_looked_into)} could not be looked into)` : "";
        this.status.textContent = found + scope(state, "Search") + others;
      }, going);
      // What is sorted is in another order now.
      if (going() && last.sorted) this.state.grid.turn(0);
    } catch (error) {
      problem(error.message);
    }
    if (going()) this.stop.hidden = true;
  }

  async cancel() {
    try {
      await post("cancel", { id: this.state.query.id });
    } catch (error) {
      problem(error.message);
    }
  }

  forget() {
    if (this.state.query && !this.stop.hidden) this.cancel();
    this.state.query = null;
    this.status.textContent = "";
    this.stop.hidden = this.clear.hidden = true;
    problem("");
    this.state.grid.turn(0);
  }
}
