// What changed since an earlier session, the trend of the last ones, and what is accepted; nothing where there is none.

const CHANGES_MAX = 200;

function comparisonOf(found) {
  if (!found) return [];
  const parts = [];
  if (found.earlier) parts.push(details(sinceLine(found), ...changesOf(found)));
  if (found.trend.length > 1) parts.push(details(`Trend of the last ${number(found.trend.length)} sessions`, trendOf(found.trend)));
  if (found.acceptances.length) parts.push(details(`Accepted findings: ${number(found.acceptances.length)}`, acceptedOf(found.acceptances)));
  return parts;
}

function sinceLine(found) {
  const told = Object.entries(found.counts).filter(([, amount]) => amount).map(([state, amount]) => `${number(amount)} ${state}`);
  if (found.flapping) told.push(`${number(found.flapping)} flapping`);
  return shown(`Since session ${found.earlier}: ${told.join(", ") || "nothing changed"}`);
}

function changesOf(found) {
  const changed = found.findings.filter((row) => row.state !== "persisting" || row.returned || row.lapsed);
  const rows = changed.slice(0, CHANGES_MAX).map((row) => el("li", {}, ...changeOf(row)));
  return [
    found.notes.length > 0 && el("p", { class: "notice" }, "Not like the earlier session: ", found.notes.flatMap((note, at) => [at ? "; " : "", prose(note, 300)]), "."),
    rows.length ? el("ul", { class: "alone changes" }, rows) : el("p", {}, "Nothing changed."),
    changed.length > rows.length && el("p", { class: "via" }, `${number(changed.length - rows.length)} more are in report.json.`),
  ].filter(Boolean);
}

function changeOf(row) {
  const here = row.sessionId === report.sessionId && findingById.has(row.findingId);
  const why = [row.change, row.returned ? `flapping: it came back ${count(row.returned, "time")}` : "", row.accepted ? `accepted: ${row.accepted}` : "", row.lapsed ? "accepted before, and not any more" : ""].filter(Boolean);
  return [
    el("strong", {}, `${row.worse && row.state !== "new" ? "worse" : row.state} `),
    chip(row.level[0] === "P" ? row.level.slice(0, 2) : row.level),
    " ",
    here ? link(row.findingId, true) : [el("span", { class: "id-of" }, row.findingId), " ", prose(row.title, 160)],
    why.length > 0 && el("span", { class: "via" }, " · ", prose(why.join("; "), 300)),
  ].filter(Boolean);
}

function trendOf(points) {
  const rows = points.map((point) => [
    name(point.sessionId),
    point.endedMs === null ? "?" : new Date(point.endedMs).toISOString().slice(0, 16).replace("T", " "),
    ...LEVELS.map((level) => number(point.bySeverity[level] ?? 0)),
    number(point.enhancements),
  ]);
  return table("Findings of the last sessions, the newest last", ["session", "ended, UTC", ...LEVELS, "enhancements"], rows);
}

function acceptedOf(entries) {
  const rows = entries.map((entry) => [entry.level ? `worse: its finding is ${entry.level} now, which nobody accepted; level = "${entry.level}" does` : entry.now ? [`${entry.state}: its finding is `, name(entry.now), entry.state === "in force" ? " now, write that" : " now"] : entry.state, name(entry.fingerprint), prose(entry.reason, 200), entry.expires, name(entry.place)]);
  return table("Findings that are accepted, and until when", ["entry", "fingerprint", "reason", "until", "place"], rows);
}
