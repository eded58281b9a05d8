// One record: all its features, and its JSON.

import { address, get } from "./api.js";
import { byId, h, number, plain, plural, problem, size } from "./dom.js";
import { content, isShort, words } from "./values.js";

function kindOf(feature) {
  if (feature.steps !== undefined) {
    const [least, most] = feature.counts;
    return `${plural(feature.steps, "step")} of ${least === most ? plural(least, `${feature.kind} value`) : `${least} to ${most} ${feature.kind} values`}`;
  }
  return feature.kind === "none" ? "no values" : plural(feature.count, `${feature.kind} value`);
}

export class Record {
  constructor(state) {
    this.state = state;
    this.at = 0;
    this.drawn = 0;
  }

  async show(at) {
    const turn = (this.drawn += 1);
    this.at = at;
    const title = h("h2", { tabindex: -1, id: "record-title" }, `Record ${number(at)}`);
    const body = h("div", { class: "record" }, h("p", { class: "soft" }, "Reading …"));
    const back = h("nav", { class: "pager", "aria-label": "Records beside" },
      h("button", { onclick: () => this.back() }, "All records"),
      h("button", { "aria-label": "Record before", onclick: () => this.move(-1), disabled: this.isEnd(-1) }, "‹"),
      h("button", { "aria-label": "Next record", onclick: () => this.move(1), disabled: this.isEnd(1) }, "›"));
    byId("view").replaceChildren(back, title, body);
    title.focus({ preventScroll: true });
    window.scrollTo(0, 0);
    try {
      const entry = await get("record", { number: at });
      if (turn !== this.drawn) return;
      problem("");
      this.fill(body, entry);
    } catch (error) {
      if (turn !== this.drawn) return;
      body.replaceChildren(h("p", { class: "wrong" }, plain(error.message)));
    }
  }

  fill(body, entry) {
    const where = h("p", { class: "soft" }, h("bdi", {}, plain(entry.file)), `, record ${number(entry.record)} of the file`);
    if (entry.damage || entry.problem) {
      const damage = entry.damage;
      body.replaceChildren(where, h("div", { class: "notice wrong" },
        h("p", {}, plain(damage ? damage.reason : entry.problem)),
        damage ? h("p", {}, `Bytes ${number(damage.begin)} to ${number(damage.end)} of the uncompressed file (${damage.kind.replace("_", " ")}).`) : null));
      return;
    }
    const about = h("p", { class: "soft" }, `${entry.kind}, ${size(entry.bytes)}, ${plural(entry.all_features, "feature")}${entry.more ? " shown, and others: there are too many" : ""}`);
    const list = h("div", { class: "features one" });
    this.shown = 0;
    body.replaceChildren(about, where, list, this.json(entry));
    this.add(list, entry);
  }

  add(list, entry) {
    if (entry.raw) {
      const feature = { name: "record", part: "raw", at: 0, kind: "bytes", count: 1, values: [entry.raw] };
      list.append(this.section(entry, feature, "The bytes of the record", entry.raw.content));
    }
    const brief = entry.features.filter(isShort);
    for (const feature of entry.features) if (!isShort(feature)) list.append(this.section(entry, feature, feature.name, kindOf(feature)));
    if (brief.length) {
      list.append(h("section", {}, h("h3", {}, "Single values"), h("dl", { class: "facts" }, brief.map((feature) => [
        h("dt", {}, h("bdi", {}, plain(feature.name) || "(no name)")),
        h("dd", {}, h("bdi", {}, feature.kind === "none" ? "" : words(feature)), " ", h("span", { class: "soft kind" }, feature.kind === "none" ? "no values" : feature.kind))]))));
    }
    this.shown += entry.features.length;
    const shown = this.shown;
    if (shown < entry.all_features) {
      const more = h("button", { onclick: async () => {
        more.disabled = true;
        try {
          const next = await get("record", { number: entry.number, from: shown });
          more.remove();
          this.add(list, next);
        } catch (error) {
          problem(error.message);
        }
      } }, `More features: ${number(entry.all_features - shown)} are left`);
      list.append(more);
    }
    if (!entry.features.length && !entry.raw) list.append(h("p", { class: "soft" }, entry.bytes ? "It has no features." : "An empty record: an Example without features."));
  }

  section(entry, feature, name, kind) {
    const place = h("div", {});
    const draw = () => place.replaceChildren(content(entry, feature, undefined, draw));
    draw();
    const first = (feature.values || [])[0] || {};
    const narrow = feature.steps === undefined && feature.count === 1 && (first.media || first.picture);
    return h("section", { class: narrow ? "" : "whole" }, h("h3", {}, h("bdi", {}, plain(name) || "(no name)"), " ", h("span", { class: "soft kind" }, kind)), place);
  }

  json(entry) {
    const text = h("pre", { class: "text json", tabindex: 0, "aria-label": "JSON of the record" });
    const details = h("details", { ontoggle: async () => {
      if (!details.open || text.textContent) return;
      try {
        const found = await get("json", { number: entry.number });
        text.textContent = found.text + (found.cut ? "\n… cut; save it to see all" : "");
      } catch (error) {
        text.textContent = error.message;
      }
    } }, h("summary", {}, "JSON"), h("p", {}, h("a", { href: address("json", { number: entry.number, whole: 1 }), download: true }, "Save as JSON")), text);
    return details;
  }

  beside(step) {
    if (this.state.query) return this.state.grid.beside(this.at, step);
    return this.at + step < 0 ? undefined : this.at + step;
  }

  // Whether it is known that there is none before, or behind.
  isEnd(step) {
    if (this.state.query) return step < 0 && this.state.grid.first <= 0 && this.beside(-1) === undefined;
    const known = this.state.known;
    return step < 0 ? this.at <= 0 : Boolean(known.complete) && this.at === known.records - 1;
  }

  async move(step) {
    const turn = this.drawn;
    let other = this.beside(step);
    try {
      if (other === undefined && this.state.query && this.state.grid.beside(this.at, 0) !== undefined) other = await this.state.grid.across(step);
    } catch (error) {
      problem(error.message);
    }
    if (other !== undefined && turn === this.drawn) location.hash = `#/record/${other}`;
  }

  back() {
    const grid = this.state.grid;
    if (grid.beside(this.at, 0) !== undefined) grid.turn(grid.first, this.at);
    else grid.turn(this.state.query ? grid.first : Math.floor(this.at / 24) * 24, this.at);
  }

  key(event) {
    if (event.key === "ArrowRight") this.move(1);
    else if (event.key === "ArrowLeft") this.move(-1);
    else if (event.key === "Escape") this.back();
    else return false;
    return true;
  }
}
