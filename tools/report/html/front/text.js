// Elements and texts. Everything that the audited system said goes through `shown` and into a text node.

const SVG = "http://www.w3.org/2000/svg";
const NAME_MAX = 200;
const TEXT_MAX = 4000;

/** An element. `given`: class, text, attributes, `on…` listeners; children may be strings, elements, or nothing. */
function el(name, given = {}, ...children) {
  return filled(document.createElement(name), given, children);
}

/** The same in the SVG namespace. */
function svg(name, given = {}, ...children) {
  return filled(document.createElementNS(SVG, name), given, children);
}

function filled(element, given, children) {
  for (const [key, value] of Object.entries(given)) {
    if (value === undefined || value === null || value === false) continue;
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (key === "class") element.setAttribute("class", value);
    else element.setAttribute(key, value === true ? "" : String(value));
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false && child !== ""));
  return element;
}

// Control characters would be drawn as nothing, and characters that turn the direction of a text would let it say
// something else than it holds: both are shown by name.
const INVISIBLE = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]/g;

function named(character) {
  return `⟨U+${character.charCodeAt(0).toString(16).toUpperCase().padStart(4, "0")}⟩`;
}

/** A text as it can be shown: nothing invisible, cut at `most` characters with the number left out. */
function shown(value, most = TEXT_MAX) {
  const text = String(value ?? "");
  const kept = text.length > most ? text.slice(0, most).replace(/[\ud800-\udbff]$/, "") : text;
  const clean = kept.replace(INVISIBLE, named);
  return kept.length < text.length ? `${clean}… (${number(text.length - kept.length)} more characters)` : clean;
}

/** A name of the audited system, kept apart from the direction of the text around it; it may break behind a separator. */
function name(value, most = NAME_MAX) {
  const pieces = shown(value, most).split(/(?<=[.:_\/-])(?=[^.:_\/-])/);
  return el("code", { class: "name", dir: "auto" }, pieces.flatMap((piece, at) => (at ? [el("wbr"), piece] : [piece])));
}

/** A sentence of a rule: names of the audited system may stand in it. */
function prose(value, most = TEXT_MAX) {
  return el("bdi", {}, shown(value, most));
}

// Commands of Redis in advice: the word, the names that it takes, and what can only be an argument. As in commands.py.
const COMMAND_NAMES = { XACK: 2, XADD: 1, XAUTOCLAIM: 2, XCLAIM: 2, XDEL: 1, "XGROUP CREATE": 2, "XGROUP DELCONSUMER": 3, "XGROUP DESTROY": 2, "XINFO CONSUMERS": 2, "XINFO GROUPS": 1, "XINFO STREAM": 1, XLEN: 1, XPENDING: 2, XRANGE: 1, XREVRANGE: 1, XTRIM: 1 };
const COMMAND = new RegExp(`\\b(?:${Object.keys(COMMAND_NAMES).sort().reverse().join("|")})\\b`, "g");
const COMMAND_NAME = / ([^\s(),;]*[^\s(),;.:?!])/y;
const COMMAND_ARGUMENT = / (?:\d+-\d+|\d+|[+*~$=>-]|<[^<>\s]+>|(?:COUNT|MAXLEN|MINID|MKSTREAM|IDLE|JUSTID)\b)/y;
const COMMAND_ENDS = new Set("a after an and as at before by each every for from if in into is it its no of on one only or so that the them then there these this to until what where which with".split(" "));

function commandEnd(text, from, names) {
  let at = from;
  const next = (pattern) => {
    pattern.lastIndex = at;
    return pattern.exec(text);
  };
  for (let number = 0; number < names; number += 1) {
    const match = next(COMMAND_NAME);
    if (!match || COMMAND_ENDS.has(match[1])) return from;
    at = COMMAND_NAME.lastIndex;
  }
  while (next(COMMAND_ARGUMENT)) at = COMMAND_ARGUMENT.lastIndex;
  return at;
}

/** A sentence of advice, its commands as code. */
function advice(value, most = TEXT_MAX) {
  const text = shown(value, most);
  const pieces = [];
  let at = 0;
  for (const match of text.matchAll(COMMAND)) {
    if (match.index < at) continue;
    const from = match.index + match[0].length;
    const end = commandEnd(text, from, COMMAND_NAMES[match[0]]);
    pieces.push(text.slice(at, match.index), el("code", { class: "command", dir: "auto" }, text.slice(match.index, end)));
    at = end;
  }
  return el("bdi", {}, pieces, text.slice(at));
}

