// Where things stand: a row for each record that is shown, time downwards, a lane for each node.

const TOP = 14;
const TIME_WIDTH = 92;
const FAULT_WIDTH = 74;
const CLIENT_WIDTH = 34;
const NODE_WIDTH_MIN = 124;
/** A longer pause than this is folded, unless distances are as in true time. Nanoseconds. */
const FOLD_FROM = 5e6;

const view = { zoom: 1, heartbeats: false, trueTime: false, onlyPath: false };

const chart = document.getElementById("chart");
const lanes = document.getElementById("lanes");
/** Those that ask for something. */
const clients = [...new Set(records.flatMap(({ client }) => client ?? []))].sort((one, other) => one - other);

const layout = {
  /** Places of the records that are shown. */
  shown: [],
  /** For each place, whether shown or not, how far down it is. */
  y: [],
  height: 0,
  width: 0,
  nodeWidth: NODE_WIDTH_MIN,
  folds: [],
  spans: null,
};

function isShown(record) {
  return view.heartbeats || !record.quiet || stepOf.has(record.id);
}

function gap(passed) {
  if (view.trueTime) return Math.max(passed > 0 ? 0.5 : 0, (passed / 1e6) * 24) * view.zoom;
  if (passed === 0) return 7 * view.zoom;
  return (10 + Math.min(7 * Math.log2(1 + passed / 1e5), 62)) * view.zoom;
}

function place() {
  const { shown, y, folds } = layout;
  shown.length = y.length = folds.length = 0;
  let [down, at] = [TOP, 0];
  records.forEach((record, number) => {
    const visible = isShown(record);
    if (visible) {
      const passed = record.at - at;
      // The numbers of steps of the causal path must not hide each other.
      const isStep = stepOf.has(record.id) && stepOf.has(records[shown.at(-1)]?.id);
      const far = shown.length > 0 ? Math.max(gap(passed), isStep && !view.trueTime ? 15 : 0) : 0;
      const isCut = number === firstWhole && data.leftOut > 0;
      if (shown.length > 0 && ((passed > FOLD_FROM && !view.trueTime) || isCut)) {
        folds.push({ y: down + far / 2, passed, isCut });
      }
      down += isCut ? far + 24 : far;
      at = record.at;
      shown.push(number);
    }
    y.push(down);
  });
  layout.height = down + 40;
  const left = TIME_WIDTH + FAULT_WIDTH + clients.length * CLIENT_WIDTH;
  const free = document.getElementById("chart").clientWidth - left - 24;
  layout.nodeWidth = Math.max(NODE_WIDTH_MIN, Math.min(240, free / data.nodes));
  layout.width = left + data.nodes * layout.nodeWidth + 24;
  layout.spans = spans();
  lanes.setAttribute("width", layout.width);
  lanes.setAttribute("height", layout.height);
}

function clientX(client) {
  return TIME_WIDTH + FAULT_WIDTH + (clients.indexOf(client) + 0.5) * CLIENT_WIDTH;
}

/** The middle of a node's band. */
function nodeX(node) {
  return TIME_WIDTH + FAULT_WIDTH + clients.length * CLIENT_WIDTH + node * layout.nodeWidth + 40;
}

/** How far down a moment is, between the records around it. */
function yOf(time) {
  let [low, high] = [0, records.length - 1];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (records[middle].at < time) low = middle + 1; else high = middle;
  }
  if (low === 0 || records[low].at <= time) return layout.y[low] ?? TOP;
  const [before, next] = [records[low - 1].at, records[low].at];
  const share = (time - before) / (next - before || 1);
  return layout.y[low - 1] + share * (layout.y[low] - layout.y[low - 1]);
}

