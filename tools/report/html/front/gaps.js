// What could not be seen: in the system, in its sources, and by this session.

function buildGaps(section) {
  section.append(heading("gaps", "Observability gaps and coverage"));
  if (report.observabilityGaps.length) section.append(...report.observabilityGaps.map(gapCard));
  else section.append(el("p", {}, "None of the gaps A to F was seen in what this session could look at."));
  if (report.failures.length) section.append(el("h3", {}, "Sections that could not be built"), table("Sections that could not be built", ["section", "reason"], report.failures.map((failure) => [shown(failure.section), prose(failure.reason)])));
  section.append(el("h3", {}, "Sources that could not be looked at, or only in part"), sourceGaps());
  const templates = report.logTemplates;
  if (templates.length) section.append(lazy(`Log lines that findings are about (${number(templates.length)} templates)`, () => logTable(templates)));
  section.append(el("h3", {}, "Coverage"), report.coverage ? coverageList(report.coverage) : el("p", {}, "It could not be built."));
}

function gapCard(gap) {
  return el(
    "article",
    { class: "card", "aria-label": `Gap ${gap.letter}: ${shown(gap.title, 120)}` },
    el("h3", {}, `${gap.letter}. `, prose(gap.title), " ", el("span", { class: "chip" }, gap.priority.slice(0, 2))),
    el("p", {}, el("strong", {}, "Why it matters: "), prose(gap.why), "."),
    el("ul", { class: "small" }, gap.missing.slice(0, 12).map((text) => el("li", {}, prose(text))), gap.missing.length > 12 && el("li", {}, `and ${gap.missing.length - 12} more`)),
    gap.files.length > 0 && el("p", {}, "Files concerned: ", names(gap.files, 20)),
    gap.change && lazy(el("span", {}, "The change: ", name(gap.change.file)), () => [block(gap.change.code, `Change of ${shown(gap.change.file, 100)}`), gap.schemas.length > 0 && el("p", { class: "via" }, "Fields: ", names(gap.schemas.map((schema) => `docs/schemas/${schema}`)))].filter(Boolean)),
  );
}

function sourceGaps() {
  if (!report.sourceGaps.length) return el("p", {}, "None: every configured source was looked at while the session ran.");
  const when = (gap) => (gap.until ? `${gap.at.slice(11, 19)} to ${gap.until.slice(11, 19)}` : "");
  const piece = (rows) => table("Gaps of sources", ["kind", "what", "when", "why", "how to close it", "told by"], rows.map((gap) => [gap.blind ? el("strong", {}, "blind") : "limit", prose(gap.what), when(gap), prose(gap.why), prose(gap.fix), name(gap.source)]));
  return paged(chunks(report.sourceGaps, 100), piece, 1);
}

function logTable(templates) {
  return table("Log templates", ["service", "lines", "template", "an example", "findings"], templates.slice(0, 300).map((row) => [name(row.service), number(row.lines), [prose(row.template, 300), row.expected && el("p", { class: "via" }, "Expected: ", prose(row.expected))], prose(row.example, 300), links(row.findingIds, 6)]));
}

function coverageList(seen) {
  const list = (values) => (values.length ? names(values, 40) : "none");
  const sentences = (values, none) => (values.length ? el("ul", { class: "plain small" }, values.slice(0, 200).map((text) => el("li", {}, prose(text))), values.length > 200 && el("li", {}, `and ${values.length - 200} more`)) : none);
  const lines = Object.entries(seen.linesByService).slice(0, 60).flatMap(([service, amount], at) => [at ? ", " : "", name(service), ` ${number(amount)}`]);
  const rows = [
    ["Window", seen.windowMs === null ? "not known" : milliseconds(seen.windowMs)],
    ["Polls", number(seen.polls)],
    ["Streams", number(seen.streams)],
    ["Groups looked at in part only", number(seen.streamsUnreadInDetail)],
    ["Log lines", [number(seen.lines), lines.length ? [": ", lines] : ""]],
    ["Services without a line", list(seen.servicesWithoutLines)],
    ["Files read", seen.filesRead === null ? "not indexed" : `${number(seen.filesRead)} (${shown(Object.entries(seen.languages).map(([language, amount]) => `${language} ${amount}`).join(", "))})`],
    ["Rules of this version", number(seen.rulesActive)],
    ["Rules with nothing to look at", sentences(seen.rulesNotLookedAt, "none")],
    ["Ignored by comments in the code", sentences(seen.ignored, "nothing")],
    ["Not looked at in this mode", sentences(seen.limits, "nothing")],
    ["Agents", sentences(seen.agents, "each ran through on its first attempt")],
  ];
  if (seen.redisNodes.length) rows.push(["Redis nodes", list(seen.redisNodes)]);
  return el("dl", { class: "facts" }, rows.flatMap(([key, value]) => [el("dt", {}, key), el("dd", {}, value)]));
}
