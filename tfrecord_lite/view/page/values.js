// Values of features: pictures, sound, texts, numbers and plots.

import { address } from "./api.js";
import { exact, h, number, plain, plural, size } from "./dom.js";
import { line } from "./plots.js";

// Shapes that were typed, by the name of the feature.
export const shapes = new Map();

function place(entry, feature, index, step) {
  const found = { number: entry.number, part: feature.part, at: feature.at, index };
  if (step !== undefined) found.step = step;
  return found;
}

export function image(source, text, small, caption) {
  const failed = h("p", { class: "soft failed", hidden: true }, "The browser cannot show it.");
  const shown = h("img", { src: source, alt: text, loading: "lazy", decoding: "async",
    onerror: () => { shown.hidden = true; failed.hidden = false; },
    onload: () => {
      // What is tiny is shown larger, its pixels as they are.
      if (shown.naturalWidth && Math.max(shown.naturalWidth, shown.naturalHeight) <= 128) shown.classList.add("tiny");
    } });
  if (small) return h("span", { class: "picture" }, shown, failed);
  return h("figure", {}, shown, failed, caption ? h("figcaption", { class: "soft" }, caption) : null);
}

function pictureOf(entry, feature, shape, index, step, small) {
  const source = address("picture", { ...place(entry, feature, index, step), shape });
  const name = plain(feature.name);
  return image(source, `${name}, record ${number(entry.number)}, as a picture`, small,
    shape === "tensor" || step === "all" ? null : `as ${shape.replaceAll("x", "×")}`);
}

// The picture that stands for a record in the grid, if it has one.
export function cover(entry) {
  for (const feature of entry.features) {
    const first = (feature.values || [])[0];
    if (first && first.media && first.media.startsWith("image/")) {
      return image(address("value", place(entry, feature, 0)), `${plain(feature.name)}, record ${number(entry.number)}`, true);
    }
  }
  for (const feature of entry.features) {
    const first = (feature.values || [])[0];
    const shape = shapes.get(feature.name) || (first && first.picture) || feature.picture;
    if (shape && feature.part === "features") return pictureOf(entry, feature, shape, 0, undefined, true);
  }
  for (const feature of entry.features) {
    const first = feature.each && feature.each[0] && (feature.each[0].values || [])[0];
    if (first && first.media && first.media.startsWith("image/")) {
      return image(address("value", place(entry, feature, 0, 0)), `${plain(feature.name)}, first step`, true);
    }
  }
  for (const feature of entry.features) {
    if (feature.heatmap) return pictureOf(entry, feature, "", 0, "all", true);
    const drawn = feature.plot && feature.count > 7 ? line(feature.plot, feature.count, "values", true) : null;
    if (drawn) return drawn;
  }
  if (entry.raw && entry.raw.media && entry.raw.media.startsWith("image/")) {
    return image(address("value", { number: entry.number, part: "raw" }), `record ${number(entry.number)}`, true);
  }
  return null;
}

// Whether a feature is said in a few words: its name and values fit into a line.
export function isShort(feature) {
  if (feature.steps !== undefined || feature.picture || shapes.has(feature.name)) return false;
  if (feature.kind !== "bytes") return feature.count < 5;
  const first = (feature.values || [])[0];
  return feature.count === 0 || (feature.count === 1 && (first.size === 0 || (first.text !== undefined && first.text.length < 60 && !first.text.includes("\n"))));
}

// A few words about a feature, for the grid.
export function words(feature) {
  if (feature.steps !== undefined) return plural(feature.steps, "step");
  if (feature.kind === "none") return "no values";
  const values = feature.values || [];
  if (feature.kind === "bytes") {
    const first = values[0];
    if (!first) return "no values";
    const text = first.text !== undefined ? plain(first.text) : first.content;
    if (feature.count === 1 && first.size === 0) return "empty";
    return feature.count > 1 ? `${text}, and ${number(feature.count - 1)} more` : text;
  }
  const shown = values.slice(0, 4).map(exact).join(", ");
  return feature.count > 4 ? `${shown}, … (${number(feature.count)})` : shown || "no values";
}

function shapeForm(feature, redraw) {
  const id = `shape-${feature.part}-${feature.at}`;
  const input = h("input", { id, size: 14, placeholder: "32x32x3", autocomplete: "off",
    value: shapes.get(feature.name) || "" });
  return h("form", { class: "row shape", onsubmit: (event) => {
    event.preventDefault();
    if (input.value.trim()) shapes.set(feature.name, input.value.trim());
    else shapes.delete(feature.name);
    redraw();
  } }, h("label", { for: id }, "Show as a picture of shape"), input, h("button", {}, "Show"));
}

