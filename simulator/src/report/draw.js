// The picture: only what is near to what is looked at is drawn, so that long runs stay quick.

const heads = document.getElementById("heads");
const MARGIN = 500;
const BAND = 22;
let cursor = 0;

const ROLES = { Follower: "follower", PreCandidate: "precandidate", Candidate: "candidate", Leader: "leader" };

function attributes(pairs) {
  return Object.entries(pairs).map(([name, value]) => ` ${name}="${escaped(value)}"`).join("");
}
const tag = (name, pairs, inner = "") => `<${name}${attributes(pairs)}>${inner}</${name}>`;
const rect = (x, y, width, height, kind, inner) =>
  tag("rect", { x, y, width, height: Math.max(0, height), class: kind }, inner);
const words = (x, y, text, kind, more = {}) => tag("text", { x, y, class: kind, ...more }, escaped(text));
const title = (text) => tag("title", {}, escaped(text));

function draw() {
  const [from, to] = [chart.scrollTop - MARGIN, chart.scrollTop + chart.clientHeight + MARGIN];
  const near = (span) => span.y1 >= from && span.y0 <= to;
  const { roles, disks, clocks, faults, arrows, operations } = layout.spans;
  const parts = [
    DEFINITIONS,
    ...rails(),
    ...faults.filter(near).map(faultShade),
    ...roles.filter(near).map(roleBand),
    ...clocks.filter(near).map(clockStrip),
    ...disks.filter(near).map(diskBar),
    ...operations.filter(near).map(operationBar),
    ...layout.folds.filter((fold) => fold.y >= from && fold.y <= to).map(foldMark),
    ...arrows.filter((arrow) => near(arrow) && (view.heartbeats || !arrow.quiet || onPath(arrow))).map(arrowMark),
    ...marks(from, to),
    ...pathLinks(from, to),
    violationLine(),
    cursorMark(),
  ];
  lanes.classList.toggle("only-path", view.onlyPath);
  lanes.innerHTML = parts.join("");
}

const DEFINITIONS = "<defs>"
  + ["append", "vote", "read", "snapshot", "client", "path"].map((name) =>
    `<marker id="head-${name}" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">`
    + `<path d="M0 1 L7 4 L0 7 z" class="head ${name}"/></marker>`).join("")
  + '<pattern id="hatch" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><rect width="2" height="6" class="hatch"/></pattern></defs>';

function drawHeads() {
  const labels = [words(8, 24, "time", "lane-name"), words(TIME_WIDTH + 4, 24, "faults", "lane-name")];
  for (const client of clients) {
    labels.push(words(clientX(client), 24, `c${client}`, "lane-name middle", { "data-lane": `client ${client}` }));
  }
  for (let node = 0; node < data.nodes; node += 1) {
    labels.push(words(nodeX(node), 24, `node ${node}`, "lane-name node middle", { "data-lane": `node ${node}` }));
  }
  heads.setAttribute("width", layout.width);
  heads.innerHTML = labels.join("");
}

function rails() {
  const rail = (x, kind) => tag("line", { x1: x, x2: x, y1: 0, y2: layout.height, class: `rail ${kind}` });
  const nodes = Array.from({ length: data.nodes }, (_, node) => rail(nodeX(node), "node"));
  return clients.map((client) => rail(clientX(client), "client")).concat(nodes);
}

/** A word is written only where the one above it in its lane leaves room. */
function spaced(least = 11) {
  const last = new Map();
  return (lane, y) => {
    if (y - (last.get(lane) ?? -least) < least) return false;
    last.set(lane, y);
    return true;
  };
}

function roleBand(span) {
  const x = nodeX(span.node) - BAND / 2;
  const height = span.y1 - span.y0;
  if (span.down) return rect(x, span.y0, BAND, height, "band down", title(`node ${span.node} is down`));
  const role = ROLES[span.role] ?? "follower";
  const hue = (span.term * 67) % 360;
  const label = height > 10 ? words(x + BAND / 2 + 1, span.y0 + 10, `T${span.term}`, "term middle") : "";
  return rect(x, span.y0, BAND, height, `band ${role}`, title(`node ${span.node}: ${span.role} in term ${span.term}`))
    + tag("rect", { x, y: span.y0, width: 4, height, class: "term-stripe", style: `--hue: ${hue}` })
    + label;
}

