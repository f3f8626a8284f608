"use strict";
// Tables that sort by their headings, and show only their first rows until asked for all.
for (const table of document.querySelectorAll("table.sortable")) {
  const body = table.tBodies[0];
  const heads = [...table.tHead.rows[0].cells];
  const news = document.getElementById(table.dataset.news);
  const more = document.getElementById(table.dataset.more);
  const first = Number(table.dataset.first);
  let all = body.rows.length <= first;

  const show = () => {
    [...body.rows].forEach((row, place) => { row.hidden = !all && place >= first; });
    more.hidden = all;
  };
  const key = (row, column) => {
    const value = row.cells[column].dataset.v;
    return value === undefined ? row.cells[column].textContent : value === "" ? null : Number(value);
  };
  const compare = (a, b) => (typeof a === "number" ? a - b : a.localeCompare(b, undefined, { numeric: true }));

  heads.forEach((head, column) => {
    const button = head.querySelector("button");
    if (!button) return;
    button.addEventListener("click", () => {
      const before = head.getAttribute("aria-sort");
      const order = before === "none" ? head.dataset.order : before === "ascending" ? "descending" : "ascending";
      const sign = order === "ascending" ? 1 : -1;
      const rows = [...body.rows].map((row) => [key(row, column), row]);
      rows.sort(([a], [b]) => (a === null || b === null ? (a === null) - (b === null) : sign * compare(a, b)));
      body.append(...rows.map(([, row]) => row));
      heads.forEach((other) => { if (other.hasAttribute("aria-sort")) other.setAttribute("aria-sort", "none"); });
      head.setAttribute("aria-sort", order);
      news.textContent = `Sorted by ${button.textContent}, ${order}.`;
      show();
    });
  });
  // The button of a row shows all of what is cut off in it.
  table.classList.add("clipped");
  body.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (button) button.setAttribute("aria-expanded", String(button.closest("tr").classList.toggle("open")));
  });
  more.addEventListener("click", () => { all = true; show(); body.rows[first].querySelector("button").focus(); });
  show();
}
