"use strict";
// Asks for a snapshot every second, and shows it. All words and numbers come from the server, but for those of the axes.
const INTERVAL = 1000, SVG = "http://www.w3.org/2000/svg", HEIGHT = 200, BOTTOM = 20, TOP = 8, GAP = 10;
const byId = id => document.getElementById(id);
let flows = [], isPaused = false, lastTime = "";

function element(name, attributes = {}, text) {
  const made = document.createElementNS(name in SHAPES ? SVG : "http://www.w3.org/1999/xhtml", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  return made;
}
const SHAPES = { svg: 1, g: 1, path: 1, text: 1 };

function showText(id, text) {
  const place = byId(id);
  if (place.textContent !== text) place.textContent = text;
  if (place.classList.contains("notice")) place.hidden = !text;
}

function showTable(table) {
  const place = byId(table.id), shown = JSON.stringify(table);
  if (place.dataset.shown === shown) return;  // what a reader has selected stays selected
  place.dataset.shown = shown;
  const kind = at => table.numbers.includes(at) ? { class: "number" } : {};
  const head = element("tr"), rows = table.rows.length ? table.rows : [{ cells: [table.empty], is_wrong: false }];
  if (table.rows.length) table.heads.forEach((text, at) => head.append(element("th", { scope: "col", ...kind(at) }, text)));
  const body = element("tbody");
  for (const row of rows) {
    const line = element("tr", row.is_wrong ? { class: "wrong" } : {});
    row.cells.forEach((text, at) => line.append(element(at ? "td" : "th", { ...(at ? {} : { scope: "row" }), ...kind(at) }, text)));
    body.append(line);
  }
  const top = element("thead");
  top.append(head);
  place.replaceChildren(top, body);
}

function niceStep(high) {
  for (let power = 0.1; ; power *= 10) for (const unit of [1, 2, 5]) if (unit * power * 4 >= high) return unit * power;
}

function drawChart(place) {
  const names = place.dataset.series.split(" "), seconds = Number(place.dataset.seconds);
  const now = flows.length ? flows[flows.length - 1].at : 0;
  const values = flows.flatMap(flow => names.map(name => flow[name])).filter(value => value !== null);
  const step = niceStep(Math.max(1, ...values)), top = step * Math.max(1, Math.ceil(Math.max(1, ...values) / step - 1e-9));
  const labels = [];
  for (let level = 0; level <= top + step / 2; level += step) labels.push([level, Number(level.toFixed(1)).toLocaleString("en")]);
  const width = Math.max(240, place.clientWidth), left = 7 * Math.max(...labels.map(([, text]) => text.length)) + GAP;
  const x = at => (left + (width - GAP - left) * (1 - (now - at) / seconds)).toFixed(1);
  const y = value => (HEIGHT - BOTTOM - (HEIGHT - BOTTOM - TOP) * Math.max(0, value) / top).toFixed(1);
  const last = names.map(name => `${name} ${flows.length ? shortly(flows[flows.length - 1][name]) : "unknown"}`).join(", ");
  const drawing = element("svg", { viewBox: `0 0 ${width} ${HEIGHT}`, height: HEIGHT, role: "img",
                                   "aria-label": `${place.dataset.title} over the last ${seconds / 60} minutes. Now: ${last}` });
  for (const [level, text] of labels) {
    drawing.append(element("path", { class: "level", d: `M${left} ${y(level)}H${width - GAP}` }));
    drawing.append(element("text", { class: "tick", x: left - 6, y: y(level), dy: ".35em" }, text));
  }
  const minutes = Math.round(seconds / 60);
  for (let minute = 0; minute <= minutes; minute++) {
    const text = minute ? `-${minute} min` : "now";
    if (width > 420 || minute % 2 === 0) drawing.append(element("text", { x: Math.min(x(now - 60 * minute), width - 16), y: HEIGHT - 5 }, text));
  }
  for (const name of names) {
    let path = "", isDrawn = false;
    for (const flow of flows) {
      if (flow[name] === null || now - flow.at > seconds) { isDrawn = false; continue; }
      path += `${isDrawn ? "L" : "M"}${x(flow.at)} ${y(flow[name])}`;
      isDrawn = true;
    }
    const series = element("g", { class: name });
    series.append(element("path", { class: "line", d: path }));
    drawing.append(series);
  }
  place.replaceChildren(drawing);
}

const shortly = value => value === null ? "unknown" : Number(value.toFixed(1)).toLocaleString("en");

function drawAll() {
  document.querySelectorAll(".chart").forEach(drawChart);
  if (flows.length) for (const place of document.querySelectorAll(".legend span")) place.textContent = shortly(flows[flows.length - 1][place.dataset.series]);
}

function show({ view, flow }) {
  if (!flows.length || flow.at > flows[flows.length - 1].at) flows.push(flow);
  const oldest = flow.at - Number(document.querySelector(".chart").dataset.seconds);
  flows = flows.filter(one => one.at >= oldest);
  lastTime = view.time;
  for (const id of ["title", "summary", "time", "warning"]) showText(id, view[id]);
  document.title = `${view.summary} - ${view.title}`;
  for (const id of ["stages", "partitions", "dates", "reasons", "processes"]) showTable(view[id]);
  drawAll();
}

async function ask(path) {
  const answer = await fetch(path, { signal: AbortSignal.timeout(5000) });
  if (!answer.ok) throw new Error(answer.status);
  return answer.json();
}

let hasHistory = false;
async function refresh() {
  try {
    if (!hasHistory) {
      flows = await ask("/history.json");
      hasHistory = true;
    }
    const found = await ask("/snapshot.json");
    if (!isPaused) show(found);
    showText("away", "");
    document.body.classList.remove("away");
  } catch {
    hasHistory = false;  // the next server begins with its own
    showText("away", `No answer from make watch. ${lastTime ? `What is shown is from ${lastTime}. ` : ""}Has it been stopped? Start it again with the same PORT.`);
    document.body.classList.add("away");
  }
  setTimeout(refresh, INTERVAL);
}

byId("pause").addEventListener("click", event => {
  isPaused = !isPaused;
  event.target.setAttribute("aria-pressed", isPaused);
  event.target.textContent = isPaused ? "Continue" : "Pause";
});
addEventListener("resize", drawAll);
refresh();
