// Who writes to and reads from which stream, as a graph coloured by status.

const STREAMS_DRAWN = 60;
const STATUS_SIGNS = { CRITICAL: "✖", DEGRADED: "▲", HEALTHY: "✔", NONE: "" };

/**
 * A service has no status of its own: the worst that was measured of it, or of a group with which it reads, says how it is; a CRITICAL that ended does as a HIGH,
 * and so does what stands in its code and should not wait (P0, P1): nothing burns by it yet, and it is not well.
 */
function serviceStatuses() {
  const worst = new Map();
  const reading = new Map();
  for (const edge of report.topology) {
    if (!edge.group) continue;
    const key = `${edge.stream}\n${edge.group}`;
    reading.set(key, [...(reading.get(key) ?? []), edge.service]);
  }
  const readers = (finding) => (finding.stream === undefined || !finding.consumerGroup ? [] : (reading.get(`${finding.members?.[0] ?? finding.stream}\n${finding.consumerGroup}`) ?? []));
  for (const finding of report.findings) {
    if (finding.category === "CROSS_AGENT_SYNTHESIS") continue; // it names all that a trouble reaches
    const trouble = clusterOf.get(finding.findingId)?.root ?? finding.findingId;
    const ended = report.over[trouble] !== undefined || criticalById.get(finding.findingId)?.openAtEnd === false;
    const mild = ended || isAdvice(finding);
    const level = levelOf(finding);
    const status = level === "CRITICAL" && !mild ? "CRITICAL" : LEVELS.indexOf(level) <= 1 ? "DEGRADED" : "";
    if (!status) continue;
    for (const service of [...servicesOf(finding), ...readers(finding)]) if (worst.get(service) !== "CRITICAL") worst.set(service, status);
  }
  return worst;
}

function buildTopology(section) {
  section.append(heading("topology", "Topology"));
  const rows = report.streams.slice(0, STREAMS_DRAWN);
  // Streams that only code names are drawn too, as long as there is room.
  const seen = new Set(report.streams.map((row) => row.stream));
  const unseen = [...new Set(report.topology.map((edge) => edge.stream))].filter((stream) => !seen.has(stream)).slice(0, Math.max(0, STREAMS_DRAWN - rows.length));
  const nodes = graphNodes(rows, unseen);
  const edges = graphEdges(rows, nodes);
  if (!nodes.size) {
    section.append(el("p", {}, "No stream was seen and no code names one."));
    return;
  }
  const left = report.streams.length - rows.length;
  section.append(
    el("p", { class: "lead" }, "Arrows go the way messages go; a label is the group that reads, dashed is what only log lines tell. Choose a node to list its findings."),
    el("p", { class: "legend" }, el("span", { class: "key critical" }, "✖ critical"), el("span", { class: "key degraded" }, "▲ degraded"), el("span", { class: "key healthy" }, "✔ healthy or nothing found"), el("span", { class: "key" }, "square: service, round: stream")),
  );
  if (left > 0) section.append(el("p", {}, `The ${number(rows.length)} streams with the worst status are drawn; ${number(left)} more are in the stream map.`));
  const frame = el("div", { class: "scroll graph", tabindex: "0", role: "group", "aria-label": "Topology graph; the same stands below as a table" });
  try {
    frame.append(drawGraph(nodes, edges, section.clientWidth));
  } catch (error) {
    frame.append(el("p", {}, `The graph could not be laid out (${shown(error.message, 200)}); the table below holds the same.`));
  }
  section.append(frame, lazy("The same as a table", () => edgesTable()));
}

function graphNodes(rows, unseen) {
  const nodes = new Map();
  const services = serviceStatuses();
  const drawn = new Set([...rows.map((row) => row.stream), ...unseen]);
  for (const row of rows) nodes.set(`stream ${row.stream}`, { kind: "stream", label: row.stream, status: row.status, note: "", row });
  for (const stream of unseen) nodes.set(`stream ${stream}`, { kind: "stream", label: stream, status: "NONE", note: "only code names it" });
  for (const edge of report.topology) {
    if (!drawn.has(edge.stream)) continue;
    nodes.set(`service ${edge.service}`, { kind: "service", label: edge.service, status: services.get(edge.service) ?? "HEALTHY", note: "" });
  }
  for (const service of report.dashboard?.services ?? []) {
    const key = `service ${service}`;
    if (!nodes.has(key) && nodes.size < 2 * STREAMS_DRAWN) nodes.set(key, { kind: "service", label: service, status: services.get(service) ?? "HEALTHY", note: "" });
  }
  return nodes;
}

