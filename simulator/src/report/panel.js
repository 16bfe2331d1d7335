// What is written beside the picture: the step, the nodes, the story, the marks.

const element = (id) => document.getElementById(id);

function tellHeadline() {
  element("kicker").textContent = `quorate-sim ${data.version} · ${data.source}`;
  element("headline").textContent = data.headline;
  const { verdict } = data;
  if (!verdict) {
    element("sentence").textContent = "No property was broken.";
    element("sentence").className = "passed";
    return;
  }
  element("sentence").textContent = `${verdict.what[0].toUpperCase()}${verdict.what.slice(1)}.`;
  element("meaning").innerHTML = `<b>The rule:</b> ${escaped(verdict.meaning)}`;
  element("why").innerHTML = `<b>Why it matters:</b> ${escaped(verdict.why)}`;
}

function link(id) {
  const at = placeOf.get(id);
  if (at === undefined) return `<span class="muted">record ${id}, left out</span>`;
  const record = records[at];
  return `<a tabindex="0" role="button" data-record="${at}">${escaped(record.text)}</a> <span class="muted">${seconds(record.at)}</span>`;
}

function list(name, ids) {
  if (ids.length === 0) return "";
  const more = ids.length > 6 ? `<li class="muted">and ${ids.length - 6} more</li>` : "";
  return `<dt>${name}</dt><dd><ul>${ids.slice(0, 6).map((id) => `<li>${link(id)}</li>`).join("")}${more}</ul></dd>`;
}

function tellStep() {
  const record = records[cursor];
  const number = stepOf.get(record.id);
  const path = number ? ` <span class="badge-inline">step ${number} of ${data.story.steps.length} of the causal path</span>` : "";
  element("detail").innerHTML = `<p class="what">${escaped(record.text)}${path}</p>`
    + `<p class="muted">${seconds(record.at)} · event ${record.event} · record ${record.id}</p><dl>`
    + list("led to by", record.cause === undefined ? [] : [record.cause])
    + list(record.kind === "violation" ? "and rests on" : "while in force", record.with ?? [])
    + list("led to", ledTo.get(record.id) ?? []) + "</dl>";
  const place = layout.shown.indexOf(cursor) + 1;
  element("where").textContent = `${place} of ${layout.shown.length} · ${seconds(record.at)}`;
}

function cellsOf(node) {
  const { state } = node;
  if (!state || !node.up) return null;
  return {
    role: ROLES[state.role], term: state.term, vote: state.vote ?? "–", log: logId(state.last),
    commit: state.commit, applied: state.applied,
    durable: state.durable, heldTerm: state.durable_term, heldVote: state.durable_vote ?? "–",
    disk: node.writing ? "writing" : "idle",
    clock: percent(node.drift) || "±0",
    members: state.members,
  };
}

const ROWS = {
  role: "role", term: "term", vote: "vote", log: "log ends", commit: "commit", applied: "applied",
  durable: "durable log", heldTerm: "durable term", heldVote: "durable vote", disk: "disk", clock: "clock rate", members: "voters",
};

function tellStates() {
  if (cursor < firstWhole) {
    element("states").innerHTML = '<p class="muted">What is before the records that are left out is not known.</p>';
    return;
  }
  const [before, now] = [nodesAfter(cursor - 1).map(cellsOf), nodesAfter(cursor).map(cellsOf)];
  const concerned = nodesOf(records[cursor]);
  const head = now.map((_, node) => `<th class="${concerned.includes(node) ? "concerned" : ""}">${node}</th>`).join("");
  const rows = Object.entries(ROWS).map(([row, name]) => {
    const cells = now.map((cells, node) => {
      if (!cells) return `<td class="muted">${row === "role" ? "down" : ""}</td>`;
      const isNew = before[node] && String(before[node][row]) !== String(cells[row]);
      const role = row === "role" ? ` role-${cells.role}` : "";
      return `<td class="${isNew ? "new" : ""}${role}">${escaped(cells[row])}</td>`;
    });
    return `<tr><th>${name}</th>${cells.join("")}</tr>`;
  });
  element("states").innerHTML = `<table><thead><tr><th>node</th>${head}</tr></thead><tbody>${rows.join("")}</tbody></table>`;
}

