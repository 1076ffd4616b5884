// Root causes: each cluster from its root to its symptoms, what it reaches, and its one fix.

let causeList = null;

function buildCauses(section) {
  section.append(heading("causes", "Root causes", el("span", { class: "amount" }, causesCounted())));
  causeList = paged(report.clusters, clusterCard, 12);
  if (!report.clusters.length) section.append(el("p", {}, report.findings.length ? "No two findings belong to one trouble. Each stands for itself." : "Nothing was found, so nothing needs a cause."));
  else section.append(el("p", { class: "lead" }, "Findings that tell of one trouble, the weightiest first. Mend the root, and its symptoms should go. ", prose(report.verdict.counted)), causeList);
  const alone = report.findings.filter((finding) => !clusterOf.has(finding.findingId) && !isAdvice(finding) && LEVELS.indexOf(levelOf(finding)) <= 1);
  if (alone.length) {
    const rows = alone.slice(0, 60).map((finding) => el("li", {}, chip(gradeOf(finding)), " ", link(finding.findingId, true), endedOf(finding.findingId), nowFor(finding.findingId), el("p", { class: "fix" }, el("strong", {}, "Do: "), advice(finding.recommendation, 400))));
    section.append(
      el("h3", {}, "Serious, and explained by nothing else"),
      el("ul", { class: "alone" }, rows),
      el("p", { class: "via" }, alone.length > rows.length ? `${number(alone.length - rows.length)} more stand in the findings.` : ""),
    );
  }
}

function causesCounted() {
  const serious = report.clusters.filter((cluster) => LEVELS.indexOf(cluster.severity) <= 1).length;
  const milder = report.clusters.length - serious;
  return milder && serious ? `${number(serious)} serious, ${number(milder)} milder` : number(report.clusters.length);
}

/** Bring a cluster into view, also one that was not made yet. False where there is none of that id. */
function revealCluster(id) {
  const at = report.clusters.findIndex((cluster) => cluster.clusterId === id);
  if (at < 0) return false;
  causeList.showTo(at);
  document.getElementById(id).scrollIntoView({ block: "start" });
  return true;
}

function clusterCard(cluster) {
  const root = findingById.get(cluster.root);
  return el(
    "article",
    { class: `card cluster edge-${cluster.severity.toLowerCase()}`, id: cluster.clusterId, "aria-labelledby": `${cluster.clusterId}-title` },
    el("h3", { id: `${cluster.clusterId}-title` }, chip(cluster.severity), " ", el("span", { class: "id-of" }, cluster.clusterId), " ", prose(root?.title ?? cluster.title, 300), endedOf(cluster.root)),
    paceFor(root),
    statesOf(cluster),
    nowFor(cluster.root),
    el("p", { class: "fix" }, el("strong", {}, "Fix: "), advice(cluster.recommendation)),
    reachOf(cluster),
    root && rootEvidence(root),
    root && lazy("Evidence of the root", () => block(root.evidence, `Evidence of ${root.findingId}, the root of ${cluster.clusterId}`)),
    el("h4", {}, `From root to symptoms: ${count(cluster.members.length, "finding")} of ${cluster.agents.map((agent) => AGENTS[agent] ?? agent).join(", ")}`),
    chainOf(cluster),
    root && cluster.chain.some((step) => step.at < root.timestamp) && el("p", { class: "via" }, "Times are when each was first seen: a limit is passed some time after its cause began."),
    (cluster.alternatives ?? []).map(alternative),
    wordingOf(cluster),
  );
}

/** Of a trouble that was over by the end: when it was seen last. */
function endedOf(id) {
  const over = report.over[id];
  return over && el("span", { class: "via over" }, " — over by the end, ", prose(over));
}

/** Whether the services of a trouble that ended or fell silent ran at the end of the window. */
function statesOf(cluster) {
  const services = new Set(cluster.members.map((id) => findingById.get(id)?.service));
  return (report.serviceStates ?? []).filter((state) => services.has(state.service)).map((state) => el("p", { class: state.state === "down" ? "state down" : "state" }, el("strong", {}, "At the end: "), prose(`${state.service}: ${state.says}.`)));
}

const reachById = new Map((report.reaches ?? []).map((reach) => [reach.clusterId, reach]));

/** Where a trouble shows, then where messages lead from there, nearest first; the bare names where that was not told. */
function reachOf(cluster) {
  const reach = reachById.get(cluster.clusterId);
  if (!reach) return bareReach(cluster.blastRadius);
  const shownAt = both(reach.servicesShown, reach.servicesShownCount, reach.streamsShown, reach.streamsShownCount);
  const elsewhere = both(reach.servicesElsewhere, reach.servicesElsewhereCount, reach.streamsElsewhere, reach.streamsElsewhereCount);
  const streamsLeft = reach.streamsCount - reach.streamsShownCount - reach.streamsElsewhereCount;
  const quiet = both(reach.servicesQuiet, reach.servicesCount - reach.servicesShownCount - reach.servicesElsewhereCount, reach.streamsQuiet, Math.max(reach.streamsQuiet.length, streamsLeft));
  return el(
    "p",
    { class: "reach" },
    el("strong", {}, "Shows at: "),
    shownAt.length ? shownAt : "nothing that has a name",
    elsewhere.length > 0 && [el("br"), el("strong", {}, "Messages lead on to, with troubles of their own, nearest first: "), elsewhere],
    quiet.length > 0 && [el("br"), el("strong", {}, "Messages lead on to, nothing serious known of them, nearest first: "), quiet],
  );
}