function clockStrip(span) {
  if (!span.drift && !span.jump) return "";
  const x = nodeX(span.node) - BAND / 2 - 8;
  const kind = span.drift > 0 ? "fast" : "slow";
  const strip = span.drift ? rect(x, span.y0, 5, span.y1 - span.y0, `clock ${kind}`, title(`the clock of node ${span.node} drifts by ${span.drift} ppm`)) : "";
  const jump = span.jump ? `⏱ ${span.jump > 0 ? "+" : ""}${duration(span.jump)}` : "";
  return strip + words(x - 2, span.y0 + 9, jump || percent(span.drift), "clock-word end");
}

function diskBar(span) {
  const x = nodeX(span.node) + BAND / 2 + 4;
  const kind = span.lost ? "lost" : span.failed ? "failed" : span.stalled ? "stalled" : span.open ? "open" : "done";
  const told = { lost: "a write that a crash cut short", failed: "a write that failed", stalled: "a write that the disk held up", open: "a write that is not done yet", done: "a write with its sync" }[kind];
  const height = Math.max(3, span.y1 - span.y0);
  const cross = span.lost || span.failed ? crossAt(x + 3.5, span.y1, "cross disk") : "";
  return rect(x, span.y0, 7, height, `disk ${kind}`, title(`node ${span.node}: ${told}`)) + cross;
}

function operationBar(span) {
  const x = clientX(span.client);
  const { ask, text } = span.record;
  return rect(x - 3, span.y0, 6, span.y1 - span.y0, "operation", title(`${text}\n${span.answer ?? "no answer"}`))
    + words(x + 5, span.y0 + 8, askedFor(ask), "small");
}

/** An operation in a word or two: its name and its number, whatever is replicated. */
function askedFor(ask) {
  const [verb] = /^\w*/.exec(ask);
  return `${verb.slice(0, 8).toLowerCase()} ${/\d+/.exec(ask)?.[0] ?? ""}`;
}

function faultShade(span) {
  const { record } = span;
  const x = TIME_WIDTH + 3 + Math.min(span.column, 6) * 10;
  const height = Math.max(4, span.y1 - span.y0);
  const nodes = record.nodes.map((node) =>
    rect(nodeX(node) - 32, span.y0, layout.nodeWidth - 18, height, "fault-shade"));
  const path = stepOf.has(record.id) ? " on-path" : "";
  return nodes.join("") + tag("g", { class: `fault-bar${path}`, "data-record": placeOf.get(record.id) },
    rect(x, span.y0, 8, height, "fault-span", title(record.text)) + (span.column < 3 ? words(x + 11, span.y0 + 8, faultName(record), "fault-word") : ""));
}

function faultName(record) {
  const [, name] = /^fault \d+: (\w+)/.exec(record.text) ?? [];
  return (name ?? "fault").replace(/(.)([A-Z])/g, "$1 $2").toLowerCase();
}

function foldMark(fold) {
  const text = fold.isCut ? `⋯ ${data.leftOut} earlier records are left out` : `⋮ ${duration(fold.passed)}`;
  return words(8, fold.y + 3, text, fold.isCut ? "fold cut" : "fold");
}

function onPath(arrow) {
  return arrow.ids.every((id) => stepOf.has(id));
}

function crossAt(x, y, kind) {
  return tag("path", { d: `M${x - 4} ${y - 4}l8 8m0 -8l-8 8`, class: kind });
}

function arrowMark(arrow) {
  const side = Math.sign(arrow.to - arrow.from) * (BAND / 2);
  const [x0, x1] = [arrow.from + side * (arrow.family === "client" ? 0.3 : 1), arrow.to - side];
  const path = onPath(arrow) || (arrow.lost && stepOf.has(arrow.ids[0]));
  const chosen = arrow.ids.includes(records[cursor]?.id);
  const kinds = ["arrow", arrow.family, path && "path", chosen && "chosen", arrow.copies && "copies", arrow.open && "open"];
  const kind = kinds.filter(Boolean).join(" ");
  const share = arrow.lost ? 0.45 : arrow.open ? 0.6 : 1;
  const [ex, ey] = [x0 + (x1 - x0) * share, arrow.lost ? arrow.y1 : arrow.y0 + (arrow.y1 - arrow.y0) * share];
  const head = arrow.lost || arrow.open ? {} : { "marker-end": `url(#head-${path ? "path" : arrow.family})` };
  const line = tag("line", { x1: x0, y1: arrow.y0, x2: ex, y2: ey, class: kind, ...head });
  const cross = arrow.lost ? crossAt(ex, ey, `cross ${arrow.lost}`) : arrow.unheard ? crossAt(x1 - side * 0.6, ey, "cross lost") : "";
  const wide = Math.abs(ex - x0) > 60;
  const label = wide && arrow.label && (path || chosen || view.zoom >= 1)
    ? words(x0 + (ex - x0) * 0.3, arrow.y0 + (ey - arrow.y0) * 0.3 - 3, arrow.label, `message-word${path ? " path" : ""} middle`) : "";
  return tag("g", { class: "message", "data-record": arrow.at }, line + cross + label);
}