function graphEdges(rows, nodes) {
  const edges = [];
  const read = new Set();
  for (const edge of report.topology) {
    const [service, stream] = [`service ${edge.service}`, `stream ${edge.stream}`];
    if (!nodes.has(service) || !nodes.has(stream)) continue;
    const reads = edge.direction === "reads";
    if (reads && edge.group) read.add(`${edge.stream}\n${edge.group}`);
    edges.push({ from: reads ? stream : service, to: reads ? service : stream, label: edge.group ?? "", seen: edge.by === "seen" });
  }
  for (const row of rows) {
    for (const group of row.groups) {
      if (read.has(`${row.stream}\n${group.name}`)) continue;
      const key = `reader ${row.stream}\n${group.name}`;
      nodes.set(key, { kind: "reader", label: "reader unknown", status: "NONE", note: `of group ${group.name}` });
      edges.push({ from: `stream ${row.stream}`, to: key, label: group.name, seen: false });
    }
  }
  return edges;
}

function cut(text, most) {
  const clean = shown(text, most);
  return clean.length > most ? `${clean.slice(0, most - 1)}…` : clean;
}

/** Laid out from left to right and from top to bottom, whichever fits the width better. */
function drawGraph(nodes, edges, room) {
  const across = layOut(nodes, edges, "LR");
  const down = nodes.size <= 90 || room < 700 ? layOut(nodes, edges, "TB") : across;
  const graph = down.graph().width < across.graph().width && across.graph().width > room ? down : across;
  return paint(graph, room);
}

function layOut(nodes, edges, direction) {
  const graph = new dagre.graphlib.Graph({ multigraph: true });
  graph.setGraph({ rankdir: direction, nodesep: 16, ranksep: direction === "TB" ? 38 : 56, edgesep: 8, marginx: 12, marginy: 12 });
  graph.setDefaultEdgeLabel(() => ({}));
  for (const [key, node] of nodes) {
    const label = cut(node.label, 28);
    const figures = figuresOf(node);
    graph.setNode(key, { ...node, text: label, figures, width: Math.max(90, 8 * label.length + 44, 5.6 * figures.length + 34), height: node.kind === "stream" ? 46 : 38 });
  }
  edges.forEach((edge, at) => {
    const text = cut(edge.label, 22);
    graph.setEdge(edge.from, edge.to, { ...edge, text, width: text ? 6.6 * text.length + 8 : 0, height: text ? 16 : 0, labelpos: "c" }, `e${at}`);
  });
  dagre.layout(graph);
  return graph;
}

/** The space that is drawn in: edges and their labels may lie outside of what the layout counts, which is that of nodes. */
function extent(graph) {
  const margin = 12;
  const { width, height } = graph.graph();
  const xs = [0, width];
  const ys = [0, height];
  for (const key of graph.edges()) {
    const edge = graph.edge(key);
    for (const point of edge.points) {
      xs.push(point.x - margin, point.x + margin);
      ys.push(point.y - margin, point.y + margin);
    }
    if (edge.x !== undefined) xs.push(edge.x - edge.width / 2 - margin, edge.x + edge.width / 2 + margin);
  }
  const least = (values) => values.reduce((one, other) => Math.min(one, other));
  const most = (values) => values.reduce((one, other) => Math.max(one, other));
  return { left: least(xs), top: least(ys), width: most(xs) - least(xs), height: most(ys) - least(ys) };
}