/** Services and streams, where there are any. */
function both(services, servicesCount, streams, streamsCount) {
  const parts = [reached(services.map((one) => one.name), servicesCount - services.length, "service", 6), reached(streams.map((one) => one.name), streamsCount - streams.length, "stream", 4)];
  return parts.filter((part) => part.length).flatMap((part, at) => (at ? ["; ", part] : [part]));
}

function bareReach(reach) {
  const found = both(reach.services.map((one) => ({ name: one })), reach.services.length + (reach.moreServices ?? 0), reach.streams.map((one) => ({ name: one })), reach.streams.length + (reach.moreStreams ?? 0));
  return el("p", { class: "reach" }, el("strong", {}, "Reaches: "), found.length ? found : "nothing beyond itself");
}

function reached(some, more = 0, what, most) {
  if (!some.length) return "";
  const left = more + Math.max(0, some.length - most);
  return [`${count(some.length + more, what)} (`, names(some.slice(0, most), most), left > 0 ? ` and ${number(left)} more)` : ")"];
}

/** What would explain a member too: it is named, for the evidence does not decide. */
function alternative(one) {
  return el("p", { class: "alternative" }, el("strong", {}, "Not decided: "), link(one.cause, true), " would explain ", link(one.effect), " too — ", prose(one.says, 240), el("span", { class: "via" }, " · by ", prose(one.via, 160)));
}

function rootEvidence(root) {
  const place = root.evidenceRefs[0];
  return el("p", { class: "root" }, el("strong", {}, "Root: "), link(root.findingId), " at ", name(placeOf(root)), ", seen ", `${number(root.occurrences)}×, first at ${root.timestamp.slice(11, 19)} UTC (`, name(sourceOf(place)), ")");
}

/** Whether a link only says that two findings are about one name: neither explains the other. */
function isCompany(step) {
  return step.rule.startsWith("same-");
}

/** Links as a tree: each effect below the first cause that was named for it; further causes beside it. */
function chainOf(cluster) {
  const below = new Map();
  const parent = new Map();
  const also = new Map();
  for (const step of cluster.chain) {
    if (parent.has(step.effect) || step.effect === cluster.root) also.set(step.effect, [...(also.get(step.effect) ?? []), step]);
    else {
      parent.set(step.effect, step);
      below.set(step.cause, [...(below.get(step.cause) ?? []), step]);
    }
  }
  const told = new Set();
  const node = (id, step, depth, alike = false) => {
    if (told.has(id)) return null;
    told.add(id);
    const finding = findingById.get(id);
    const further = (also.get(id) ?? []).map((other) => el("li", { class: "because" }, isCompany(other) ? "together with " : "also from ", link(other.cause), " — ", prose(other.says, 200)));
    const steps = depth < 40 ? (below.get(id) ?? []) : [];
    const children = steps.map((next, at) => node(next.effect, next, depth + 1, at > 0 && steps[at - 1].says === next.says));
    return el(
      "li",
      {},
      el("div", { class: "step" }, finding && chip(gradeOf(finding)), " ", link(id, true)),
      step && el("p", { class: "because" }, alike ? "likewise" : [isCompany(step) ? "together: " : "because ", prose(step.says, 240)], el("span", { class: "via" }, " · by ", prose(step.via, 160), ` · ${step.at.slice(11, 19)}`)),
      further.length || children.some(Boolean) ? el("ul", {}, children, further) : null,
    );
  };
  const roots = [node(cluster.root, null, 0), ...cluster.members.map((id) => (told.has(id) || parent.has(id) ? null : node(id, null, 0)))];
  const rest = cluster.members.map((id) => node(id, parent.get(id) ?? null, 0));
  const tree = el("ul", { class: "tree" }, roots, rest);
  if (cluster.members.length <= 14) return tree;
  return details(`Show all ${number(cluster.members.length)} findings of this cluster`, tree);
}

function wordingOf(cluster) {
  const wording = (report.wordings ?? []).find((entry) => entry.rootFingerprint === cluster.rootFingerprint && entry.members.join() === cluster.members.join());
  if (!wording) return null;
  const part = (title, sentences) => sentences.length > 0 && el("p", {}, el("strong", {}, `${title}: `), sentences.flatMap((sentence) => [prose(sentence.text), " (", links(sentence.findingIds), ") "]));
  return el(
    "aside",
    { class: "model", "aria-label": "In a language model's words" },
    el("p", { class: "via" }, `In a model's words (${shown(wording.model, 60)}); the findings above are what was measured.`),
    part("Cause", wording.rootCause), part("Chain", wording.chain), part("Reach", wording.blastRadius), part("Fix", wording.fix),
  );
}
