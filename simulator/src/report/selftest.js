// With #selftest the page tries itself and writes what it found as JSON: for tests in a browser.

if (location.hash === "#selftest") {
  const press = (key) => document.body.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
  const at = (...keys) => { keys.forEach(press); return cursor; };
  const count = (selector) => document.querySelectorAll(selector).length;
  const found = { records: records.length, leftOut: data.leftOut, violation: violationAt };
  found.lanes = [...document.querySelectorAll("[data-lane]")].map((lane) => lane.dataset.lane);
  found.sentence = element("sentence").textContent;
  found.meaning = element("meaning").textContent;
  found.story = [...element("story").children].map((item) => item.textContent);
  found.start = cursor;
  found.atViolation = { messages: count(".arrow.path"), links: count(".path-link"), line: count("line.violation"), states: count("#states td") };
  found.home = at("Home");
  found.steps = [at("ArrowRight"), at("ArrowRight"), at("ArrowDown"), at("ArrowUp"), at("ArrowLeft")];
  found.detail = element("detail").textContent;
  found.end = at("End");
  found.fault = at("Home", "f");
  found.faultKind = records[cursor].kind;
  found.backFromFault = at("End", "F");
  found.cause = at("Home", "c");
  found.causeStep = stepOf.get(records[cursor].id) ?? null;
  found.jump = at("Home", "v");
  const shown = layout.shown.length;
  press("h");
  found.heartbeats = { without: shown, with: layout.shown.length };
  press("h");
  const height = layout.height;
  press("+");
  found.zoom = { before: Math.round(height), after: Math.round(layout.height) };
  press("-");
  // All that is anywhere on the page, screen by screen.
  const seen = { arrows: 0, crosses: 0, bands: new Set(), disks: 0, faults: 0, drawn: 0 };
  for (let top = 0; top < layout.height; top += chart.clientHeight + 2 * MARGIN) {
    chart.scrollTop = top;
    draw();
    seen.drawn = Math.max(seen.drawn, lanes.querySelectorAll("*").length);
    seen.arrows += count("#lanes .message line.arrow");
    seen.crosses += count("#lanes .message .cross");
    seen.disks += count("#lanes rect.disk");
    seen.faults += count("#lanes .fault-span");
    for (const band of lanes.querySelectorAll("rect.band")) seen.bands.add(band.classList[1]);
  }
  found.seen = { ...seen, bands: [...seen.bands].sort() };
  const result = document.createElement("pre");
  result.id = "selftest";
  result.textContent = JSON.stringify(found);
  document.body.append(result);
}
