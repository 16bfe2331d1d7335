// Moving about, by keys, buttons and clicks.

let pending = false;

function redraw() {
  if (pending) return;
  pending = true;
  requestAnimationFrame(() => { pending = false; draw(); });
}

/** Shows the record at a place. */
function go(at) {
  if (at === undefined || at < 0 || at >= records.length) return;
  if (!isShown(records[at])) {
    view.heartbeats = true;
    element("heartbeats").checked = true;
    place();
  }
  cursor = at;
  const y = layout.y[at];
  const [top, height] = [chart.scrollTop, chart.clientHeight];
  if (y < top + 70 || y > top + height - 60) chart.scrollTop = Math.max(0, y - height * 0.45);
  tellStep();
  tellStates();
  tellPlaceInStory();
  draw();
}

/** The next place, in a direction, of a record that `is` wanted. */
function next(direction, is) {
  for (let at = cursor + direction; at >= 0 && at < records.length; at += direction) {
    if (is(records[at])) return at;
  }
  return undefined;
}

function relay(keep) {
  const offset = layout.y[cursor] - chart.scrollTop;
  place();
  chart.scrollTop = layout.y[cursor] - (keep ? offset : chart.clientHeight * 0.45);
  element("heartbeats").checked = view.heartbeats;
  element("truetime").checked = view.trueTime;
  element("onlypath").checked = view.onlyPath;
  drawHeads();
  tellStep();
  draw();
}

function zoom(factor) {
  view.zoom = Math.max(0.25, Math.min(6, view.zoom * factor));
  relay(true);
}

function toggle(what) {
  view[what] = !view[what];
  if (!isShown(records[cursor])) cursor = next(-1, isShown) ?? next(1, isShown) ?? 0;
  relay(true);
}

const onStory = (record) => stepOf.has(record.id);

const KEYS = {
  ArrowRight: () => go(next(1, isShown)),
  ArrowDown: () => go(next(1, isShown)),
  ArrowLeft: () => go(next(-1, isShown)),
  ArrowUp: () => go(next(-1, isShown)),
  Home: () => go(records.findIndex(isShown)),
  End: () => go(records.findLastIndex(isShown)),
  f: () => go(next(1, isFault)),
  F: () => go(next(-1, isFault)),
  c: () => go(next(1, onStory)),
  C: () => go(next(-1, onStory)),
  v: () => go(violationAt),
  h: () => toggle("heartbeats"),
  t: () => toggle("trueTime"),
  p: () => toggle("onlyPath"),
  "+": () => zoom(1.25),
  "=": () => zoom(1.25),
  "-": () => zoom(0.8),
};

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const chosen = event.target.closest?.("[data-record]");
  if ((event.key === "Enter" || event.key === " ") && chosen) {
    event.preventDefault();
    go(Number(chosen.dataset.record));
    return;
  }
  const act = KEYS[event.key];
  if (!act) return;
  event.preventDefault();
  act();
});

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-key]");
  if (button) {
    KEYS[button.dataset.key]();
    return;
  }
  const chosen = event.target.closest("[data-record]");
  if (chosen) go(Number(chosen.dataset.record));
});

element("heartbeats").addEventListener("change", () => toggle("heartbeats"));
element("truetime").addEventListener("change", () => toggle("trueTime"));
element("onlypath").addEventListener("change", () => toggle("onlyPath"));
chart.addEventListener("scroll", redraw, { passive: true });
window.addEventListener("resize", () => relay(true));

tellHeadline();
tellStory();
tellLegend();
tellRun();
place();
drawHeads();
go(violationAt >= 0 ? violationAt : records.findIndex(isShown));