/** Shrunk to the room there is, but never below what can be read: then it scrolls. */
function paint(graph, room) {
  const { left, top, width, height } = extent(graph);
  const scale = Math.min(1, Math.max(0.72, (room - 4) / width));
  const canvas = svg("svg", { width: Math.ceil(width * scale), height: Math.ceil(height * scale), viewBox: `${Math.floor(left)} ${Math.floor(top)} ${Math.ceil(width)} ${Math.ceil(height)}`, role: "group", "aria-label": "Services and streams" });
  canvas.append(svg("defs", {}, svg("marker", { id: "arrow", viewBox: "0 0 8 8", refX: "7", refY: "4", markerWidth: "7", markerHeight: "7", orient: "auto-start-reverse" }, svg("path", { d: "M0 0L8 4L0 8z", class: "arrow-head" }))));
  for (const edge of graph.edges()) canvas.append(drawEdge(graph.edge(edge)));
  for (const edge of graph.edges()) canvas.append(drawLabel(graph.edge(edge)));
  for (const key of graph.nodes()) canvas.append(drawNode(graph.node(key)));
  return canvas;
}

function drawEdge(edge) {
  const [first, ...rest] = edge.points;
  let path = `M${first.x} ${first.y}`;
  for (let at = 0; at < rest.length - 1; at += 1) {
    const middle = { x: (rest[at].x + rest[at + 1].x) / 2, y: (rest[at].y + rest[at + 1].y) / 2 };
    path += at === rest.length - 2 ? `Q${rest[at].x} ${rest[at].y} ${rest[at + 1].x} ${rest[at + 1].y}` : `Q${rest[at].x} ${rest[at].y} ${middle.x} ${middle.y}`;
  }
  if (rest.length === 1) path += `L${rest[0].x} ${rest[0].y}`;
  return svg("path", { d: path, class: edge.seen ? "edge seen" : "edge", "marker-end": "url(#arrow)" });
}

function drawLabel(edge) {
  if (!edge.text || edge.x === undefined) return svg("g");
  return svg("text", { x: edge.x, y: edge.y + 4, class: "edge-label" }, edge.text);
}

/** What a stream held at the last poll, in a few words; "" of other nodes. */
function figuresOf(node) {
  const row = node.row;
  if (!row) return "";
  if (!row.groups.length) return `len ${shorter(row.length)} · no group`;
  return `len ${shorter(row.length)} · lag ${row.lag === null ? "?" : shorter(row.lag)} · pend ${shorter(row.pending)}`;
}

function drawNode(node) {
  const { x, y, width, height, kind, status, figures } = node;
  const sign = STATUS_SIGNS[status];
  // What is said begins with what is seen, for those who speak to their machine; the whole name follows where it was cut.
  const whole = node.text === node.label ? "" : ` (${shown(node.label, 120)})`;
  const said = `${node.text}${figures ? ` ${figures}` : ""}: ${kind}${whole}, ${status === "NONE" ? "status not known" : status.toLowerCase()}${figures || !node.note ? "" : `, ${shown(node.note, 120)}`}`;
  const choose = () => {
    if (kind === "reader") return;
    filterBy(kind === "stream" ? { stream: node.label } : { service: node.label });
    location.hash = "#findings";
  };
  const press = (event) => {
    if (event.key !== "Enter" && event.key !== " ") return;
    event.preventDefault();
    choose();
  };
  const acts = kind === "reader" ? { role: "img" } : { role: "button", tabindex: "0", onclick: choose, onkeydown: press };
  const box = svg("rect", { x: x - width / 2, y: y - height / 2, width, height, rx: kind === "stream" ? height / 2 : 6 });
  const label = svg("text", { x, y: y + (kind === "stream" ? -2 : 5), class: "node-label" }, sign ? `${sign} ${node.text}` : node.text);
  const under = figures && svg("text", { x, y: y + 14, class: "node-note" }, figures);
  return svg("g", { class: `node ${kind} ${status.toLowerCase()}`, "aria-label": said, ...acts }, whole && svg("title", {}, shown(node.label, 300)), box, label, " ", under);
}

function edgesTable() {
  return table("Who writes to and reads from which stream", ["service", "does", "stream", "group", "known by"], report.topology.map((edge) => [name(edge.service), edge.direction, name(edge.stream), edge.group ? name(edge.group) : "–", edge.by]));
}
