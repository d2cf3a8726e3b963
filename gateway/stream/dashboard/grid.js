// A table that draws only the rows in sight. Cells are text nodes that change only when their text
// does; nothing is ever set as HTML.

const ROW_HEIGHT = 28;
const ROWS_SPARE = 4;

export class Grid {
  /** columns: [{title, text(row), tone?(row), isNumber?, width?}] */
  constructor(host, label, columns, emptyText) {
    this.columns = columns;
    this.rows = [];
    this.pool = [];
    this.selected = -1;
    this.scroller = element("div", "grid", {role: "grid", tabindex: "0", "aria-label": label});
    this.scroller.setAttribute("aria-colcount", String(columns.length));
    this.head = element("div", "head", {role: "row", "aria-rowindex": "1"});
    this.body = element("div", "body", {role: "rowgroup"});
    this.empty = element("p", "empty");
    this.empty.textContent = emptyText;
    const template = columns.map((column) => column.width ?? "minmax(6rem, 1fr)").join(" ");
    this.scroller.style.setProperty("--columns", template);
    columns.forEach((column, index) => this.head.append(header(column, index)));
    this.scroller.append(this.head, this.body, this.empty);
    host.append(this.scroller);
    this.scroller.addEventListener("scroll", () => this.request());
    this.scroller.addEventListener("keydown", (event) => this.press(event));
    new ResizeObserver(() => this.request()).observe(this.scroller);
  }

  show(rows) {
    this.rows = rows;
    this.selected = Math.min(this.selected, rows.length - 1);
    this.scroller.setAttribute("aria-rowcount", String(rows.length + 1));
    this.empty.hidden = rows.length > 0;
    this.request();
  }

  /** One drawing per animation frame, however often the rows change. */
  request() {
    if (this.isWaiting) return;
    this.isWaiting = true;
    requestAnimationFrame(() => {
      this.isWaiting = false;
      this.draw();
    });
  }

  draw() {
    this.body.style.height = `${this.rows.length * ROW_HEIGHT}px`;
    const first = Math.max(0, Math.floor(this.scroller.scrollTop / ROW_HEIGHT) - ROWS_SPARE);
    const seen = Math.ceil(this.scroller.clientHeight / ROW_HEIGHT) + 2 * ROWS_SPARE;
    const last = Math.min(this.rows.length, first + seen);
    while (this.pool.length < last - first) this.pool.push(this.makeLine());
    this.pool.forEach((line, offset) => this.fill(line, first + offset, last));
  }

  makeLine() {
    const node = element("div", "row", {role: "row"});
    const cells = this.columns.map((column, index) => {
      const cell = element("div", column.isNumber ? "cell number" : "cell", {role: "gridcell"});
      cell.setAttribute("aria-colindex", String(index + 1));
      const text = document.createTextNode("");
      cell.append(text);
      node.append(cell);
      return {cell, text, tone: ""};
    });
    this.body.append(node);
    return {node, cells};
  }

  fill(line, index, last) {
    line.node.hidden = index >= last;
    if (index >= last) return;
    const row = this.rows[index];
    line.node.style.transform = `translateY(${index * ROW_HEIGHT}px)`;
    line.node.setAttribute("aria-rowindex", String(index + 2));
    line.node.setAttribute("aria-selected", String(index === this.selected));
    this.columns.forEach((column, at) => {
      const {cell, text} = line.cells[at];
      const value = column.text(row);
      if (text.data !== value) {
        text.data = value;
        cell.title = value;
      }
      const tone = column.tone?.(row) ?? "";
      if (line.cells[at].tone !== tone) cell.dataset.tone = line.cells[at].tone = tone;
    });
  }

  press(event) {
    const page = Math.max(1, Math.floor(this.scroller.clientHeight / ROW_HEIGHT) - 2);
    const moves = {
      ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page,
      Home: -this.rows.length, End: this.rows.length,
    };
    const move = moves[event.key];
    if (move === undefined) return;
    event.preventDefault();
    this.selected = Math.max(0, Math.min(this.rows.length - 1, this.selected + move));
    const top = this.selected * ROW_HEIGHT;
    const height = this.scroller.clientHeight - 2 * ROW_HEIGHT;
    if (top < this.scroller.scrollTop) this.scroller.scrollTop = top;
    if (top > this.scroller.scrollTop + height) this.scroller.scrollTop = top - height;
    this.request();
  }
}

function element(tag, className, attributes = {}) {
  const node = document.createElement(tag);
  node.className = className;
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  return node;
}

function header(column, index) {
  const className = column.isNumber ? "cell number" : "cell";
  const cell = element("div", className, {role: "columnheader"});
  cell.setAttribute("aria-colindex", String(index + 1));
  cell.textContent = column.title;
  return cell;
}