/** What happened at one moment of one node or client. */
function marks(from, to) {
  const room = spaced();
  const times = spaced(26);
  const found = [];
  let told;
  for (const at of layout.shown) {
    const y = layout.y[at];
    if (y < from || y > to) continue;
    const record = records[at];
    if (record.at !== told && times("time", y)) {
      told = record.at;
      found.push(words(TIME_WIDTH - 8, y + 3, (record.at / 1e6).toFixed(3), "time end"));
    }
    found.push(markOf(record, at, y, room));
  }
  return found;
}

function markOf(record, at, y, room) {
  const number = stepOf.get(record.id);
  const node = record.node ?? (record.kind === "violation" ? record.nodes[0] : undefined);
  const x = node !== undefined ? nodeX(node) : record.client !== undefined ? clientX(record.client) : TIME_WIDTH + 7;
  const label = node === undefined ? "" : word(record);
  const written = label && (number || room(node, y)) ? words(x + BAND / 2 + 15, y + 3, label, `event-word ${record.kind}${number ? " path" : ""}`) : "";
  const kind = `dot ${record.kind}${record.kind === "crash" ? " cross" : ""}${number ? " path" : ""}`;
  const dot = record.kind === "crash" ? crossAt(x, y, kind) : tag("circle", { cx: x, cy: y, r: number ? 8 : 2.5, class: kind });
  const badge = number ? words(x, y + 3, number, "badge middle") : "";
  return tag("g", { class: "mark", "data-record": at }, title(record.text) + dot + badge + written);
}

/** What is written beside a mark. */
function word(record) {
  const state = record.state;
  switch (record.kind) {
    case "state": {
      const said = {
        role: () => `${ROLES[state.role]} T${state.term}`,
        vote: () => `votes ${state.vote}`,
        commit: () => `commit ${state.commit}`,
        members: () => "members",
      };
      return record.new.filter((aspect) => said[aspect]).map((aspect) => said[aspect]()).join(", ");
    }
    case "start": return record.life > 1 ? "restarts" : "";
    case "crash": return record.how === "PowerLoss" ? "power loss" : "killed";
    case "start-failed": return "stops again";
    case "written": return record.error !== null ? "write fails" : "";
    case "stalled": return "disk stalls";
    case "apply": return record.install ? "installs" : "";
    default: return "";
  }
}

/** Where a record stands sideways. */
function xOf(record) {
  const [node] = isFault(record) ? [] : nodesOf(record);
  return node !== undefined ? nodeX(node) : record.client !== undefined ? clientX(record.client) : TIME_WIDTH + 7;
}

/** The links of the causal path that no message draws. */
function pathLinks(from, to) {
  const links = [];
  for (const step of data.story.steps) {
    for (const origin of step.from) {
      const [one, other] = [recordOf(origin), recordOf(step.record)];
      if (!one || !other || (one.kind === "send" && other.kind === "deliver")) continue;
      const [y0, y1] = [layout.y[placeOf.get(origin)], layout.y[placeOf.get(step.record)]];
      if (y1 < from || y0 > to || y1 - y0 < 1) continue;
      const [x0, x1] = [xOf(one), xOf(other)];
      const bend = x0 === x1 ? -26 : 0;
      links.push(tag("path", { d: `M${x0} ${y0} Q${(x0 + x1) / 2 + bend} ${(y0 + y1) / 2} ${x1} ${y1}`, class: "path-link" }));
    }
  }
  return links;
}

function violationLine() {
  if (violationAt < 0) return "";
  const y = layout.y[violationAt];
  const text = `${records[violationAt].property} is violated`;
  return tag("line", { x1: TIME_WIDTH, x2: layout.width, y1: y, y2: y, class: "violation" })
    + words(TIME_WIDTH + 6, y + 15, text, "violation-word");
}

function cursorMark() {
  const y = layout.y[cursor] ?? 0;
  return rect(0, y - 5.5, layout.width, 11, "cursor")
    + tag("circle", { cx: xOf(records[cursor]), cy: y, r: 10, class: "cursor-ring" });
}