function bytesValue(entry, feature, value, index, step, redraw) {
  const found = place(entry, feature, index, step);
  const source = address("value", found);
  const about = `${value.content}, ${size(value.size)}`;
  if (value.media && value.media.startsWith("image/")) {
    return image(source, `${plain(feature.name)}, record ${number(entry.number)}`, false, about);
  }
  const save = h("a", { href: address("value", { ...found, save: 1 }), download: true }, "Save the bytes");
  if (value.media) {
    return h("figure", {}, h("audio", { controls: true, preload: "none", src: source,
      "aria-label": `${plain(feature.name)}, record ${number(entry.number)}` }),
    h("figcaption", { class: "soft" }, about, " · ", save));
  }
  if (value.text !== undefined) {
    const one = value.text.length < 80 && !value.text.includes("\n");
    return h("div", {}, h(one ? "p" : "pre", { class: "text" }, h("bdi", {}, plain(value.text, true))),
      value.cut ? h("p", { class: "soft" }, `… cut; ${size(value.size)} in all. `, save) : null);
  }
  const shape = shapes.get(feature.name) || value.picture;
  return h("div", {},
    shape ? pictureOf(entry, feature, shape, index, step, false) : null,
    value.plot ? line(value.plot, value.size, "values") : null,
    value.content === "nothing" ? h("p", { class: "soft" }, "empty") : h("pre", { class: "hex" }, value.hex + (value.size > 64 ? " …" : "")),
    h("p", { class: "soft" }, about, value.size ? [" · ", save] : null),
    redraw && value.size > 3 ? shapeForm(feature, redraw) : null);
}

function numbers(entry, feature, step, redraw) {
  const shape = step === undefined ? shapes.get(feature.name) || feature.picture : undefined;
  const values = feature.values || [];
  const text = values.map(exact).join(", ") + (feature.count > values.length ? ", …" : "");
  const long = redraw && values.length > 24;
  const listed = h("p", { class: "numbers" }, text || "no values");
  return h("div", {},
    shape ? pictureOf(entry, feature, shape, 0, undefined, false) : null,
    feature.plot && feature.count > 3 && !shape ? line(feature.plot, feature.count, "values", step !== undefined) : null,
    long ? h("details", {}, h("summary", {}, feature.count > values.length ? `The first ${values.length} values` : "Values"), listed) : listed,
    redraw && feature.count > 15 ? shapeForm(feature, redraw) : null);
}

function stepsOf(entry, feature, redraw) {
  if (!feature.each) return numbers(entry, feature, undefined, null);
  const shown = feature.each.map((step, at) => h("li", {},
    h("span", { class: "soft" }, `step ${at}`), content(entry, { ...step, name: feature.name, part: feature.part, at: feature.at }, at, null)));
  return h("div", {},
    feature.heatmap ? image(address("picture", { ...place(entry, feature, 0, "all") }), `${plain(feature.name)}: steps from top to bottom`, false, "steps from top to bottom, values from left to right; the least is dark") : null,
    feature.plot ? line(feature.plot, feature.steps, feature.plotted || "steps") : null,
    h("ol", { class: "steps", start: 0 }, shown),
    feature.steps > feature.each.length ? h("p", { class: "soft" }, `… and ${plural(feature.steps - feature.each.length, "more step")}`) : null);
}

// All that is shown of a feature; `redraw` is called when a shape was typed.
export function content(entry, feature, step, redraw) {
  if (feature.steps !== undefined) return stepsOf(entry, feature, redraw);
  if (feature.kind === "none") return h("p", { class: "soft" }, "A feature without any values.");
  if (feature.kind !== "bytes") return numbers(entry, feature, step, redraw);
  if (!feature.count) return h("p", { class: "soft" }, "no values");
  const shown = feature.values.map((value, index) => bytesValue(entry, feature, value, index, step, redraw && index === 0 ? redraw : null));
  const more = feature.count - feature.values.length;
  if (shown.length === 1) return h("div", {}, shown, more ? h("p", { class: "soft" }, `… and ${number(more)} more`) : null);
  return h("div", {}, h("ol", { class: "values", start: 0 }, shown.map((one) => h("li", {}, one))),
    more ? h("p", { class: "soft" }, `… and ${number(more)} more`) : null);
}
