// Plots as SVG: lines of values, and histograms.

import { short, svg } from "./dom.js";

function frame(width, height, label, ...shapes) {
  return svg("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label,
    class: "plot", preserveAspectRatio: "xMidYMid meet" }, svg("title", {}, label), ...shapes);
}

function range(lows, highs) {
  let low = Infinity;
  let high = -Infinity;
  for (const value of lows) if (value !== null && value < low) low = value;
  for (const value of highs) if (value !== null && value > high) high = value;
  return [low, high];
}

// The values of a feature in their order, of many the least and the largest of so many; null of none that is finite.
export function line(plot, count, what = "values", small = false) {
  const lows = plot.points || plot.low;
  const highs = plot.points || plot.high;
  const [low, high] = range(lows, highs);
  if (low > high) return null;
  // No wider than the window: its text is as large as is said here.
  const width = small ? 240 : Math.min(720, Math.max(window.innerWidth - 80, 240));
  const height = small ? 100 : 180;
  // As wide as the longer of the two numbers beside the axis.
  const left = small ? 2 : Math.max(64, 12 + 6.5 * Math.max(short(low).length, short(high).length));
  const bottom = small ? 2 : 22;
  const x = (at) => left + (at + 0.5) / lows.length * (width - left - 4);
  const y = (value) => 6 + (high > low ? (high - value) / (high - low) : 0.5) * (height - bottom - 12);
  const shapes = [];
  let path = "";
  let open = false;
  lows.forEach((value, at) => {
    if (value === null) {
      open = false;
      return;
    }
    path += `${open ? "L" : "M"}${x(at).toFixed(1)} ${y(highs[at]).toFixed(1)}`;
    if (!plot.points) path += `L${x(at).toFixed(1)} ${y(value).toFixed(1)}`;
    open = true;
  });
  shapes.push(svg("path", { d: path, class: "line" }));
  if (plot.points && lows.length <= 64) {
    lows.forEach((value, at) => {
      if (value !== null) shapes.push(svg("circle", { cx: x(at), cy: y(value), r: small ? 2 : 2.5 }));
    });
  }
  if (!small) {
    shapes.push(
      svg("path", { d: `M${left} 4V${height - bottom}H${width - 4}`, class: "axis" }),
      svg("text", { x: left - 6, y: 14, "text-anchor": "end" }, short(high)),
      svg("text", { x: left - 6, y: height - bottom, "text-anchor": "end" }, short(low)),
      svg("text", { x: left, y: height - 4 }, "0"),
      svg("text", { x: width - 4, y: height - 4, "text-anchor": "end" }, short(count - 1)),
    );
  }
  return frame(width, height, `${short(count)} ${what}, ${short(low)} to ${short(high)}`, ...shapes);
}

// Bars with their edges; `most` names the highest.
export function histogram(edges, counts, label) {
  const width = 360;
  const height = 110;
  const most = Math.max(...counts, 1);
  const each = width / Math.max(counts.length, 1);
  // Bins around whole numbers are named by these.
  const whole = edges.length > 1 && edges.every((edge) => Math.abs(edge % 1) === 0.5) && edges[1] - edges[0] === 1;
  const shift = whole ? 0.5 : 0;
  const bars = counts.map((count, at) => {
    const tall = count / most * 76;
    const range = whole ? short(edges[at] + 0.5) : `${short(edges[at])} to ${short(edges[at + 1])}`;
    const text = `${range}: ${short(Math.round(count))}`;
    return svg("rect", { x: (at * each).toFixed(2), y: (88 - tall).toFixed(2),
      width: Math.max(each - 1, 0.5).toFixed(2), height: tall.toFixed(2) }, svg("title", {}, text));
  });
  return frame(width, height, label, ...bars,
    svg("path", { d: `M0 88.5H${width}`, class: "axis" }),
    svg("text", { x: 0, y: 104 }, short(edges[0] + shift)),
    svg("text", { x: width, y: 104, "text-anchor": "end" }, short(edges[edges.length - 1] - shift)),
    svg("text", { x: 0, y: 9 }, `${short(Math.round(most))} at most in a bar`));
}

// Where a file is damaged: the whole file from left to right.
export function map(file, label) {
  const width = 720;
  const whole = Math.max(file.raw_bytes, ...file.damage.map((one) => one.end), 1);
  const marks = file.damage.map((one) => {
    const wide = Math.max((one.end - one.begin) / whole * width, 3);
    const at = Math.min(one.begin / whole * width, width - wide);
    return svg("rect", { x: at.toFixed(2), y: 0, width: wide.toFixed(2), height: 18, class: "bad" },
      svg("title", {}, `bytes ${short(one.begin)} to ${short(one.end)}: ${one.kind}`));
  });
  const shown = svg("svg", { viewBox: `0 0 ${width} 18`, role: "img", "aria-label": label, class: "map",
    preserveAspectRatio: "none" }, svg("title", {}, label),
  svg("rect", { x: 0, y: 0, width, height: 18, class: "whole" }), ...marks);
  return shown;
}
