// Elements made by code: text is always text, and nothing is ever parsed as markup.

const SVG = "http://www.w3.org/2000/svg";

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "value") element.value = value;
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children.flat(3).filter((child) => child !== null && child !== undefined));
  return element;
}

export function h(tag, attributes, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

export function svg(tag, attributes, ...children) {
  return fill(document.createElementNS(SVG, tag), attributes, children);
}

export function byId(name) {
  return document.getElementById(name);
}

// Control characters are shown, and those that turn the direction of writing do nothing.
export function plain(text, lines = false) {
  const other = lines ? /[\u0000-\u0008\u000b-\u001f]/g : /[\u0000-\u001f]/g;
  const code = (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, "0")}`;
  return String(text).replace(other, code)
    .replace(/[\u007f-\u009f\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g, code);
}

export function number(value) {
  return typeof value === "number" ? value.toLocaleString("en-US") : String(value);
}

export function plural(count, noun) {
  return `${number(count)} ${noun}${count === 1 ? "" : "s"}`;
}

export function size(bytes) {
  if (bytes < 1024) return plural(bytes, "byte");
  let unit = -1;
  let value = bytes;
  while (value >= 1024 && unit < 4) {
    value /= 1024;
    unit += 1;
  }
  return `${value.toFixed(1)} ${["KiB", "MiB", "GiB", "TiB", "PiB"][unit]}`;
}

// A value of a record, all of it: whole numbers that are no numbers here come as texts.
export function exact(value) {
  return Object.is(value, -0) ? "-0" : String(value);
}

// A number of a plot or a summary: whole ones are exact, of others six digits, and all before the point.
export function short(value) {
  if (value === null || value === undefined) return "";
  if (typeof value !== "number") return String(value);
  if (Number.isSafeInteger(value)) return number(value);
  if (Math.abs(value) >= 1e6 && Math.abs(value) <= Number.MAX_SAFE_INTEGER) return number(Math.round(value));
  return String(Number(value.toPrecision(6)));
}

export function problem(text) {
  const place = byId("problem");
  place.textContent = text ? plain(text) : "";
  place.hidden = !text;
}
