// The window: findings by when they were first seen, the rate of log lines, and length, lag and pending of streams.

const COLOURS = ["#3b7dd8", "#d9822b", "#2a9d6f", "#b0479a", "#8a6fd1", "#b59b1e", "#c8553d", "#3a9fb5"];
const AXIS_PX = 64;
const PAD_PX = 16;
const charts = [];
const PAPER_PX = 680;
let windowBounds = null;
let onPaper = false;

function boundsOf() {
  const times = report.timeline?.atMs ?? [];
  const board = report.dashboard;
  const candidates = [...times];
  if (board?.startedAt) candidates.push(Date.parse(board.startedAt));
  if (board?.endedAt) candidates.push(Date.parse(board.endedAt));
  const stamps = report.findings.map((finding) => Date.parse(finding.timestamp));
  if (candidates.length < 2) candidates.push(...stamps);
  if (!candidates.length) return null;
  const from = candidates.reduce((least, ms) => Math.min(least, ms), Infinity);
  const to = candidates.reduce((most, ms) => Math.max(most, ms), -Infinity);
  return { from, to: Math.max(to, from + 1000) };
}

function buildTimeline(section) {
  section.append(heading("timeline", "Timeline of the window"));
  windowBounds = boundsOf();
  if (!windowBounds) {
    section.append(el("p", {}, "Nothing in this session has a time: no poll was made and no finding was seen."));
    return;
  }
  section.append(el("p", { class: "lead" }, `From ${clock(windowBounds.from)} to ${clock(windowBounds.to)} UTC. Move over a chart to read its figures; the cursor is the same in all of them.${report.findings.length ? " A bar of findings filters the list below to its time." : ""}`));
  section.append(lanes(), spans());
  const logs = report.timeline?.logs;
  if (logs) section.append(rateChart(logs));
  const series = report.timeline?.streams ?? [];
  if (series.length) section.append(streamCharts(series));
  else section.append(el("p", {}, report.coverage?.polls ? "No stream has figures over time." : "Redis was not polled, so there are no figures of streams."));
}

function lanes() {
  const bins = 60;
  const step = (windowBounds.to - windowBounds.from) / bins;
  if (!report.findings.length) return el("p", {}, "No finding was made in it.");
  const rows = LEVELS.map((level) => ({ level, found: report.findings.filter((finding) => levelOf(finding) === level) })).filter((row) => row.found.length);
  const buttons = [];
  const lane = ({ level, found }) => {
    const perBin = new Map();
    for (const finding of found) {
      const at = Math.floor((Date.parse(finding.timestamp) - windowBounds.from) / step);
      const bin = Math.max(0, Math.min(bins - 1, at));
      if (!perBin.has(bin)) perBin.set(bin, []);
      perBin.get(bin).push(finding);
    }
    const most = Math.max(...[...perBin.values()].map((held) => held.length), 1);
    const marks = [...perBin].sort((one, other) => one[0] - other[0]).map(([bin, held]) => {
      const from = windowBounds.from + bin * step;
      const said = `${count(held.length, `${level} finding`)} first seen ${clock(from)} to ${clock(from + step)}: ${held.slice(0, 3).map((finding) => shown(finding.title, 80)).join("; ")}${held.length > 3 ? "…" : ""}`;
      const mark = el("button", { type: "button", class: `mark ${level.toLowerCase()}`, "aria-label": said, title: said, tabindex: "-1", onclick: () => showTime(from, from + step, level) });
      mark.style.left = `${(bin / bins) * 100}%`;
      mark.style.width = `${100 / bins}%`;
      mark.style.height = `${30 + 70 * Math.sqrt(held.length / most)}%`;
      buttons.push(mark);
      return mark;
    });
    return el("div", { class: "lane" }, el("span", { class: "lane-name" }, level), el("div", { class: "lane-marks" }, marks));
  };
  const box = el("div", { class: "lanes", role: "group", "aria-label": "Findings by the time at which they were first seen; arrow keys move between them" }, rows.map(lane));
  if (buttons.length) buttons[0].tabIndex = 0;
  box.addEventListener("keydown", (event) => {
    const move = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    const at = buttons.indexOf(document.activeElement);
    if (!move || at < 0) return;
    event.preventDefault();
    const next = buttons[(at + move + buttons.length) % buttons.length];
    buttons[at].tabIndex = -1;
    next.tabIndex = 0;
    next.focus();
  });
  return el("figure", {}, el("figcaption", {}, "Findings, by when they were first seen"), box);
}

