// One finding in full: what it means, what to do, the evidence with its place, and its part in a chain.

function sourceOf(reference) {
  const at = reference.locator;
  if (at.line !== undefined) return `${reference.source}:${at.line}`;
  if (at.poll !== undefined) return `${reference.source}, poll ${at.poll}`;
  if (at.byteOffset !== undefined) return `${reference.source}, byte ${at.byteOffset}`;
  return reference.source;
}

function findingBody(finding) {
  const open = criticalById.get(finding.findingId)?.openAtEnd;
  const cluster = clusterOf.get(finding.findingId);
  const said = finding.hypothesis ?? finding.pattern;
  return [
    open !== undefined && open !== null && el("p", {}, open ? el("strong", {}, "Still so at the end of the window.") : "Over by the end of the window."),
    nowFor(finding.findingId),
    el("p", { class: "fix" }, el("strong", {}, "Do: "), advice(finding.recommendation)),
    said && finding.hypothesis && el("p", {}, el("strong", {}, "What it means: "), prose(said)),
    finding.expected !== undefined && el("dl", { class: "facts" }, el("dt", {}, "Expected"), el("dd", {}, prose(finding.expected)), el("dt", {}, "Actual"), el("dd", {}, prose(finding.actual))),
    paceFor(finding),
    measured(finding),
    snippets(finding),
    evidenceOf(finding),
    cluster && partOf(finding, cluster),
    around(finding),
    readingsFor(finding),
    facts(finding),
  ].filter(Boolean);
}

function measured(finding) {
  const metrics = Object.entries(finding.metrics ?? {});
  if (!metrics.length) return null;
  const words = { streamLen: "length", pendingCount: "pending", consumerLagMessages: "lag", lagSource: "lag is", oldestPendingAgeMs: "oldest pending", deliveryCount: "deliveries", messagesPerMinute: "messages a minute" };
  const value = (key, raw) => (key === "oldestPendingAgeMs" ? milliseconds(raw) : typeof raw === "number" ? number(raw) : shown(raw));
  return el("p", {}, el("strong", {}, "Measured: "), metrics.map(([key, raw]) => `${words[key] ?? key} ${value(key, raw)}`).join(", "));
}

function snippets(finding) {
  if (!finding.codeSnippetAfter) return null;
  return el(
    "div",
    { class: "pair code" },
    finding.codeSnippetBefore && el("div", {}, el("h4", {}, "Now"), block(finding.codeSnippetBefore, "Code as it is")),
    el("div", {}, el("h4", {}, "Proposed"), block(finding.codeSnippetAfter, "Code as proposed")),
  );
}

function evidenceOf(finding) {
  const refs = finding.evidenceRefs;
  const rows = refs.slice(0, 30).map((ref) => el("li", {}, `${ref.kind}: `, name(sourceOf(ref), 300), el("span", { class: "via" }, ` copy in ${shown(ref.copy.path, 120)}, ${number(ref.copy.byteLength)} bytes, sha256 `, el("code", {}, ref.sha256.slice(0, 16)))));
  return el(
    "div",
    {},
    el("h4", {}, `Evidence, ${count(refs.length, "piece")}`),
    block(finding.evidence, `Evidence of ${finding.findingId}`),
    details("Where each piece was seen, and its copy", el("ul", { class: "small" }, rows, refs.length > 30 && el("li", {}, `and ${refs.length - 30} more`)), el("p", { class: "via" }, "All of it is read again and compared by ", el("code", {}, "streamgauge verify"), ".")),
  );
}

function partOf(finding, cluster) {
  const id = finding.findingId;
  const company = cluster.chain.filter((step) => isCompany(step) && (step.cause === id || step.effect === id));
  const causes = cluster.chain.filter((step) => !isCompany(step) && step.effect === id);
  const effects = cluster.chain.filter((step) => !isCompany(step) && step.cause === id);
  const list = (steps, other) => el("ul", { class: "small" }, steps.slice(0, 12).map((step) => el("li", {}, link(other(step), true), " — ", prose(step.says, 200))), steps.length > 12 && el("li", {}, `and ${steps.length - 12} more`));
  return el(
    "div",
    {},
    el("h4", {}, finding.findingId === cluster.root ? "Root of " : "Part of ", el("a", { href: `#${cluster.clusterId}` }, cluster.clusterId)),
    causes.length > 0 && [el("p", {}, "Explained by"), list(causes, (step) => step.cause)],
    effects.length > 0 && [el("p", {}, "Explains"), list(effects, (step) => step.effect)],
    company.length > 0 && [el("p", {}, "Together with"), list(company, (step) => (step.cause === id ? step.effect : step.cause))],
  );
}