/** The first sentence of an advice, without a pointer to its evidence; what follows is told where its finding is. */
function brief(text) {
  const end = /\. [A-Z]/.exec(text);
  const first = end ? text.slice(0, end.index + 1) : text;
  return first.replace("; the whole trace is the evidence.", ".").replace("; it is the evidence.", ".");
}

/** A block of verbatim text: scrolls by itself, so it can be reached by keyboard. */
function block(value, label) {
  return el("pre", { tabindex: "0", role: "group", "aria-label": label, dir: "auto" }, el("code", {}, shown(value, 60000)));
}

function names(values, most = 30) {
  const first = values.slice(0, most).flatMap((value, at) => (at ? [", ", name(value)] : [name(value)]));
  return values.length > most ? [...first, ` and ${number(values.length - most)} more`] : first;
}

function number(value) {
  return value === null || value === undefined ? "–" : value.toLocaleString("en-GB", { maximumFractionDigits: 4 });
}

function count(amount, what) {
  return `${number(amount)} ${what}${amount === 1 ? "" : "s"}`;
}

function milliseconds(ms) {
  if (ms === null || ms === undefined) return "–";
  const whole = Math.round(ms);
  if (whole < 1000) return `${whole} ms`;
  if (whole < 60000) return `${(whole / 1000).toFixed(whole < 10000 ? 1 : 0)} s`;
  const seconds = Math.round(whole / 1000);
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
  return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`;
}

/** A time of day in UTC; the page says so once. */
function clock(ms, fraction = false) {
  const iso = new Date(ms).toISOString();
  return fraction ? iso.slice(11, 23) : iso.slice(11, 19);
}

function heading(id, title, ...beside) {
  return el("h2", { id: `${id}-title` }, title, ...beside);
}

/**
 * A table that scrolls by itself where it is too wide; on a narrow screen each row is a block, its cells below one
 * another with their column's name. Roles are said because that way of showing it would take them away.
 */
function table(caption, head, rows) {
  const top = head.map((title) => el("th", { scope: "col", role: "columnheader" }, title));
  const body = rows.map((cells) => el("tr", { role: "row" }, cells.map((cell, at) => el("td", { role: "cell", "data-column": head[at] }, el("div", {}, cell)))));
  return el(
    "div",
    { class: "scroll", tabindex: "0", role: "group", "aria-label": caption },
    el("table", { role: "table" }, el("caption", { class: "sr" }, caption), el("thead", { role: "rowgroup" }, el("tr", { role: "row" }, top)), el("tbody", { role: "rowgroup" }, body)),
  );
}

function details(summary, ...children) {
  return el("details", {}, el("summary", {}, summary), ...children);
}

/** Details whose content is made when they are first opened, or printed where they are for paper too. */
function lazy(summary, make, onPaper = true) {
  const box = details(summary);
  if (!onPaper) box.classList.add("screen");
  const fill = () => {
    if (box.childElementCount === 1) box.append(...[make()].flat());
  };
  box.addEventListener("toggle", () => box.open && fill());
  box.fill = fill;
  return box;
}

/** As many items as are wanted at a time, and a button for more; all of them when the page is printed. */
function paged(items, make, step = 50) {
  const list = el("div", { class: "paged" });
  const more = el("button", { type: "button", class: "more" });
  let at = 0;
  const grow = (to) => {
    const from = at;
    for (; at < Math.min(to, items.length); at += 1) list.append(make(items[at]));
    more.hidden = at >= items.length;
    more.textContent = `Show ${number(Math.min(step, items.length - at))} more of ${number(items.length - at)}`;
    return list.children[from];
  };
  more.addEventListener("click", () => {
    const first = grow(at + step);
    const target = first && (first.querySelector("button, summary, a") ?? first);
    if (target) target.focus();
  });
  grow(step);
  const box = el("div", {}, list, more);
  box.showAll = () => grow(items.length);
  box.showTo = (index) => grow(Math.max(at, index + 1));
  return box;
}

function chip(level) {
  return el("span", { class: `chip ${level.toLowerCase()}` }, level);
}