function showTime(from, to, level) {
  filterBy({ level: [level], from, to });
  location.hash = "#findings";
}

/** Spans in which nobody looked: said in words, for a chart shows them as a line. */
function spans() {
  const coverage = report.coverage;
  const said = [
    ...(coverage?.deadTimes ?? []).map(([from, to]) => `the audit itself stood still from ${from.slice(11, 19)} to ${to.slice(11, 19)}`),
    ...(coverage?.redisUnseen ?? []).map(([from, to]) => `Redis was not seen from ${from.slice(11, 19)} to ${to.slice(11, 19)}`),
  ];
  return said.length ? el("p", { class: "notice" }, shown(`${said.join("; ")}.`)) : "";
}

function rateChart(logs) {
  const times = logs.lines.map((_, at) => logs.fromMs + at * logs.stepMs);
  const perSecond = (counts) => counts.map((lines) => lines / (logs.stepMs / 1000));
  const total = logs.lines.reduce((sum, lines) => sum + lines, 0);
  const failed = logs.failures.reduce((sum, lines) => sum + lines, 0);
  const said = `Log lines a second of all services: ${number(total)} lines, ${number(failed)} of them at ERROR or FATAL; the most was ${number(Math.max(...perSecond(logs.lines)))} a second.`;
  return chart("Log lines a second", said, times, [
    { label: "all lines", colour: COLOURS[0], values: perSecond(logs.lines), fill: true },
    { label: "ERROR or FATAL", colour: "#d64545", values: perSecond(logs.failures) },
  ]);
}

const METRICS = [
  ["length", "Length, in entries"],
  ["lag", "Lag, in entries: the largest of a stream's groups"],
  ["pending", "Pending entries of all groups"],
];

function streamCharts(series) {
  const order = new Map(report.streams.map((row, at) => [row.stream, at]));
  const sorted = [...series].sort((one, other) => (order.get(one.stream) ?? 1e9) - (order.get(other.stream) ?? 1e9));
  const chosen = new Set(sorted.slice(0, 5).map((entry) => entry.stream));
  const holder = el("div", {});
  const colourOf = (entry) => COLOURS[sorted.indexOf(entry) % COLOURS.length];
  const draw = () => {
    holder.replaceChildren(
      ...METRICS.map(([key, title]) => {
        const drawn = sorted.filter((entry) => chosen.has(entry.stream) && entry[key].some((value) => value !== null));
        const said = drawn.map((entry) => `${shown(entry.stream, 60)} from ${number(entry[key].find((value) => value !== null))} to ${number(lastOf(entry[key]))}`).join("; ");
        return chart(title, `${title}: ${said || "no stream is chosen"}.`, report.timeline.atMs, drawn.map((entry) => ({ label: shown(entry.stream, 60), colour: colourOf(entry), values: entry[key] })), false);
      }),
    );
  };
  const boxes = sorted.map((entry) => {
    const box = el("input", { type: "checkbox", checked: chosen.has(entry.stream) });
    box.addEventListener("change", () => {
      if (box.checked) chosen.add(entry.stream);
      else chosen.delete(entry.stream);
      draw();
    });
    const swatch = el("span", { class: "swatch", "aria-hidden": "true" });
    swatch.style.background = colourOf(entry);
    return el("label", {}, box, swatch, name(entry.stream, 60));
  });
  draw();
  const figures = lazy("The same as a table", () => figuresTable(sorted));
  const left = report.timeline.streamsLeftOut;
  return el(
    "div",
    {},
    el("fieldset", { class: "choose" }, el("legend", {}, "Streams in the charts, the worst first"), boxes, left > 0 && el("p", {}, `${number(left)} more streams are not kept as series; their last figures stand in the stream map.`)),
    holder,
    figures,
  );
}

function lastOf(values) {
  for (let at = values.length - 1; at >= 0; at -= 1) if (values[at] !== null) return values[at];
  return null;
}

function figuresTable(series) {
  const cell = (values) => {
    const known = values.filter((value) => value !== null);
    if (!known.length) return "not known";
    return `${number(known[0])} → ${number(lastOf(values))} (highest ${number(Math.max(...known))})`;
  };
  return table("Streams over the window: first, last and highest figure", ["stream", "length", "lag", "pending"], series.map((entry) => [name(entry.stream), cell(entry.length), cell(entry.lag), cell(entry.pending)]));
}

