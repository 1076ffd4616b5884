// The report as it stands in report.json, and what is looked up in it.

const source = document.getElementById("report-data");
const report = JSON.parse(source.textContent);
const findingsLeftOut = Number(source.dataset.leftOut);
const LEVELS = ["CRITICAL", "HIGH", "MEDIUM", "LOW", "INFO"];
const PRIORITIES = ["P0_CRITICAL", "P1_HIGH", "P2_MEDIUM", "P3_LOW"];
const AGENTS = {
  LOG_WATCHER: "Log Watcher",
  REDIS_STREAM_ANALYST: "Stream Analyst",
  CONFIG_AUDITOR: "Config Auditor",
  ENHANCEMENT_SCOUT: "Enhancement Scout",
};

const findingById = new Map(report.findings.map((finding) => [finding.findingId, finding]));
const criticalById = new Map(report.critical.map((entry) => [entry.findingId, entry]));
const clusterOf = new Map(report.clusters.flatMap((cluster) => cluster.members.map((id) => [id, cluster])));
const readingsOf = new Map();
for (const reading of report.readings ?? []) {
  for (const id of reading.findingIds) readingsOf.set(id, [...(readingsOf.get(id) ?? []), reading]);
}

/** Severity; the Scout's priorities P0 to P3 on the same scale. */
function levelOf(finding) {
  return finding.severity ?? LEVELS[PRIORITIES.indexOf(finding.priority)];
}

/** What it is called in the page: `HIGH` of what was measured, `P1` of advice. */
function gradeOf(finding) {
  return finding.severity ?? finding.priority.slice(0, 2);
}

function isAdvice(finding) {
  return finding.severity === undefined;
}

const NO_SERVICE = new Set(["", "unknown", "cross-service"]);

function servicesOf(finding) {
  if (finding.affectedServices) return finding.affectedServices;
  return finding.service === undefined || NO_SERVICE.has(finding.service) ? [] : [finding.service];
}

/** The streams a finding names and, of a family, the members that it lists. */
function streamsOf(finding) {
  if (finding.stream !== undefined) return [...new Set([finding.stream, ...(finding.members ?? [])])];
  return finding.affectedStreams ?? [];
}

const paceOf = new Map(report.streams.flatMap((row) => row.groups.map((group) => [`${row.stream}\n${group.name}`, group.pace])));

/** Of a finding about a lag, what its stream gets and its group is given at the end of the window. */
function paceFor(finding) {
  const pace = finding?.category === "CONSUMER_LAG" && paceOf.get(`${finding.members?.[0] ?? finding.stream}\n${finding.consumerGroup}`);
  return pace ? el("p", { class: "pace" }, el("strong", {}, "Pace: "), prose(pace.says), ".") : null;
}

const nowOf = new Map(report.roadmap.filter((item) => item.now).flatMap((item) => (item.clusterId === null ? item.findingIds : item.findingIds.slice(0, 1)).map((id) => [id, item.now])));

/** What limits the harm until the fix is made, as in the roadmap; it stands before every advice of a root. */
function nowFor(id) {
  return nowOf.has(id) ? el("p", { class: "now" }, el("strong", {}, "Now: "), advice(nowOf.get(id))) : null;
}

const aboutOf = new Map(report.streams.map((row) => [row.stream, new Set(row.findingIds)]));

/** Whether a finding is about a stream: it names it, or the stream's family. */
function isAbout(finding, stream) {
  return streamsOf(finding).includes(stream) || Boolean(aboutOf.get(stream)?.has(finding.findingId));
}

/** Where a finding is, in a few words. */
function placeOf(finding) {
  if (finding.stream !== undefined) return finding.stream + (finding.consumerGroup ? ` / ${finding.consumerGroup}` : "");
  const file = finding.affectedFiles?.[0];
  const services = servicesOf(finding);
  if (file) return file;
  return services.length ? services.join(", ") : (streamsOf(finding)[0] ?? "");
}

const searchTexts = new Map();

/** All that can be searched of a finding, in lower case; made once, when first searched. */
function searchTextOf(finding) {
  let text = searchTexts.get(finding.findingId);
  if (text === undefined) {
    text = [
      finding.findingId, finding.title, finding.category, finding.ruleId, placeOf(finding), finding.hypothesis,
      finding.recommendation, finding.evidence, finding.expected, finding.actual, finding.correlationId, finding.streamId,
      finding.fingerprint, finding.consumer, ...servicesOf(finding), ...streamsOf(finding), ...(finding.messageIds ?? []),
      ...(finding.affectedFiles ?? []),
    ].filter(Boolean).join("\n").toLowerCase();
    searchTexts.set(finding.findingId, text);
  }
  return text;
}

/** A link to a finding; its title is what is said of it, its id what is seen. */
function link(id, withTitle = false) {
  const finding = findingById.get(id);
  if (!finding) return el("span", {}, shown(id));
  const title = shown(finding.title, 160);
  return el(
    "a",
    { href: `#${id}`, class: withTitle ? "id titled" : "id", "aria-label": withTitle ? null : `${id}: ${title}`, title: withTitle ? null : title },
    withTitle ? [el("span", { class: "id-of" }, id), " ", el("bdi", {}, title)] : id,
  );
}

function links(ids, most = 12) {
  const first = ids.slice(0, most).flatMap((id, at) => (at ? [", ", link(id)] : [link(id)]));
  return ids.length > most ? [...first, ` and ${number(ids.length - most)} more`] : first;
}
