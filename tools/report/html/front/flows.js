// Event flows: figures over all of them, and each shown one as a sequence diagram with its steps.

const OF_THE_STREAM = new Set(["removed", "trimmed"]);

function buildFlows(section) {
  section.append(heading("flows", "Event flows"));
  const flows = report.flows;
  if (!flows) {
    section.append(el("p", {}, "They could not be built; see the gaps."));
    return;
  }
  if (!flows.correlations && !flows.messages) {
    section.append(el("p", {}, "No log line and no sampled entry carries a correlation id or a message id, so no flow can be followed."));
    return;
  }
  section.append(el("p", { class: "lead" }, flowFigures(flows)));
  if (flows.servicesWithoutIds.length) section.append(el("p", {}, "No id was seen in any line of ", names(flows.servicesWithoutIds, 20), "."));
  if (flows.delays.length) section.append(el("h3", {}, "From publish to consume, by group"), delays(flows.delays));
  if (flows.shown.length) section.append(el("h3", {}, "Flagged and slowest flows"), ...flows.shown.map(flowCard));
}

function flowFigures(flows) {
  const flagged = Object.entries(flows.flagged).map(([flag, amount]) => `${number(amount)} ${flag}`).join(", ");
  const late = flows.lateMaxMs === null ? "" : ` Publish to consume, by log lines: median ${milliseconds(flows.lateP50Ms)}, 95 % within ${milliseconds(flows.lateP95Ms)}, longest ${milliseconds(flows.lateMaxMs)} (${number(flows.lateMeasured)} measured).`;
  return shown(`${number(flows.correlations)} correlation ids and ${number(flows.messages)} message ids were followed. Flagged: ${flagged || "none"}.${late}`);
}

function delays(rows) {
  const span = ([least, most]) => (least === most ? milliseconds(least) : `${milliseconds(least)} to ${milliseconds(most)}`);
  return table(
    "How late each group takes its messages",
    ["stream", "group", "service", "messages", "median", "95 %", "longest"],
    rows.slice(0, 40).map((row) => [name(row.stream), row.group ? name(row.group) : "–", row.service ? name(row.service) : "–", `${number(row.messages)} (${number(row.exact)} exact)`, span(row.p50Ms), span(row.p95Ms), span(row.maxMs)]),
  );
}

function flowCard(flow, at) {
  const flags = flow.flags.map((flag) => el("span", { class: "chip flag" }, flag));
  const summary = [
    `${flow.kind} `, name(flow.key, 60), " ", flags,
    el("span", { class: "via" }, ` ${count(flow.steps.length + flow.stepsLeftOut, "step")}, ${milliseconds(flow.durationMs)}${flow.lateMs === null ? "" : `, ${milliseconds(flow.lateMs)} from publish to consume`}`),
  ];
  const card = lazy(el("span", {}, summary), () => [
    flow.pendingIn.length ? el("p", {}, "Pending at the last poll in ", names(flow.pendingIn, 5), ".") : "",
    el("div", { class: "scroll graph", tabindex: "0", role: "group", "aria-label": `Sequence diagram of ${flow.kind} ${shown(flow.key, 60)}; its steps stand below as a table` }, sequence(flow)),
    stepsTable(flow),
    el("p", { class: "via" }, "All of it, from the session's files: ", el("code", {}, `streamgauge trace ${shown(flow.key, 120)}`)),
  ]);
  card.classList.add("flow");
  if (at === 0) {
    card.open = true;
    card.fill();
  }
  return card;
}

function whoOf(step) {
  const who = step.service ?? (step.group ? `group ${step.group}` : "?");
  return step.service && step.origin !== "log" ? `${who}?` : who;
}

function afterOf(step, first) {
  const since = step.sinceMs === null ? "" : `${number(step.sinceMs - first)} to `;
  return `${since}${number(step.atMs - first)} ms`;
}

function stepsTable(flow) {
  const first = flow.steps[0]?.atMs ?? 0;
  return details(
    `Its steps, from ${flow.steps.length ? clock(first, true) : "?"} UTC on, and where each can be read again`,
    flow.stepsLeftOut > 0 && el("p", {}, `${count(flow.stepsLeftOut, "step")} in the middle are left out.`),
    table(
      "Steps",
      ["after", "who", "action", "stream / group", "message", "source"],
      flow.steps.map((step) => [afterOf(step, first), name(whoOf(step)), step.action, step.stream ? [name(step.stream), step.group ? [" / ", name(step.group)] : ""] : "–", step.messageId ? name(step.messageId) : "–", el("span", {}, [step.source, ...step.also].flatMap((source, at) => (at ? [", ", name(source)] : [name(source)])))]),
    ),
  );
}

/** People stand side by side, time goes down; what belongs to a stream stands at it. */
function sequence(flow) {
  const people = new Map();
  const column = (kind, label) => {
    const key = `${kind} ${label}`;
    if (!people.has(key)) people.set(key, { kind, label, at: people.size });
    return people.get(key);
  };
  const rows = flow.steps.map((step) => {
    const stream = step.stream ? column("stream", step.stream) : null;
    const me = stream && OF_THE_STREAM.has(step.action) ? stream : column("service", step.service ?? whoOf(step));
    return { step, me, stream };
  });
  const gap = 170;
  const top = 46;
  const pitch = 34;
  const width = Math.max(people.size * gap, 320);
  const height = top + rows.length * pitch + 24;
  const centre = (person) => person.at * gap + gap / 2;
  const canvas = svg("svg", { width, height, viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": `Sequence of ${count(rows.length, "step")}` });
  for (const person of people.values()) {
    canvas.append(
      svg("line", { x1: centre(person), x2: centre(person), y1: 34, y2: height - 8, class: "lifeline" }),
      svg("g", { class: `node ${person.kind} none` }, svg("title", {}, shown(person.label)), svg("rect", { x: centre(person) - gap / 2 + 6, y: 4, width: gap - 12, height: 30, rx: person.kind === "stream" ? 15 : 6 }), svg("text", { x: centre(person), y: 24, class: "node-label" }, cut(person.label, 17))),
    );
  }
  const first = flow.steps[0]?.atMs ?? 0;
  rows.forEach((row, at) => canvas.append(...drawStep(row, top + at * pitch + 18, centre, afterOf(row.step, first))));
  return canvas;
}

function drawStep({ step, me, stream }, y, centre, after) {
  const words = `${step.action}${step.service && step.origin !== "log" ? "?" : ""} · ${after}`;
  const across = stream && stream !== me && ["published", "acked", "delivered", "consumed"].includes(step.action);
  if (!across) return [svg("circle", { cx: centre(me), cy: y, r: 4, class: `dot ${step.action}` }), svg("text", { x: centre(me) + 9, y: y + 4, class: "step-label" }, words)];
  const towards = step.action === "published" || step.action === "acked";
  const [from, to] = towards ? [centre(me), centre(stream)] : [centre(stream), centre(me)];
  return [
    svg("line", { x1: from, x2: to, y1: y, y2: y, class: `message ${step.action}`, "marker-end": "url(#arrow)" }),
    svg("text", { x: (from + to) / 2, y: y - 5, class: "step-label middle" }, words),
  ];
}