/** All that reaches over more than one row. */
function spans() {
  const bottom = layout.height - 20;
  const all = { roles: [], disks: [], clocks: [], faults: [], arrows: [], operations: [] };
  const open = first().map((node, number) => ({
    role: node.up ? roleSpan(number, node.state, TOP) : { node: number, y0: TOP, down: true },
    clock: { node: number, y0: TOP, drift: node.drift },
    write: null,
  }));
  const faults = new Map();
  const asked = new Map();
  const end = (list, span, y1, more = {}) => span && list.push({ ...span, y1, ...more });
  records.forEach((record, at) => {
    const y = layout.y[at];
    const lane = open[record.node];
    switch (record.kind) {
      case "start":
      case "state":
        if (record.kind === "start" || record.new.includes("role")) {
          const from = record.at === 0 ? TOP : y;
          if (from < y) lane.role = null;
          end(all.roles, lane.role, y);
          lane.role = roleSpan(record.node, record.state, from);
        }
        break;
      case "crash":
      case "start-failed":
        end(all.roles, lane.role, y);
        lane.role = { node: record.node, y0: y, down: true };
        end(all.disks, lane.write, y, { lost: true });
        lane.write = null;
        break;
      case "write":
        lane.write = { node: record.node, y0: y, at };
        break;
      case "stalled":
        if (lane.write) lane.write.stalled = true;
        break;
      case "written":
        end(all.disks, lane.write, y, { failed: record.error !== null });
        lane.write = null;
        break;
      case "clock":
        end(all.clocks, lane.clock, y);
        lane.clock = { node: record.node, y0: y, drift: record["drift_ppm"], jump: record.jump };
        break;
      case "fault":
        faults.set(record.id, { record, y0: y, until: record.until });
        break;
      case "fault-ended":
        end(all.faults, faults.get(record.cause), y);
        faults.delete(record.cause);
        break;
      case "heal":
        for (const span of faults.values()) all.faults.push({ ...span, y1: faultEnd(span, y) });
        faults.clear();
        break;
      case "deliver":
      case "request":
      case "answer":
        arrow(all.arrows, record, at);
        if (record.kind === "answer") operationTold(asked, record, y);
        break;
      case "send":
        if (record.fate !== "sent") all.arrows.push(lostArrow(record, at));
        else if (!(ledTo.get(record.id) ?? []).some((id) => recordOf(id).kind === "deliver")) {
          all.arrows.push({ ...ends(record, at), y1: bottom, open: true });
        }
        break;
      case "begin":
        end(all.operations, asked.get(record.client), asked.get(record.client)?.told ?? y);
        asked.set(record.client, { client: record.client, y0: y, record });
        break;
      case "ask":
        delete asked.get(record.client)?.told;
        break;
      case "give-up":
        if (asked.has(record.client)) asked.get(record.client).told = y;
        break;
      default:
    }
  });
  for (const lane of open) {
    end(all.roles, lane.role, bottom);
    end(all.clocks, lane.clock, bottom);
    end(all.disks, lane.write, bottom, { open: true });
  }
  for (const span of faults.values()) all.faults.push({ ...span, y1: faultEnd(span, bottom) });
  for (const span of asked.values()) all.operations.push({ ...span, y1: span.told ?? bottom });
  columns(all.faults);
  return all;
}

function roleSpan(node, state, y0) {
  return { node, y0, role: state.role, term: state.term };
}

function operationTold(asked, record, y) {
  const operation = asked.get(record.client);
  if (operation) Object.assign(operation, { told: y, answer: record.answer });
}

function faultEnd(span, latest) {
  return Math.max(span.y0 + 3, Math.min(latest, yOf(span.until)));
}

/** Faults that overlap stand side by side. */
function columns(faults) {
  const free = [];
  faults.sort((one, other) => one.y0 - other.y0);
  for (const fault of faults) {
    let column = free.findIndex((y) => y <= fault.y0);
    if (column < 0) column = free.length;
    free[column] = fault.y1 + 2;
    fault.column = column;
  }
}

function ends(send, at) {
  return {
    from: nodeX(send.node), to: nodeX(send.to), y0: layout.y[at], at,
    label: short(send.message), family: family(send.message), ids: [send.id], quiet: send.quiet,
  };
}

function lostArrow(send, at) {
  return { ...ends(send, at), y1: layout.y[at] + 12 * view.zoom, lost: send.fate };
}

/** What came somewhere, from where it left. */
function arrow(arrows, record, at) {
  const origin = placeOf.get(record.cause);
  const y1 = layout.y[at];
  const y0 = origin === undefined ? y1 - 20 : layout.y[origin];
  const ids = [record.cause, record.id];
  if (record.kind === "deliver") {
    const copies = (recordOf(record.cause)?.arrives.length ?? 1) > 1;
    const [from, to] = [nodeX(record.from), nodeX(record.node)];
    const [label, kind] = [short(record.message), family(record.message)];
    arrows.push({ from, to, y0, y1, at, label, family: kind, ids, quiet: record.quiet, copies, unheard: !record.heard });
  } else if (record.kind === "request") {
    arrows.push({ from: clientX(record.client), to: nodeX(record.node), y0, y1, at, label: "", family: "client", ids, quiet: record.quiet });
  } else {
    arrows.push({ from: nodeX(record.from), to: clientX(record.client), y0, y1, at, label: "", family: "client", ids, quiet: record.quiet });
  }
}
