"use strict";
(() => {
  const value = (row, column) => {
    const text = row.cells[column].dataset.value;
    if (text === undefined) return null;
    const number = Number(text);
    return text !== "" && Number.isFinite(number) ? number : text;
  };
  // Rows without a value stay last whichever way the others are sorted.
  const compare = (a, b, way) => {
    if (a === null || b === null) return (a === null) - (b === null);
    if (typeof a === "number" && typeof b === "number") return way * (a - b);
    return way * String(a).localeCompare(String(b));
  };
  for (const table of document.querySelectorAll("table.sortable")) {
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, column) => {
      head.querySelector("button").addEventListener("click", () => {
        const way = head.getAttribute("aria-sort") === "ascending" ? -1 : 1;
        heads.forEach((other) => other.setAttribute("aria-sort", "none"));
        head.setAttribute("aria-sort", way === 1 ? "ascending" : "descending");
        const body = table.tBodies[0];
        const rows = [...body.rows].map((row) => [value(row, column), row]);
        rows.sort((a, b) => compare(a[0], b[0], way));
        body.append(...rows.map(([, row]) => row));
      });
    });
  }

  const form = document.querySelector("form.filters");
  if (!form) return;
  const failures = [...document.querySelectorAll(".failure")];
  const chips = [...document.querySelectorAll(".kinds button")];
  const { model, kind, text, shown } = form.elements;
  const filter = () => {
    const words = text.value.toLowerCase();
    let count = 0;
    for (const failure of failures) {
      const matches =
        (!model.value || failure.dataset.model === model.value) &&
        (!kind.value || failure.dataset.kind === kind.value) &&
        (!words || failure.textContent.toLowerCase().includes(words));
      failure.hidden = !matches;
      count += matches;
    }
    shown.value = `${count} shown`;
    document.getElementById("nothing").hidden = count > 0;
    for (const chip of chips) chip.setAttribute("aria-pressed", String(chip.dataset.kind === kind.value));
  };
  for (const chip of chips) {
    chip.addEventListener("click", () => {
      kind.value = kind.value === chip.dataset.kind ? "" : chip.dataset.kind;
      filter();
    });
  }
  form.addEventListener("input", filter);
  form.addEventListener("submit", (event) => event.preventDefault());
})();
