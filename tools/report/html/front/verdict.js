// The first screen: are we on fire, why, what first.

function buildVerdict(section) {
  const { verdict, dashboard } = report;
  const health = dashboard?.health ?? "UNKNOWN";
  section.append(
    el(
      "div",
      { class: `hero ${health.toLowerCase()}` },
      el("p", { class: "health" }, el("span", { class: "lamp", "aria-hidden": "true" }), verdict.stopped ? "Was it on fire? " : "Are we on fire? ", el("span", { class: "chip" }, health)),
      el("h1", { id: "verdict-title" }, prose(verdict.headline)),
      verdict.about ? el("p", { class: "when" }, prose(verdict.about)) : dashboard && windowLine(dashboard),
      verdict.harm && el("p", { class: "harm" }, el("strong", {}, "Harm so far: "), prose(verdict.harm)),
      verdict.atTheEnd && el("p", { class: "harm" }, el("strong", {}, "Services: "), prose(verdict.atTheEnd)),
    ),
  );
  if (report.change) section.append(el("p", { class: "notice" }, prose(report.change.summary)));
  const notSeen = blindNotice();
  if (notSeen) section.append(notSeen);
  const why = [...verdict.why, ...(verdict.others ?? [])].map((reason) => el("li", {}, ...reasonOf(reason)));
  if (verdict.more) why.push(el("li", {}, `and ${number(verdict.more)} more that are serious: `, el("a", { href: "#causes" }, "root causes")));
  const first = verdict.first.map((reason) =>
    el("li", {}, causeOf(reason), reason.over && "(over by the end) ", reason.now && [el("strong", {}, "Now: "), advice(reason.now, 600), " ", el("strong", {}, "Then: ")], advice(brief(reason.text), 600), reason.seen && [" The line: ", name(reason.seen, 260)], " ", el("span", { class: "proof" }, brief(reason.text).length < reason.text.length ? "in full: " : "", links(reason.findingIds, 3))),
  );
  if (verdict.firstMore) first.push(el("li", { class: "more" }, `and ${number(verdict.firstMore)} more that should not wait long: `, el("a", { href: "#roadmap" }, "roadmap")));
  if (why.length || first.length) {
    section.append(
      el(
        "div",
        { class: "pair" },
        el("div", { class: "card" }, el("h2", {}, "Why"), why.length ? el("ol", { class: "plain" }, why) : el("p", {}, "Nothing to explain.")),
        el("div", { class: "card" }, el("h2", {}, "What first"), verdict.stopped && first.length > 0 && el("p", { class: "via" }, "“Now” is for wherever else this system runs: what this audit had started is stopped."), first.length ? el("ol", {}, first) : el("p", {}, "Nothing has to be done now.")),
      ),
    );
  }
  if (dashboard) section.append(tiles(dashboard), counts(dashboard));
  section.append(...comparisonOf(report.comparison));
}

/** The number of a trouble, which leads to its chain and its fix. */
function causeOf(reason) {
  return reason.clusterId && [el("a", { class: "cause", href: `#${reason.clusterId}` }, reason.clusterId), " "];
}

/** A reason, its proof, and the way to the cluster that has its chain and its fix. A cause is as bad as its worst effect. */
function reasonOf(reason) {
  const [root] = reason.findingIds;
  const finding = findingById.get(root);
  const cluster = clusterOf.get(root);
  return [
    causeOf(reason),
    finding && chip(reason.severity ?? (cluster?.root === root ? cluster.severity : gradeOf(finding))),
    finding && " ",
    reason.over && [el("strong", {}, "over by the end"), " (", prose(reason.over), "): "],
    prose(reason.text, 500),
    " ",
    el("span", { class: "proof" }, links(reason.findingIds, reason.clusterId ? 1 : 3)),
  ];
}

function windowLine(board) {
  const parts = [board.mode];
  if (board.startedAt) parts.push(`${board.startedAt.slice(0, 10)}, ${board.startedAt.slice(11, 19)} to ${board.endedAt ? board.endedAt.slice(11, 19) : "?"} UTC`);
  if (board.durationMs !== null) parts.push(milliseconds(board.durationMs));
  parts.push(`ended by ${board.endedBy}`);
  return el("p", { class: "when" }, shown(parts.join(" · ")));
}

function blindNotice() {
  const blind = report.sourceGaps.filter((gap) => gap.blind);
  if (!blind.length && !report.failures.length) return null;
  const named = blind.slice(0, 3).flatMap((gap, at) => [at ? "; " : "", prose(gap.what, 120)]);
  return el(
    "p",
    { class: "notice" },
    el("strong", {}, "Not seen: "),
    blind.length ? [`${count(blind.length, "gap")} in coverage: `, named, blind.length > 3 ? ` and ${blind.length - 3} more. ` : ". "] : "",
    report.failures.length ? `${count(report.failures.length, "part")} of this report could not be built. ` : "",
    el("a", { href: "#gaps" }, "See the gaps"),
  );
}

function tiles(board) {
  const lagging = board.streamsWithLag?.length;
  const facts = [
    [board.services.length, "services", "#topology"],
    [board.streamsDiscovered, "streams", "#streams"],
    [lagging, "streams with lag", "#streams"],
    [board.unackedMessages, "unacked messages", "#streams"],
    [board.drifts, "differences of configuration", "#drift"],
    [board.blindGaps, "sources not seen", "#gaps"],
  ];
  const severities = LEVELS.map((level) =>
    el("a", { class: board.bySeverity[level] ? `tile ${level.toLowerCase()}` : "tile", href: "#findings", onclick: () => filterBy({ level: [level] }) }, el("strong", {}, number(board.bySeverity[level] ?? 0)), el("span", {}, level)),
  );
  const others = facts.map(([value, what, where]) => el("a", { class: "tile", href: where }, el("strong", {}, number(value)), el("span", {}, what)));
  return el("div", { class: "tiles" }, severities, others);
}

function counts(board) {
  const of = (values, wanted) =>
    el(
      "ul",
      { class: "bars" },
      Object.entries(values).slice(0, 12).map(([key, amount]) => {
        const most = Math.max(...Object.values(values), 1);
        const bar = el("meter", { min: "0", max: String(most), value: String(amount), "aria-hidden": "true" });
        return el("li", {}, el("a", { href: "#findings", onclick: () => filterBy(wanted(key)) }, shown(key, 60)), bar, el("span", {}, number(amount)));
      }),
    );
  const compared = board.comparison
    ? `${board.comparison.new} new, ${board.comparison.persisting} persisting and ${board.comparison.resolved} resolved since ${board.comparison.lastSessionId}`
    : "not compared";
  const cost = Object.entries(board.ownCost).map(([key, value]) => `${key.replaceAll("_", " ")} ${number(value)}${key === "polls" && report.coverage && value > report.coverage.polls ? ` (${number(report.coverage.polls)} in the window)` : ""}`).join(", ");
  return details(
    "Findings by category and service, comparison, cost of the audit",
    el("div", { class: "pair" }, el("div", {}, el("h3", {}, "By category"), of(board.byCategory, (key) => ({ category: key }))), el("div", {}, el("h3", {}, "By service"), of(board.byService, (key) => ({ service: key })))),
    el(
      "dl",
      { class: "facts" },
      el("dt", {}, "Against the last session"), el("dd", {}, shown(compared)),
      el("dt", {}, "Language model"), el("dd", {}, shown(`${board.languageModel}, ${board.languageModelCostUsd.toFixed(2)} USD`)),
      el("dt", {}, "Own cost on the server"), el("dd", {}, shown(cost || "none")),
    ),
  );
}