function tellStory() {
  const { steps, faultsLeftOut } = data.story;
  if (steps.length === 0) {
    element("storynote").textContent = "Nothing broke, so there is nothing to explain.";
    return;
  }
  const left = faultsLeftOut > 0 ? ` ${faultsLeftOut} more faults struck before; shrink the case to see which of them count.` : "";
  element("storynote").textContent = `Each step with what led to it: ways by which the faults can have had their effect.${left}`;
  element("story").innerHTML = steps.map((step) => {
    const record = recordOf(step.record);
    const from = step.from.map((id) => stepOf.get(id)).filter(Boolean);
    const led = from.length > 0 ? ` <span class="from">← ${from.join(", ")}</span>` : "";
    return `<li class="${record.kind}" data-record="${placeOf.get(step.record)}" tabindex="0" role="button">`
      + `<span class="muted">${seconds(record.at)}</span> ${escaped(record.text)}${led}</li>`;
  }).join("");
}

function tellPlaceInStory() {
  for (const item of element("story").children) {
    item.classList.toggle("current", Number(item.dataset.record) === cursor);
  }
  const [story, item] = [element("story"), element("story").querySelector(".current")];
  if (item) story.scrollTop = item.offsetTop - 60;
}

function tellRun() {
  const facts = {
    run: data.source, profile: data.profile, seed: data.seed, nodes: data.nodes, clients: data.clients,
    "simulated time": duration(data.simulated), events: data.events, "faults planned": data.faults,
    "operations begun": data.operations, ...data.settings,
    "records on this page": data.leftOut > 0 ? `the last ${data.records.length}; ${data.leftOut} earlier ones are left out, but for faults and the causal path` : `all ${data.records.length}`,
    "to see it again": data.command,
  };
  element("run").innerHTML = `<dl class="facts">${Object.entries(facts).map(([name, value]) =>
    `<dt>${escaped(name)}</dt><dd>${name === "to see it again" ? `<code>${escaped(value)}</code>` : escaped(value)}</dd>`).join("")}</dl>`;
}

const MARKS = [
  ["band follower", "follower"], ["band precandidate", "asks whether it could win (pre-vote)"], ["band candidate", "candidate"],
  ["band leader", "leader"], ["band down", "down"], ["disk done", "write and its sync"], ["disk stalled", "the disk holds a write up"],
  ["disk failed", "write fails"], ["disk lost", "a crash cuts a write short"], ["clock fast", "clock too fast"],
  ["clock slow", "clock too slow"], ["fault-span", "fault in force"], ["operation", "client waits for an answer"],
];
const LINES = [
  ["append", "entries and answers"], ["vote", "votes"], ["read", "reads"], ["snapshot", "snapshots"],
  ["client", "clients' requests"], ["path", "on the causal path"],
];

function tellLegend() {
  const marks = MARKS.map(([kind, text]) => `<li><svg width="18" height="14"><rect x="3" y="0" width="12" height="14" class="${kind}"/></svg>${text}</li>`);
  const lines = LINES.map(([kind, text]) => `<li><svg width="18" height="14"><line x1="0" y1="7" x2="18" y2="7" class="arrow ${kind}"/></svg>${text}</li>`);
  const cross = `<li><svg width="18" height="14">${crossAt(9, 7, "cross lost")}</svg>lost, by chance or to a partition (full colour)</li>`;
  element("legend").innerHTML = `<ul class="legend">${marks.concat(lines, cross).join("")}</ul><p class="muted">`
    + "T2 is term 2, and each term has a colour of its own at the left of the band. Time runs downwards, in ms; what is quiet is folded. "
    + "Keys: ← → ↑ ↓ step, Home, End, f fault, c along the causal path, v violation, h heartbeats and refused requests, t true time, p only the path, + − zoom.</p>";
}
