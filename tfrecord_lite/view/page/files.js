// The files: how many records each has, and a map of what is damaged.

import { get, post } from "./api.js";
import { byId, h, number, plain, plural, problem, size } from "./dom.js";
import { map } from "./plots.js";

const ROWS = 100;

function regions(file) {
  if (!file.damage.length) return null;
  const rows = file.damage.slice(0, ROWS).map((one) => h("tr", {},
    h("td", {}, one.number === null ? "" : h("a", { href: `#/record/${one.number}` }, number(one.number))),
    h("td", { class: "number" }, number(one.begin)), h("td", { class: "number" }, number(one.end)),
    h("td", {}, one.kind.replace("_", " ")), h("td", {}, plain(one.reason))));
  const more = file.regions - rows.length;
  return h("details", { open: file.damage.length <= 20 }, h("summary", {}, plural(file.regions, "damaged region")),
    h("div", { class: "scroll", tabindex: 0, role: "group", "aria-label": "Damaged regions" }, h("table", {},
      h("thead", {}, h("tr", {}, ["record", "from byte", "to byte", "kind", "reason"].map((one) => h("th", { scope: "col" }, one)))),
      h("tbody", {}, rows))),
    more > 0 ? h("p", { class: "soft" }, `… and ${plural(more, "more region")}`) : null);
}

function row(file) {
  const facts = [];
  if (file.bytes !== null) facts.push(size(file.bytes));
  facts.push(`${plural(file.records, "record")}${file.counted ? "" : " so far"}`);
  facts.push(file.compression ? `${file.compression}, ${size(file.raw_bytes)} inflated` : "not compressed");
  let state = file.checked ? "all read, no damage" : "not read through yet";
  if (file.regions) state = `${plural(file.regions, "damaged region")}${file.checked ? "" : " so far"}`;
  if (file.error) state = "cannot be read";
  return h("section", {}, h("h3", {}, file.first_record === null ? h("bdi", {}, plain(file.path)) : h("a", { href: `#/records/${file.first_record}` }, h("bdi", {}, plain(file.path)))),
    h("p", { class: "soft" }, facts.join(" · "), " · ", h("span", { class: file.error || file.regions ? "wrong" : "" }, state)),
    file.error ? h("p", { class: "notice wrong" }, plain(file.error)) : map(file, `Map of the file: ${state}`),
    regions(file));
}

export class Files {
  constructor(state) {
    this.state = state;
    this.first = 0;
    this.drawn = 0;
  }

  async show() {
    const turn = (this.drawn += 1);
    const list = h("div", { class: "features" });
    const check = h("button", { hidden: true, onclick: async () => {
      check.disabled = true;
      await post("check").catch((error) => problem(error.message));
    } }, "Read all of it, and look for damage");
    const status = h("p", { class: "soft", role: "status" });
    byId("view").replaceChildren(h("h2", {}, "Files"), status, check, list);
    let before = "";
    while (turn === this.drawn) {
      try {
        const found = await get("files", { first: this.first });
        if (turn !== this.drawn) return;
        const text = JSON.stringify(found);
        if (text !== before) {
          before = text;
          list.replaceChildren(...found.files.map(row));
          check.hidden = found.files.every((file) => file.checked);
          status.textContent = `${plural(found.all, "file")}${this.state.known.manifest ? `, a set by its manifest ${plain(this.state.known.manifest)}` : ""}`;
          if (found.all > found.files.length) status.textContent += `; ${found.first} to ${found.first + found.files.length - 1} are shown`;
          if (found.first + found.files.length < found.all) list.append(h("button", { onclick: () => { this.first += found.files.length; this.show(); } }, "More files"));
          if (found.first) list.prepend(h("button", { onclick: () => { this.first = 0; this.show(); } }, "First files"));
        }
      } catch (error) {
        problem(error.message);
      }
      await new Promise((resolve) => setTimeout(resolve, 1000));
    }
  }

  leave() {
    this.drawn += 1;
  }

  key() {
    return false;
  }
}
