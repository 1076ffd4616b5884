// The page itself: sections, navigation, theme, keyboard, paper.

let pageIsBuilt = false;
const SECTIONS = [
  ["verdict", "Verdict", buildVerdict],
  ["causes", "Causes", buildCauses],
  ["roadmap", "Fixes", buildRoadmap],
  ["timeline", "Timeline", buildTimeline],
  ["topology", "Topology", buildTopology],
  ["streams", "Streams", buildStreams],
  ["flows", "Flows", buildFlows],
  ["findings", "Findings", buildFindings],
  ["drift", "Drift", buildDrift],
  ["gaps", "Gaps", buildGaps],
  ["next", "Next", buildNext],
];

function build() {
  const nav = document.getElementById("nav");
  nav.append(el("ul", {}, SECTIONS.map(([id, label]) => el("li", {}, el("a", { href: `#${id}` }, label)))));
  for (const [id, label, make] of SECTIONS) {
    const section = document.getElementById(id);
    try {
      make(section);
    } catch (error) {
      // One part that fails leaves the others standing, and says so in its place.
      section.append(el("p", { class: "notice" }, `${label} could not be shown (${shown(error.message, 200)}). The Markdown report beside this page holds it.`));
      console.error(error);
    }
  }
  document.getElementById("end").append(el("p", {}, shown(`streamgauge ${report.version} · session ${report.sessionId} · completed ${report.completedAt}`)));
  pageIsBuilt = true;
  drawCharts();
}

const THEMES = ["auto", "light", "dark"];
let theme = "auto";

function setTheme(wanted) {
  theme = wanted;
  if (theme === "auto") document.documentElement.removeAttribute("data-theme");
  else document.documentElement.setAttribute("data-theme", theme);
  document.getElementById("theme").textContent = `Theme: ${theme}`;
  drawCharts();
}

function followHash() {
  const id = location.hash.slice(1);
  if (id && !reveal(id)) revealCluster(id);
}

function expandForPaper() {
  for (const box of document.querySelectorAll("main div")) box.showAll?.();
  expandFindings();
  for (let round = 0; round < 3; round += 1) {
    for (const box of document.querySelectorAll("details:not(.screen)")) {
      box.fill?.();
      box.open = true;
    }
  }
}

const paper = { theme: "auto", open: [] };

function toPaper() {
  if (onPaper) return;
  paper.theme = theme;
  paper.open = [...document.querySelectorAll("details[open]")];
  expandForPaper();
  onPaper = true;
  setTheme("light");
}

function fromPaper() {
  if (!onPaper) return;
  for (const box of document.querySelectorAll("details")) box.open = paper.open.includes(box);
  if (report.findings.length) apply();
  onPaper = false;
  setTheme(paper.theme);
}

function onKey(event) {
  const typing = event.target.closest?.("input, select, textarea");
  if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && controls.text) {
    event.preventDefault();
    location.hash = "#findings";
    controls.text.focus();
  }
  if (event.key === "Escape" && event.target === controls.text && filter.text) change({ text: "" });
}

build();
followHash();
document.getElementById("theme").addEventListener("click", () => setTheme(THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length]));
window.addEventListener("hashchange", followHash);
// A link to where the page is already must lead there too.
document.addEventListener("click", (event) => {
  const target = event.target.closest?.("a[href^='#']");
  if (target && target.getAttribute("href") === location.hash) followHash();
});
window.addEventListener("beforeprint", toPaper);
window.addEventListener("afterprint", fromPaper);
window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawCharts);
document.addEventListener("keydown", onKey);
let resizing = 0;
let drawnWidth = window.innerWidth;
window.addEventListener("resize", () => {
  if (window.innerWidth === drawnWidth) return;
  drawnWidth = window.innerWidth;
  cancelAnimationFrame(resizing);
  resizing = requestAnimationFrame(drawCharts);
});
