// What is in each feature: of the first records, or of those that were found.

import { follow, post } from "./api.js";
import { byId, h, number, plain, plural, problem, short, size } from "./dom.js";
import { histogram } from "./plots.js";
import { scope } from "./query.js";

function between(spread, noun) {
  if (!spread || spread.min === null) return "";
  return spread.min === spread.max ? plural(spread.min, noun) : `${number(spread.min)} to ${plural(spread.max, noun)}`;
}

function buckets(spread, label) {
  const edges = spread.buckets.map((bucket) => bucket[0]);
  edges.push(spread.max);
  return histogram(edges, spread.buckets.map((bucket) => bucket[2]), label);
}

function contents(found) {
  return Object.entries(found.kinds).sort((a, b) => b[1] - a[1]).slice(0, 4).map(([kind]) => {
    const pixels = found.pixels[kind];
    if (!pixels) return kind;
    const text = (pair) => pair.join("×");
    return text(pixels.min) === text(pixels.max) ? `${kind} ${text(pixels.min)}` : `${kind} ${text(pixels.min)} to ${text(pixels.max)}`;
  }).join(", ");
}

function feature(found) {
  const name = found.in === "features" ? found.name : `${found.in.replace("_", " ")} / ${found.name}`;
  const rows = [["in", plural(found.records, "record")], ["values", between(found.counts, "value") + " each"]];
  if (found.steps) rows.push(["steps", between(found.steps, "step")]);
  const numbers = found.numbers;
  if (numbers && numbers.count) {
    rows.push(["range", `${short(numbers.min)} to ${short(numbers.max)}, mean ${short(numbers.mean)}`]);
    if (numbers.nan) rows.push(["NaN", number(numbers.nan)]);
    if (numbers.infinite) rows.push(["infinite", number(numbers.infinite)]);
  }
  if (found.content) rows.push(["holds", contents(found.content)]);
  if (found.lengths) rows.push(["length", between(found.lengths, "byte")]);
  rows.push(["distinct", `${found.distinct_exact ? "" : "about "}${number(found.distinct)}`]);
  const plots = [];
  if (numbers && numbers.min !== numbers.max) plots.push(h("figure", {}, histogram(numbers.histogram.edges, numbers.histogram.counts, `Histogram of the values of ${plain(name)}`), h("figcaption", { class: "soft" }, "values")));
  if (found.lengths && found.lengths.min !== found.lengths.max) plots.push(h("figure", {}, buckets(found.lengths, `Histogram of the lengths of ${plain(name)}`), h("figcaption", { class: "soft" }, "bytes, each bar twice the last")));
  const texts = !found.content || Object.keys(found.content.kinds).every((kind) => kind === "UTF-8 text" || kind === "JSON");
  const top = (texts ? found.top : []).filter((one) => one[1] > 1).slice(0, 8);
  return h("section", {}, h("h3", {}, h("bdi", {}, plain(name) || "(no name)"), " ", h("span", { class: "soft kind" }, Object.keys(found.kinds).join(", "))),
    h("dl", { class: "facts" }, rows.map(([term, text]) => [h("dt", {}, term), h("dd", {}, text)])),
    plots,
    top.length && (!numbers || found.distinct <= 20) ? h("p", { class: "top soft" }, "most often: ", top.map(([value, times], at) => [at ? ", " : "", h("bdi", {}, plain(short(value).slice(0, 40))), ` (${number(times)})`])) : null);
}

export class Features {
  constructor(state) {
    this.state = state;
    this.run = 0;
    this.id = null;
  }

  async show() {
    const run = (this.run += 1);
    const status = h("p", { role: "status" }, "Looking at records …");
    const stop = h("button", { onclick: () => post("cancel", { id: this.id }).catch((error) => problem(error.message)) }, "Cancel");
    const list = h("div", { class: "features two" });
    byId("view").replaceChildren(h("h2", {}, this.state.query ? "Features of the records found" : "Features"), h("div", { class: "row" }, status, stop), list);
    try {
      const begun = await post("statistics", this.state.query ? { query: this.state.query.id } : {});
      if (run !== this.run) return;
      this.id = begun.id;
      await follow(begun.id, (state) => {
        status.textContent = scope(state, "Features");
        if (state.found) this.fill(list, state.found);
      }, () => run === this.run);
      if (run !== this.run) return;
      stop.hidden = true;
      this.id = null;
    } catch (error) {
      if (run === this.run) problem(error.message);
      stop.hidden = true;
    }
  }

  fill(list, found) {
    const records = found.record_bytes;
    list.replaceChildren(h("section", {}, h("h3", {}, "Records"),
      h("dl", { class: "facts" }, h("dt", {}, "what"), h("dd", {}, Object.entries(found.payloads).map(([kind, count]) => plural(count, kind)).join(", ") || "none"),
        h("dt", {}, "size"), h("dd", {}, records.count ? `${size(records.min)} to ${size(records.max)}, ${size(Math.round(records.mean))} on average` : "")),
      records.count ? h("figure", {}, buckets(records, "Histogram of the sizes of records"), h("figcaption", { class: "soft" }, "bytes, each bar twice the last")) : null),
    ...found.features.map(feature),
    ...(found.more_features ? [h("section", {}, h("p", {}, "And others: there are too many features to show."))] : []));
    this.state.bar.named(found.features.filter((one) => one.in === "features").map((one) => one.name));
  }

  // Nobody looks at it any more.
  leave() {
    this.run += 1;
    if (this.id) post("cancel", { id: this.id }).catch(() => {});
    this.id = null;
  }

  key() {
    return false;
  }
}
