// The stream health map, and the ledger in which every message is accounted for.

function buildStreams(section) {
  section.append(heading("streams", "Stream health map", el("span", { class: "amount" }, number(report.streams.length))));
  if (report.streams.length) section.append(paged(chunks(report.streams, 100), streamTable, 1));
  else section.append(el("p", {}, report.coverage?.polls ? "Redis holds no stream." : "Redis was not polled, so no stream can be judged."));
  section.append(ledger());
}

/** Tables grow by hundreds of rows: one table for each piece, so that nothing is drawn that nobody asked for. */
function chunks(rows, size) {
  const pieces = [];
  for (let at = 0; at < rows.length; at += size) pieces.push(rows.slice(at, at + size));
  return pieces;
}

function streamTable(rows) {
  const head = ["stream", "status", "length", "pending", "lag", "oldest pending", "groups", "verdict"];
  return table(
    "Streams at the last poll, the worst first",
    head,
    rows.map((row) => [
      name(row.stream),
      el("span", { class: `chip ${row.status.toLowerCase()}` }, `${STATUS_SIGNS[row.status]} ${row.status}`),
      grown(row.length, row.baseline?.length),
      grown(row.pending, row.baseline?.pending),
      [grown(row.lag, row.baseline?.lag), row.lagIsBound ? " or more" : "", rates(row)],
      milliseconds(row.oldestPendingMs),
      row.groups.length ? el("ul", { class: "plain small" }, row.groups.slice(0, 6).map((group) => el("li", {}, name(group.name), ` ${count(group.consumers, "consumer")}, lag ${number(group.lag)}, pending ${number(group.pending)}`)), row.groups.length > 6 && el("li", {}, `and ${row.groups.length - 6} more`)) : "none",
      [prose(row.verdict, 240), row.findingIds.length ? [" (", links(row.findingIds, 4), ")"] : "", row.worse.length > 0 && el("p", { class: "via" }, "Worse: ", shown(row.worse.join(", "))), row.forecast && el("p", { class: "via" }, shown(row.forecast))],
    ]),
  );
}

/** What the stream gets and the group behind is given, below its lag. */
function rates(row) {
  const pace = row.groups.find((group) => row.lag && group.lag === row.lag)?.pace;
  return pace && el("p", { class: "via" }, `+${number(pace.addedPerMinute)} added, ${number(pace.givenPerMinute)} given a minute`);
}

function grown(value, before) {
  const change = value !== null && before !== null && before !== undefined && before !== value ? ` (was ${number(before)})` : "";
  return [number(value), change && el("span", { class: "via" }, change)];
}

function ledger() {
  const book = report.ledger;
  if (!book || !book.rows.length) return "";
  const notes = [...new Set(book.rows.flatMap((row) => row.unknown))];
  const figure = (term, alarm = false) => {
    const text = term.most === null ? (term.least ? `≥ ${number(term.least)}` : "?") : term.most === term.least ? number(term.least) : `${number(term.least)}–${number(term.most)}`;
    return alarm && term.least > 0 ? el("strong", { class: "loss" }, text) : text;
  };
  const exact = (row) => ["waitingAtStart", "added", "acknowledged", "waiting", "removedUnread"].every((key) => row[key].most === row[key].least);
  const balance = (row) => {
    const marks = row.unknown.map((text) => notes.indexOf(text) + 1).join(", ");
    const word = row.offBy ?? null ? `off by ${number(-row.offBy)}` : exact(row) ? "exact" : "within bounds";
    return marks ? `${word} (note ${marks})` : word;
  };
  const head = ["stream, group", "waited", "was pending", "added", "acknowledged", "pending", "waits", "removed unread", "balance"];
  const piece = (rows) =>
    table("Conservation ledger", head, rows.map((row) => [[name(row.stream), ", ", name(row.group)], figure(row.waitingAtStart), figure(row.pendingAtStart), figure(row.added), figure(row.acknowledged), figure(row.pending), figure(row.waiting), figure(row.removedUnread, true), balance(row)]));
  return el(
    "div",
    {},
    el("h3", { id: "ledger" }, "Conservation ledger"),
    el("p", { class: "lead" }, "What waited and was pending when the window began, and what was added since, is acknowledged, pending, waits, or was trimmed or deleted before the group was given it. “Acknowledged” is what left the pending list; ≥ n and n–m are bounds."),
    paged(chunks(book.rows, 100), piece, 1),
    book.leftOut > 0 && el("p", {}, `${number(book.leftOut)} more groups are left out.`),
    notes.length > 0 && el("ol", { class: "notes" }, notes.map((text) => el("li", {}, prose(text)))),
  );
}