/** One chart in a figure of its own; it is drawn again for another width, theme, or paper. `markMs` is a line in it. */
function chart(title, said, timesMs, series, legend = true, markMs = null) {
  const box = el("div", { class: "chart", role: "img", "aria-label": said });
  const known = { box, plot: null };
  known.draw = () => {
    known.plot?.destroy();
    box.replaceChildren();
    known.plot = plot(box, timesMs, series, markMs);
  };
  charts.push(known);
  if (pageIsBuilt) queueMicrotask(known.draw);
  const key = el("p", { class: legend ? "legend" : "legend paper", "aria-hidden": "true" }, series.map((entry) => el("span", {}, swatchOf(entry.colour), entry.label)));
  return el("figure", {}, el("figcaption", {}, title), key, box);
}

function swatchOf(colour) {
  const swatch = el("span", { class: "swatch" });
  swatch.style.background = colour;
  return swatch;
}

/** A line through the chart at a moment. */
function marker(drawn, markMs, ink) {
  if (markMs === null) return;
  const x = Math.round(drawn.valToPos(markMs / 1000, "x", true));
  const { ctx, bbox } = drawn;
  ctx.save();
  ctx.strokeStyle = ink;
  ctx.lineWidth = 2;
  ctx.setLineDash([6, 4]);
  ctx.beginPath();
  ctx.moveTo(x, bbox.top);
  ctx.lineTo(x, bbox.top + bbox.height);
  ctx.stroke();
  ctx.restore();
}

function plot(box, timesMs, series, markMs) {
  const style = getComputedStyle(document.documentElement);
  const ink = style.getPropertyValue("--ink-soft").trim();
  const grid = style.getPropertyValue("--line").trim();
  const reading = el("div", { class: "reading", hidden: true });
  const axis = { stroke: ink, grid: { stroke: grid, width: 1 }, ticks: { stroke: grid, width: 1 }, font: "12px system-ui, sans-serif" };
  const options = {
    width: onPaper ? PAPER_PX : Math.max(box.clientWidth, 240),
    height: 176,
    padding: [8, PAD_PX, 0, 0],
    legend: { show: false },
    cursor: { sync: { key: "window" }, drag: { x: false, y: false }, points: { size: 7 } },
    tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), "Etc/UTC"),
    scales: { x: { time: true, range: () => [windowBounds.from / 1000, windowBounds.to / 1000] }, y: { range: (_, least, most) => [0, most > 0 ? most * 1.08 : 1] } },
    axes: [{ ...axis, values: (_, splits) => splits.map((seconds) => clock(seconds * 1000)), space: 90, size: 32 }, { ...axis, size: AXIS_PX, values: (_, splits) => splits.map(shorter) }],
    series: [{}, ...series.map((entry) => ({ label: entry.label, stroke: entry.colour, width: 2, fill: entry.fill ? `${entry.colour}22` : undefined, points: { show: timesMs.length < 3 }, spanGaps: false }))],
    hooks: { setCursor: [(drawn) => readOut(drawn, reading, timesMs, series)], draw: [(drawn) => marker(drawn, markMs, ink)] },
  };
  const drawn = new uPlot(options, [timesMs.map((ms) => ms / 1000), ...series.map((entry) => entry.values)], box);
  drawn.over.append(reading);
  return drawn;
}

function shorter(value) {
  if (Math.abs(value) >= 1e6) return `${+(value / 1e6).toFixed(2)}M`;
  if (Math.abs(value) >= 1e4) return `${+(value / 1e3).toFixed(1)}k`;
  return String(+value.toFixed(3));
}

function readOut(drawn, reading, timesMs, series) {
  const at = drawn.cursor.idx;
  reading.hidden = at === null || at === undefined || drawn.cursor.left < 0;
  if (reading.hidden) return;
  const lines = series
    .map((entry) => ({ entry, value: entry.values[at] }))
    .filter(({ value }) => value !== null && value !== undefined)
    .map(({ entry, value }) => el("div", {}, swatchOf(entry.colour), `${entry.label} `, el("strong", {}, number(Math.round(value * 100) / 100))));
  reading.replaceChildren(el("div", {}, clock(timesMs[at])), ...lines);
  const right = drawn.cursor.left > drawn.over.clientWidth / 2;
  reading.style.left = right ? "auto" : `${drawn.cursor.left + 12}px`;
  reading.style.right = right ? `${drawn.over.clientWidth - drawn.cursor.left + 12}px` : "auto";
}

/** Draw what is in the page; what has left it is forgotten. */
function drawCharts() {
  for (const known of charts.splice(0)) {
    if (known.box.isConnected) {
      charts.push(known);
      known.draw();
    } else known.plot?.destroy();
  }
}