const AROUND_MS = 15000;
const AROUND_MAX = 8;

/** What the stream did, and what else was first seen about then. Nothing of it is only here, so paper leaves it out. */
function around(finding) {
  const at = Date.parse(finding.timestamp);
  const box = lazy("What else happened around then", () => [...streamsAround(finding, at), ...findingsAround(finding, at)], false);
  return box;
}

function streamsAround(finding, at) {
  const found = (report.timeline?.streams ?? []).filter((entry) => isAbout(finding, entry.stream)).slice(0, 2);
  return found.map((entry) => {
    const drawn = METRICS.map(([key], index) => ({ label: key, colour: COLOURS[index], values: entry[key] })).filter((one) => one.values.some((value) => value !== null));
    const said = drawn.map((one) => `${one.label} ${number(one.values.find((value) => value !== null))} to ${number(lastOf(one.values))}`).join(", ");
    return chart(shown(`${entry.stream}; the line is when this was first seen`, 120), `${shown(entry.stream, 60)} over the window: ${said}`, report.timeline.atMs, drawn, true, at);
  });
}

function findingsAround(finding, at) {
  const near = report.findings
    .filter((other) => other !== finding && Math.abs(Date.parse(other.timestamp) - at) <= AROUND_MS)
    .sort((one, other) => Math.abs(Date.parse(one.timestamp) - at) - Math.abs(Date.parse(other.timestamp) - at));
  if (!near.length) return [el("p", {}, `Nothing else was first seen within ${AROUND_MS / 1000} s.`)];
  return [
    el("p", {}, `First seen within ${AROUND_MS / 1000} s, the nearest first${near.length > AROUND_MAX ? ` (${AROUND_MAX} of ${number(near.length)})` : ""}:`),
    el("ul", { class: "small" }, near.slice(0, AROUND_MAX).map((other) => el("li", {}, clock(Date.parse(other.timestamp)), " ", chip(gradeOf(other)), " ", link(other.findingId, true)))),
  ];
}

function readingsFor(finding) {
  const readings = readingsOf.get(finding.findingId);
  if (!readings) return null;
  return el(
    "aside",
    { class: "model", "aria-label": "A language model's reading" },
    readings.slice(0, 5).map((reading) => [el("p", { class: "via" }, `A model's reading (${shown(reading.model, 60)}); it changes nothing of the finding.`), el("p", {}, prose(reading.hypothesis)), reading.recommendation && el("p", {}, prose(reading.recommendation))]),
  );
}

/** Of a family of streams: how many it counts, how many it lists, and where the rest is. */
function membersOf(finding) {
  const listed = finding.members?.length ?? 0;
  const more = finding.moreMembers ?? 0;
  if (!listed) return "";
  const rest = more ? `; the other ${number(more)} are counted only: where the last poll shows the trouble on one, its row among the streams names this finding` : "";
  return `${number(listed + more)}, the worst first; ${number(listed)} are listed in all-findings.json${rest}`;
}

function facts(finding) {
  const rows = [
    ["Seen", `${number(finding.occurrences)}×, ${finding.timestamp} to ${finding.lastSeen}`],
    ["Source's own time", finding.eventTime],
    ["Service", servicesOf(finding).join(", ")],
    ["Stream", streamsOf(finding).slice(0, 20).join(", ")],
    ["Streams in all", membersOf(finding)],
    ["Group", finding.consumerGroup],
    ["Consumer", finding.consumer],
    ["Correlation id", finding.correlationId],
    ["Messages", [finding.streamId, ...(finding.messageIds ?? [])].filter(Boolean).slice(0, 20).join(", ")],
    ["Files", (finding.affectedFiles ?? []).slice(0, 20).join(", ")],
    ["Pattern", finding.pattern],
    ["Template", finding.template],
    ["Effort", finding.effort && `${finding.effort}, impact ${finding.impact}`],
    ["Rule", `${finding.ruleId}, confidence ${finding.confidence}, ${finding.origin === "model" ? "told by a model alone" : "measured"}`],
    ["Fingerprint", finding.fingerprint],
    ["Ended", finding.endedAt],
  ].filter(([, value]) => value);
  return el("dl", { class: "facts" }, rows.flatMap(([key, value]) => [el("dt", {}, key), el("dd", {}, prose(value, 1000))]));
}
