// All findings: filters, search, order. Rows are made fifty at a time, and what is in a row when it is opened.

const NOTHING = { level: [], agent: "", service: "", stream: "", category: "", text: "", cluster: "", from: null, to: null };
const filter = { ...NOTHING };
let order = "severity";
let matching = [];
let list = null;
const controls = {};

function buildFindings(section) {
  section.append(heading("findings", "Findings", el("span", { class: "amount" }, number(report.findings.length))));
  if (!report.findings.length) {
    section.append(el("p", {}, "None."));
    return;
  }
  if (findingsLeftOut) section.append(el("p", { class: "notice" }, `The first ${number(report.findings.length)} by severity are in this page; ${number(findingsLeftOut)} more stand in all-findings.json.`));
  const result = el("div", { id: "finding-list" });
  controls.said = el("p", { class: "said", role: "status" });
  section.append(filterForm(), controls.said, result);
  controls.result = result;
  apply();
}

function filterForm() {
  const amounts = (of) => {
    const counted = new Map();
    for (const finding of report.findings) for (const key of of(finding)) counted.set(key, (counted.get(key) ?? 0) + 1);
    return [...counted].sort((one, other) => other[1] - one[1] || (one[0] < other[0] ? -1 : 1));
  };
  const choice = (key, label, values, words = (value) => shown(value, 60)) => {
    const select = el("select", { id: `by-${key}` }, el("option", { value: "" }, "all"), values.map(([value, amount]) => el("option", { value }, `${words(value)} (${amount})`)));
    select.addEventListener("change", () => change({ [key]: select.value }));
    controls[key] = select;
    return el("label", { for: `by-${key}` }, el("span", {}, label), select);
  };
  const perLevel = new Map(amounts((finding) => [levelOf(finding)]));
  controls.levels = LEVELS.map((level) => {
    const button = el("button", { type: "button", class: `toggle ${level.toLowerCase()}`, "aria-pressed": "false", disabled: !perLevel.get(level) }, `${level} ${perLevel.get(level) ?? 0}`);
    button.addEventListener("click", () => change({ level: filter.level.includes(level) ? filter.level.filter((other) => other !== level) : [...filter.level, level] }));
    return button;
  });
  controls.text = el("input", { type: "search", id: "by-text", placeholder: "title, evidence, file, id …", autocomplete: "off" });
  controls.text.addEventListener("input", () => change({ text: controls.text.value }));
  const sort = el("select", { id: "by-order" }, [["severity", "severity"], ["time", "first seen"], ["occurrences", "how often"]].map(([value, label]) => el("option", { value }, label)));
  sort.addEventListener("change", () => {
    order = sort.value;
    apply();
  });
  const reset = el("button", { type: "button", id: "reset", onclick: () => { change({ ...NOTHING }); controls.text.focus(); } }, "Show all");
  return el(
    "form",
    { class: "filters", role: "search", "aria-label": "Filter findings", onsubmit: (event) => event.preventDefault() },
    el("label", { class: "wide", for: "by-text" }, el("span", {}, "Search (press /)"), controls.text),
    el("fieldset", { class: "levels" }, el("legend", {}, "Severity; P0 to P3 of advice count as CRITICAL to LOW"), controls.levels),
    choice("agent", "Agent", amounts((finding) => [finding.agentId]), (value) => AGENTS[value] ?? value),
    choice("service", "Service", amounts(servicesOf).slice(0, 500)),
    choice("stream", "Stream", amounts(streamsOf).slice(0, 500)),
    choice("category", "Category", amounts((finding) => [finding.category])),
    choice("cluster", "Root cause", report.clusters.slice(0, 200).map((cluster) => [cluster.clusterId, cluster.members.length])),
    el("label", { for: "by-order" }, el("span", {}, "Order by"), sort),
    reset,
  );
}

/** Set a filter from elsewhere in the page; everything else is let go. */
function filterBy(wanted) {
  change({ ...NOTHING, ...wanted });
}

function change(wanted) {
  Object.assign(filter, wanted);
  apply();
}

