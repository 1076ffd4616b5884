// What drifted, and what to do in which order.

function buildDrift(section) {
  section.append(heading("drift", "Drift registry", el("span", { class: "amount" }, number(report.drift.length))));
  if (!report.drift.length) {
    section.append(el("p", {}, "None was found."));
    return;
  }
  const head = ["type", "service", "expected", "actual", "source of truth", "risk", "finding"];
  const piece = (rows) => table("Drift", head, rows.map((row) => [row.type, name(row.service), prose(row.expected, 300), prose(row.actual, 300), name(row.sourceOfTruth), [chip(row.severity), " ", prose(row.risk)], link(row.findingId)]));
  section.append(paged(chunks(report.drift, 100), piece, 1));
}

const EFFORTS = { HOURS_2_4: "2–4 hours", HOURS_4_8: "4–8 hours", DAYS_1_2: "1–2 days", SPRINT: "a sprint" };
const WHEN = { P0_CRITICAL: "P0: now, limit the harm, then mend it", P1_HIGH: "P1: this sprint", P2_MEDIUM: "P2: next", P3_LOW: "P3: backlog" };

function buildRoadmap(section) {
  section.append(heading("roadmap", "Roadmap: what to do, in which order", el("span", { class: "amount" }, number(report.roadmap.length))));
  if (!report.roadmap.length) section.append(el("p", {}, "Nothing is to be done."));
  for (const priority of PRIORITIES) {
    const items = report.roadmap.filter((item) => item.priority === priority);
    if (!items.length) continue;
    section.append(el("h3", {}, `${WHEN[priority]} (${number(items.length)})`), paged(items, roadmapCard, 20));
  }
}

function roadmapCard(item) {
  return el(
    "article",
    { class: "card", "aria-label": shown(item.title, 200) },
    el("h4", {}, item.clusterId && [el("a", { class: "cause", href: `#${item.clusterId}` }, item.clusterId), " "], prose(item.title, 300)),
    item.clusterId ? el("p", {}, "What to do stands at ", el("a", { href: `#${item.clusterId}` }, `root cause ${item.clusterId}`), ".") : whatToDo(item),
    adviceOf("Also", item.also),
    adviceOf("If it stays", item.remains),
    item.adviceLeftOut > 0 && el("p", { class: "via" }, `${number(item.adviceLeftOut)} more of these findings have advice of their own.`),
    el("p", { class: "via" }, `Effort: ${shown(item.work, 160)} · proof: `, links(item.findingIds, 6), " at ", name(item.evidence)),
    item.snippetAfter && lazy("The change", () => el("div", { class: "pair code" }, item.snippetBefore && el("div", {}, el("h5", {}, "Now"), block(item.snippetBefore, "Code as it is")), el("div", {}, el("h5", {}, "Proposed"), block(item.snippetAfter, "Code as proposed")))),
  );
}

function whatToDo(item) {
  return [item.now && el("p", { class: "now" }, el("strong", {}, "Now: "), advice(item.now)), el("p", { class: "fix" }, item.now && el("strong", {}, "Mend: "), advice(item.action))];
}

function adviceOf(title, reasons = []) {
  return reasons.map((reason) => el("p", { class: "beside" }, el("strong", {}, `${title}, `), links(reason.findingIds), ": ", advice(reason.text)));
}

function buildNext(section) {
  section.append(heading("next", "Next session"));
  if (report.nextSession.length) section.append(table("What to change to see more", ["change", "what it shows", "agent that gains", "time"], report.nextSession.map((row) => [prose(row.change), prose(row.closes), prose(row.agent), EFFORTS[row.effort] ?? shown(row.effort)])));
  else section.append(el("p", {}, "Nothing to change: this session saw everything it was asked to look at."));
}
