"use strict";
// The class page's table: search, filters, sorting, and keys. Without this script the page shows every row.
const table = document.getElementById("class");
const body = table.tBodies[0];
const rows = [...body.rows];
const search = document.getElementById("search");
const verdict = document.getElementById("verdict");
const check = document.getElementById("check");
const word = document.getElementById("word");
const shown = document.getElementById("shown");
const texts = new Map(rows.map(row => [row, row.textContent.toLowerCase()]));
const words = new Map(rows.map(row => [row, Object.fromEntries((row.dataset.checks || "").split(" ").filter(Boolean).map(pair => pair.split("=")))]));

function filter() {
  const asked = search.value.trim().toLowerCase().split(/\s+/).filter(Boolean);
  let count = 0;
  for (const row of rows) {
    const fits = asked.every(part => texts.get(row).includes(part))
      && (!verdict.value || row.dataset.verdict === verdict.value)
      && (!check.value || words.get(row)[check.value] === word.value);
    row.hidden = !fits;
    count += fits;
  }
  word.disabled = !check.value;
  shown.textContent = `${count} of ${rows.length} rows`;
}

function sort(button) {
  const head = button.closest("th");
  const at = [...head.parentNode.cells].indexOf(head);
  const up = head.getAttribute("aria-sort") !== "ascending";
  for (const other of head.parentNode.cells) other.removeAttribute("aria-sort");
  head.setAttribute("aria-sort", up ? "ascending" : "descending");
  const value = row => row.cells[at].dataset.value ?? row.cells[at].textContent.trim();
  const isNumber = head.classList.contains("number");
  const compare = (a, b) => isNumber ? Number(a) - Number(b) : a.localeCompare(b, "en", { numeric: true });
  // Rows without a value come last, in both directions.
  const sorted = rows.map(row => [value(row), row]).sort(([a, left], [b, right]) =>
    (a === "") - (b === "") || (up ? 1 : -1) * compare(a, b) || rows.indexOf(left) - rows.indexOf(right));
  body.append(...sorted.map(([, row]) => row));
}

function visible() {
  return [...body.rows].filter(row => !row.hidden);
}

function move(step) {
  const list = visible();
  const at = list.indexOf(document.activeElement.closest("tr"));
  const next = list[at < 0 ? (step > 0 ? 0 : list.length - 1) : Math.min(Math.max(at + step, 0), list.length - 1)];
  if (next) (next.querySelector("a") || next).focus();
}

document.addEventListener("keydown", event => {
  const isTyping = event.target.closest("input, select");
  if (event.key === "Escape" && isTyping) {
    search.value = "";
    verdict.value = check.value = "";
    filter();
    event.target.blur();
  } else if (isTyping || event.ctrlKey || event.metaKey || event.altKey) {
    return;
  } else if (event.key === "/") {
    event.preventDefault();
    search.focus();
  } else if (event.key === "j" || (event.key === "ArrowDown" && body.contains(event.target))) {
    event.preventDefault();
    move(1);
  } else if (event.key === "k" || (event.key === "ArrowUp" && body.contains(event.target))) {
    event.preventDefault();
    move(-1);
  }
});
for (const control of [search, verdict, check, word]) control.addEventListener("input", filter);
for (const button of table.tHead.querySelectorAll("button")) button.addEventListener("click", () => sort(button));
for (const button of document.querySelectorAll("button[data-check]")) button.addEventListener("click", () => {
  check.value = button.dataset.check;
  word.value = "FAIL";
  filter();
  document.getElementById("all").scrollIntoView();
  check.focus({ preventScroll: true });
});
document.getElementById("controls").hidden = false;
filter();