function matches(finding, words) {
  if (filter.level.length && !filter.level.includes(levelOf(finding))) return false;
  if (filter.agent && finding.agentId !== filter.agent) return false;
  if (filter.category && finding.category !== filter.category) return false;
  if (filter.service && !isOf(finding, filter.service)) return false;
  if (filter.stream && !isAbout(finding, filter.stream)) return false;
  if (filter.cluster && clusterOf.get(finding.findingId)?.clusterId !== filter.cluster) return false;
  if (filter.from !== null) {
    const at = Date.parse(finding.timestamp);
    if (at < filter.from || at > filter.to) return false;
  }
  if (!words.length) return true;
  const text = searchTextOf(finding);
  return words.every((word) => text.includes(word));
}

/** The dashboard counts what names no service as `unknown`. */
function isOf(finding, service) {
  const named = servicesOf(finding);
  return named.includes(service) || (service === "unknown" && named.length === 0);
}

const ORDERS = {
  severity: null,
  time: (one, other) => (one.timestamp < other.timestamp ? -1 : one.timestamp > other.timestamp ? 1 : 0),
  occurrences: (one, other) => other.occurrences - one.occurrences,
};

function apply() {
  const words = filter.text.toLowerCase().split(/\s+/).filter(Boolean);
  matching = report.findings.filter((finding) => matches(finding, words));
  if (ORDERS[order]) matching = [...matching].sort(ORDERS[order]);
  for (const key of ["agent", "service", "stream", "category", "cluster"]) showChoice(controls[key], filter[key]);
  if (controls.text.value !== filter.text) controls.text.value = filter.text;
  LEVELS.forEach((level, at) => controls.levels[at].setAttribute("aria-pressed", String(filter.level.includes(level))));
  const time = filter.from === null ? "" : ` first seen from ${clock(filter.from)} to ${clock(filter.to)}`;
  controls.said.textContent = matching.length === report.findings.length ? `All ${count(matching.length, "finding")}.` : `${number(matching.length)} of ${count(report.findings.length, "finding")}${time}.`;
  list = paged(matching, findingRow, 50);
  controls.result.replaceChildren(matching.length ? list : el("p", {}, "No finding matches. “Show all” lets the filters go."));
}

/** A name that the list does not offer, for there are too many, is added to it. */
function showChoice(select, value) {
  if (value && ![...select.options].some((option) => option.value === value)) select.append(el("option", { value }, shown(value, 60)));
  select.value = value;
}

function findingRow(finding) {
  const id = finding.findingId;
  const body = el("div", { class: "body", id: `body-${id}`, hidden: true });
  const button = el(
    "button",
    { type: "button", class: "summary", "aria-expanded": "false", "aria-controls": `body-${id}` },
    el("span", { class: `chip ${levelOf(finding).toLowerCase()}` }, gradeOf(finding)),
    el("span", { class: "id-of" }, id),
    el("span", { class: "title" }, prose(finding.title, 300)),
    el("span", { class: "meta" }, finding.category, " · ", prose(placeOf(finding), 80), finding.occurrences > 1 ? ` · ${number(finding.occurrences)}×` : "", clusterOf.has(id) ? ` · ${clusterOf.get(id).clusterId}` : ""),
  );
  const row = el("article", { id, class: `finding edge-${levelOf(finding).toLowerCase()}`, "aria-label": `${id}: ${shown(finding.title, 200)}` }, el("h3", {}, button), body);
  row.toggle = (open) => {
    if (open && !body.childElementCount) body.append(...findingBody(finding));
    body.hidden = !open;
    button.setAttribute("aria-expanded", String(open));
  };
  button.addEventListener("click", () => row.toggle(body.hidden));
  return row;
}

/** Bring a finding into view, whatever is filtered. False where there is none of that id. */
function reveal(id) {
  const finding = findingById.get(id);
  if (!finding) return false;
  if (!matching.includes(finding)) change({ ...NOTHING });
  list.showTo(matching.indexOf(finding));
  const row = document.getElementById(id);
  row.toggle(true);
  row.scrollIntoView({ block: "start" });
  row.querySelector("button").focus({ preventScroll: true });
  return true;
}

/** Everything that the filters let through, opened: for paper there is no button to press. */
function expandFindings() {
  list?.showAll();
  for (const row of document.querySelectorAll("#finding-list article")) row.toggle(true);
}
