"use strict";
// What happened: the records, what each led to, and what nodes were like at any of them.

const data = JSON.parse(document.getElementById("data").textContent);
const records = data.earlier.concat(data.records);
/** Before it, only some records are kept. */
const firstWhole = data.earlier.length;
const placeOf = new Map(records.map((record, place) => [record.id, place]));
const stepOf = new Map(data.story.steps.map((step, number) => [step.record, number + 1]));
const isFault = (record) => record.kind === "fault";
const violationAt = records.findLastIndex((record) => record.kind === "violation");

const ledTo = new Map();
for (const record of records) {
  for (const id of [record.cause, ...(record.with ?? [])]) {
    if (id !== undefined) ledTo.set(id, [...(ledTo.get(id) ?? []), record.id]);
  }
}

function recordOf(id) {
  return records[placeOf.get(id)];
}

/** Nodes that a record is about, the one where it happened first. */
function nodesOf(record) {
  if (record.kind === "fault" || record.kind === "violation") return record.nodes;
  return record.node === undefined ? [] : [record.node];
}

/** What a node is like after a record, from what it was like before. */
function after(node, record) {
  switch (record.kind) {
    case "start":
      return { ...node, up: true, life: record.life, state: record.state, writing: false };
    case "state":
      return { ...node, up: true, state: record.state };
    case "crash":
    case "start-failed":
      return { ...node, up: false, writing: false };
    case "write":
      return { ...node, writing: true };
    case "written":
      return { ...node, writing: false };
    case "clock":
      return { ...node, offset: record.offset, drift: record["drift_ppm"] };
    default:
      return node;
  }
}

const CHECKPOINT = 256;
const checkpoints = [];

function first() {
  return Array.from({ length: data.nodes }, (_, number) => {
    const state = data.before.states[number] ?? null;
    const [offset, drift] = data.before.clocks[number] ?? [0, 0];
    return { up: state !== null, state, offset, drift, writing: false, life: null };
  });
}

/** What all nodes are like after the record at `place`; before the first where it is -1. */
function nodesAfter(place) {
  if (checkpoints.length === 0) {
    const nodes = first();
    for (let at = firstWhole; at < records.length; at += 1) {
      if ((at - firstWhole) % CHECKPOINT === 0) checkpoints.push(nodes.slice());
      step(nodes, records[at]);
    }
    if (checkpoints.length === 0) checkpoints.push(nodes);
  }
  const number = Math.max(0, Math.floor((place - firstWhole) / CHECKPOINT));
  const nodes = checkpoints[Math.min(number, checkpoints.length - 1)].slice();
  for (let at = firstWhole + number * CHECKPOINT; at <= place; at += 1) step(nodes, records[at]);
  return nodes;
}

function step(nodes, record) {
  if (record.node !== undefined && nodes[record.node]) {
    nodes[record.node] = after(nodes[record.node], record);
  }
}

/** Nanoseconds as people write them, with three digits at most. */
function duration(nanos) {
  const size = Math.abs(nanos);
  const [unit, name] = size >= 1e9 ? [1e9, "s"] : size >= 1e6 ? [1e6, "ms"] : size >= 1e3 ? [1e3, "µs"] : [1, "ns"];
  return `${nanos < 0 ? "−" : ""}${+(size / unit).toPrecision(3)} ${name}`;
}

/** A drift, given in parts in a million; empty where there is none. */
function percent(ppm) {
  return ppm ? `${ppm > 0 ? "+" : "−"}${Math.abs(ppm) / 10000} %` : "";
}

function seconds(nanos) {
  return `${(nanos / 1e9).toFixed(6)} s`;
}

function logId(place) {
  return `${place.index}@${place.term}`;
}

/** A message in a word or two. */
function short(message) {
  switch (message.body) {
    case "pre-vote-request": return "pre-vote?";
    case "pre-vote-answer": return message.granted ? "pre-vote ✓" : "pre-vote ✗";
    case "vote-request": return `vote? T${message.term}`;
    case "vote-answer": return message.granted ? "vote ✓" : "vote ✗";
    case "append-request": return message.entries > 0 ? `append ${message.entries}` : "heartbeat";
    case "append-answer": return answered(message.outcome);
    case "timeout-now": return "take over";
    case "read-request": return "read?";
    case "read-answer": return "read";
    case "snapshot-part": return "snapshot";
    case "snapshot-have": return "has";
    default: return message.body;
  }
}

function answered(outcome) {
  if (outcome.Matched) return `ok ${outcome.Matched.index}`;
  return outcome.Conflict ? "conflict" : "wants snapshot";
}

/** Which family of messages it belongs to, for its colour. */
function family(message) {
  const body = message.body;
  return body.includes("vote") || body === "timeout-now" ? "vote"
    : body.startsWith("append") ? "append"
    : body.startsWith("read") ? "read" : "snapshot";
}

const ESCAPES = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };
function escaped(text) {
  return String(text).replace(/[&<>"]/g, (letter) => ESCAPES[letter]);
}
