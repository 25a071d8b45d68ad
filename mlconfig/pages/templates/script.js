(function () {
  "use strict";
  // Without JavaScript the page shows the same; this sorts, filters, and opens what is linked to.
  var columns = Array.prototype.slice.call(document.querySelectorAll("#inputs details.column"));
  var tools = document.querySelector(".tools");
  document.querySelectorAll(".scroll").forEach(function (box) { box.scrollLeft = box.scrollWidth; });
  function reveal() {
    var target = location.hash.length > 1 && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (target && target.tagName === "DETAILS") { target.open = true; target.scrollIntoView(); }
  }
  addEventListener("hashchange", reveal);
  reveal();
  if (!tools || columns.length < 4) { return; }
  tools.hidden = false;
  var name = tools.querySelector("[type=search]"), beyond = tools.querySelector("[type=checkbox]");
  var order = tools.querySelector("select"), all = tools.querySelector("button"), told = tools.querySelector("[role=status]");
  function filter() {
    var wanted = name.value.trim().toLowerCase(), shown = 0;
    columns.forEach(function (column) {
      var fits = column.dataset.name.toLowerCase().indexOf(wanted) >= 0 && (!beyond.checked || column.dataset.beyond === "1");
      column.hidden = !fits;
      shown += fits ? 1 : 0;
    });
    told.textContent = shown === columns.length ? "" : shown + " of " + columns.length + " columns";
  }
  function sort() {
    var by = order.value;
    columns.slice().sort(function (a, b) {
      if (by === "name") { return a.dataset.name.localeCompare(b.dataset.name); }
      if (by === "order") { return a.dataset.order - b.dataset.order; }
      return b.dataset.beyond - a.dataset.beyond || b.dataset.ratio - a.dataset.ratio || a.dataset.order - b.dataset.order;
    }).forEach(function (column) { column.parentNode.appendChild(column); });
  }
  name.addEventListener("input", filter);
  beyond.addEventListener("change", filter);
  order.addEventListener("change", sort);
  all.addEventListener("click", function () {
    var open = columns.some(function (column) { return !column.open; });
    columns.forEach(function (column) { column.open = open; });
    all.textContent = open ? "close all" : "open all";
  });
}());
