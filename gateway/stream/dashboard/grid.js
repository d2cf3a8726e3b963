// A table that draws only the rows in sight, in an order kept in typed arrays. Cells are text nodes
// that change only when their text does; nothing is ever set as HTML.

import {alignPoint, fractionLength} from "./decimals.js";
import {element, remember, recall} from "./elements.js";
import {atMostEvery, soon} from "./frame.js";

const ROW_HEIGHT = 24;
const ROWS_SPARE = 3;
const FLASH_MS = 450;
const WORD_WIDTH_MAX = 260;  // of a column that is no number, in pixels
const HELD_SHARE_MAX = 0.4;  // of the table that a first column may take to stand while others are scrolled
const SORT_MS = 400;  // a sorted column that moves is sorted again no faster
const isCalm = matchMedia("(prefers-reduced-motion: reduce)");

/** Columns: {id, title, width, isNumber?, text(row), tone?(row), sort?(row), share?(row), isHidden?} */
export class Grid {
  constructor(host, options) {
    this.name = options.name;
    this.all = options.columns;
    this.isWanted = options.isWanted ?? (() => true);
    this.onOpen = options.onOpen ?? (() => {});
    this.emptyText = options.emptyText;
    this.table = options.table;
    const saved = recall(`grid.${this.name}`) ?? {};
    this.hidden = new Set(saved.hidden ?? this.all.filter((each) => each.isHidden).map(idOf));
    this.sortId = saved.sort ?? options.sort ?? null;
    this.isDown = saved.isDown ?? options.isDown ?? false;
    this.order = new Int32Array(256);  // slots of the table, as shown
    this.count = 0;
    this.shape = -1;
    this.selectedKey = null;
    this.selected = -1;
    this.column = 0;
    this.build(host, options.label);
    this.draw = this.draw.bind(this);
    this.arrangeLater = atMostEvery(SORT_MS, () => this.arrange());
    this.arrangeSoon = atMostEvery(100, () => this.arrange());
    this.setColumns();
  }

  build(host, label) {
    this.scroller = element("div", "grid", {role: "grid", tabindex: "0", "aria-label": label});
    this.head = element("div", "head", {role: "row", "aria-rowindex": "1"});
    this.body = element("div", "body", {role: "rowgroup"});
    this.empty = element("p", "empty");
    this.scroller.append(this.head, this.body, this.empty);
    host.append(this.scroller);
    this.scroller.addEventListener("scroll", () => soon(this.draw), {passive: true});
    this.scroller.addEventListener("keydown", (event) => this.press(event));
    this.body.addEventListener("click", (event) => this.click(event));
    new ResizeObserver(() => soon(this.draw)).observe(this.scroller);
  }

  /** Show another table: the past, or the live one again. */
  use(table) {
    if (this.table === table) return;
    this.table = table;
    this.arrange();
  }

  /** Rows changed. */
  refresh() {
    if (this.shape !== this.table.shape) {
      if (this.count < 500) this.arrange();
      else this.arrangeSoon();
    } else {
      this.arrangeLater();
    }
    soon(this.draw);
  }

  /** Every cell anew: how rows are shown changed. */
  repaint() {
    for (const line of this.pool) line.row = null;
    soon(this.draw);
  }

  setColumns() {
    this.columns = this.all.filter((column) => !this.hidden.has(column.id));
    this.scales = new Uint8Array(this.columns.length);  // widest fraction seen, per column
    this.scaleSum = 0;
    this.column = Math.min(this.column, this.columns.length - 1);
    this.pool = [];
    this.body.replaceChildren();
    this.head.replaceChildren(...this.columns.map((column, index) => this.heading(column, index)));
    this.widths = this.columns.map((column) => column.width);
    this.setWidths();
    this.scroller.setAttribute("aria-colcount", String(this.columns.length));
    this.arrange();
  }

  setWidths() {
    const widths = this.widths.map((width) => `minmax(${width}px, ${width}fr)`);
    this.scroller.style.setProperty("--columns", widths.join(" "));
    const sum = this.widths.reduce((total, width) => total + width, 0);
    this.scroller.style.setProperty("--width", `${sum}px`);
  }

  /** A number is never cut by the edge of its cell: its column grows instead. */
  makeRoom(at, text) {
    this.widen(at, text.length * this.measure("0"));
  }

  /** A name is cut only when it is very long: options of one family differ by their last letters. */
  makeRoomForWord(at, text) {
    this.widen(at, Math.min(WORD_WIDTH_MAX, this.measure(text)));
  }

  widen(at, room) {
    const need = Math.ceil(room) + 18;
    if (need <= this.widths[at]) return;
    this.widths[at] = need;
    soon(this.setWidthsSoon ??= () => this.setWidths());
  }

  /** Width in pixels. */
  measure(text) {
    if (text === "0" && this.digit !== undefined) return this.digit;
    const width = (this.pen ??= penOf(this.scroller)).measureText(text).width;
    if (text === "0") this.digit = Math.max(5, width);
    return width;
  }

  heading(column, index) {
    const cell = element("div", column.isNumber ? "cell number" : "cell", {role: "columnheader"});
    cell.setAttribute("aria-colindex", String(index + 1));
    const isSorted = column.id === this.sortId;
    cell.setAttribute("aria-sort", !isSorted ? "none" : this.isDown ? "descending" : "ascending");
    cell.textContent = column.title;
    cell.title = `${column.hint ?? column.title} – click to sort`;
    cell.addEventListener("click", () => this.sortBy(column));
    return cell;
  }

  toggleColumn(id) {
    if (this.hidden.has(id)) this.hidden.delete(id);
    else if (this.columns.length > 1) this.hidden.add(id);
    this.save();
    this.setColumns();
  }

  sortBy(column) {
    const isSame = this.sortId === column.id;
    // Numbers: largest first, words: A first; the third press: as they came.
    if (isSame && this.isDown !== Boolean(column.isNumber)) this.sortId = null;
    else [this.sortId, this.isDown] = [column.id, isSame ? !this.isDown : Boolean(column.isNumber)];
    this.save();
    this.columns.forEach((each, index) => {
      this.head.children[index].replaceWith(this.heading(each, index));
    });
    this.arrange();
  }

  save() {
    remember(`grid.${this.name}`, {
      hidden: [...this.hidden], sort: this.sortId, isDown: this.isDown,
    });
  }

  /** Which slots are shown, in which order. */
  arrange() {
    const table = this.table;
    this.shape = table.shape;
    if (this.order.length < table.size) this.order = new Int32Array(table.size * 2);
    let count = 0;
    for (const slot of table.slots.values()) {
      if (this.isWanted(table.rows[slot])) this.order[count++] = slot;
    }
    this.count = count;
    const column = this.all.find((each) => each.id === this.sortId);
    if (column !== undefined) this.sort(column);
    else this.sortBySerial();
    this.scroller.setAttribute("aria-rowcount", String(count + 1));
    this.followSelection();
    this.onCount?.(count);
    soon(this.draw);
  }

  /** As it comes: what changed last stands on top. */
  sortBySerial() {
    const {serial} = this.table;
    this.order.subarray(0, this.count).sort((left, right) => serial[right] - serial[left]);
  }

  sort(column) {
    const {rows, serial} = this.table;
    const numberOf = (row) => Number(column.value(row) ?? NaN);  // for the order alone
    const keyOf = column.sort ?? (column.isNumber ? numberOf : column.text);
    const keys = column.isNumber ? new Float64Array(rows.length) : new Array(rows.length);
    for (let at = 0; at < this.count; at += 1) keys[this.order[at]] = keyOf(rows[this.order[at]]);
    const way = this.isDown ? -1 : 1;
    this.order.subarray(0, this.count).sort((left, right) => {
      const [a, b] = [keys[left], keys[right]];
      if (a === b) return serial[right] - serial[left];
      if (a !== a || b !== b) return a !== a ? 1 : -1;  // what has no number comes last
      return a < b ? -way : way;
    });
  }

  followSelection() {
    if (this.selectedKey === null) return;
    const slot = this.table.slots.get(this.selectedKey);
    this.selected = slot === undefined ? -1 : this.order.subarray(0, this.count).indexOf(slot);
  }

  draw() {
    if (this.scroller.clientHeight === 0) return;
    this.scroller.toggleAttribute("data-held", this.widths[0] < HELD_SHARE_MAX * this.scroller.clientWidth);
    this.empty.hidden = this.count > 0;
    if (this.count === 0) this.empty.textContent = this.emptyText(this.table);
    const height = `${this.count * ROW_HEIGHT}px`;
    if (this.body.style.height !== height) this.body.style.height = height;
    const first = Math.max(0, Math.floor(this.scroller.scrollTop / ROW_HEIGHT) - ROWS_SPARE);
    const seen = Math.ceil(this.scroller.clientHeight / ROW_HEIGHT) + 2 * ROWS_SPARE;
    const last = Math.min(this.count, first + seen);
    while (this.pool.length < last - first) this.pool.push(this.makeLine());
    const now = performance.now();
    let isAgain = false;
    // A line keeps its row while scrolling, so that few nodes move.
    for (let index = first; index < last; index += 1) {
      isAgain = this.fill(this.pool[index % this.pool.length], index, now) || isAgain;
    }
    for (const line of this.pool) {
      const isOut = line.index < first || line.index >= last;
      if (isOut !== line.node.hidden) line.node.hidden = isOut;
    }
    if (isAgain) soon(this.draw);
    this.fade(now);
  }

  makeLine() {
    const node = element("div", "row", {role: "row"});
    const cells = this.columns.map((column, index) => {
      const cell = element("div", column.isNumber ? "cell number" : "cell", {role: "gridcell"});
      cell.setAttribute("aria-colindex", String(index + 1));
      cell.id = `${this.name}-${this.pool.length}-${index}`;
      const text = document.createTextNode("");
      cell.append(text);
      node.append(cell);
      return {cell, text, tone: "", value: "", flash: 0};
    });
    this.body.append(node);
    return {node, cells, index: -1, slot: -1, row: null, table: null, flash: 0};
  }

  /** True when a wider number came: points are lined up again. */
  fill(line, index, now) {
    const slot = this.order[index];
    const row = this.table.rows[slot];
    if (row === undefined) return false;
    if (line.index !== index) {
      line.index = index;
      line.node.style.transform = `translateY(${index * ROW_HEIGHT}px)`;
      line.node.setAttribute("aria-rowindex", String(index + 2));
      line.node.dataset.stripe = String(index % 2);
    }
    this.mark(line, index);
    if (line.row === row && line.scale === this.scaleSum) return false;
    const isSame = line.slot === slot && line.table === this.table && line.row !== row;
    Object.assign(line, {slot, row, table: this.table, scale: this.scaleSum});
    const before = this.scaleSum;
    this.columns.forEach((column, at) => this.fillCell(line, column, at, isSame ? now : 0));
    return before !== this.scaleSum;
  }

  fillCell(line, column, at, now) {
    const cell = line.cells[at];
    const row = line.row;
    const value = column.text(row);
    let text = value;
    if (column.isNumber) {
      const scale = Math.min(8, fractionLength(value));
      if (scale > this.scales[at]) {
        this.scaleSum += scale - this.scales[at];
        this.scales[at] = scale;
      }
      text = alignPoint(value, this.scales[at]);
      this.makeRoom(at, text);
    }
    if (cell.value !== value) {
      if (now > 0 && column.isNumber && !isCalm.matches) this.flash(line, cell, now);
      if (!column.isNumber) this.makeRoomForWord(at, value);
      cell.value = value;
      cell.cell.title = column.value?.(row) ?? value;
    }
    if (cell.text.data !== text) cell.text.data = text;
    const tone = column.tone?.(row) ?? "";
    if (cell.tone !== tone) cell.cell.dataset.tone = cell.tone = tone;
    if (column.share !== undefined) {
      const share = column.share(row, this);
      if (cell.share !== share) cell.cell.style.setProperty("--share", (cell.share = share));
    }
  }

  flash(line, cell, now) {
    if (cell.flash === 0) cell.cell.classList.add("flash");
    cell.flash = line.flash = now + FLASH_MS;
    this.drawIn(FLASH_MS);
  }

  drawIn(ms) {
    this.fading ??= setTimeout(() => {
      this.fading = null;
      soon(this.draw);
    }, ms);
  }

  fade(now) {
    let isLeft = false;
    for (const line of this.pool) {
      if (line.flash === 0) continue;
      line.flash = 0;
      for (const cell of line.cells) {
        if (cell.flash === 0) continue;
        if (cell.flash <= now + 1) {
          cell.flash = 0;
          cell.cell.classList.remove("flash");
        } else {
          line.flash = Math.max(line.flash, cell.flash);
          isLeft = true;
        }
      }
    }
    if (isLeft) this.drawIn(FLASH_MS / 2);
  }

  mark(line, index) {
    const isSelected = index === this.selected;
    if (line.isSelected === isSelected && line.column === this.column) return;
    line.isSelected = isSelected;
    line.column = this.column;
    line.node.setAttribute("aria-selected", String(isSelected));
    line.cells.forEach(({cell}, at) => cell.classList.toggle("here", isSelected && at === this.column));
    if (isSelected) this.scroller.setAttribute("aria-activedescendant", line.cells[this.column].cell.id);
  }

  select(index) {
    this.selected = Math.max(0, Math.min(this.count - 1, index));
    if (this.count === 0) this.selected = -1;
    const row = this.selectedRow();
    this.selectedKey = null;
    for (const [key, slot] of this.table.slots) {
      if (this.table.rows[slot] === row) this.selectedKey = key;
    }
    const top = this.selected * ROW_HEIGHT;
    const height = this.scroller.clientHeight - 2 * ROW_HEIGHT;
    if (top < this.scroller.scrollTop) this.scroller.scrollTop = top;
    if (top > this.scroller.scrollTop + height) this.scroller.scrollTop = top - height;
    soon(this.draw);
  }

  selectedRow() {
    return this.selected < 0 ? undefined : this.table.rows[this.order[this.selected]];
  }

  click(event) {
    const node = event.target.closest(".row");
    const line = this.pool.find((each) => each.node === node);
    if (line === undefined) return;
    const at = line.cells.findIndex(({cell}) => cell.contains(event.target));
    if (at >= 0) this.column = at;
    this.select(line.index);
    this.onOpen(line.row);
  }

  press(event) {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const page = Math.max(1, Math.floor(this.scroller.clientHeight / ROW_HEIGHT) - 2);
    const moves = {
      ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -this.count, End: this.count,
    };
    const sideways = {ArrowRight: 1, ArrowLeft: -1};
    if (event.key in moves) this.select(this.selected + moves[event.key]);
    else if (event.key in sideways) this.moveColumn(sideways[event.key]);
    else if (event.key === "Enter" && this.selectedRow()) this.onOpen(this.selectedRow());
    else if (event.key === "s") this.sortBy(this.columns[this.column]);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  moveColumn(step) {
    this.column = Math.max(0, Math.min(this.columns.length - 1, this.column + step));
    const cell = this.head.children[this.column];
    const held = this.scroller.hasAttribute("data-held") ? this.head.children[0].offsetWidth : 0;
    const left = cell.offsetLeft - (this.column > 0 ? held : cell.offsetLeft);
    const right = cell.offsetLeft + cell.offsetWidth - this.scroller.clientWidth;
    if (left < this.scroller.scrollLeft) this.scroller.scrollLeft = left;
    if (right > this.scroller.scrollLeft) this.scroller.scrollLeft = right;
    soon(this.draw);
  }
}

/** Measures as the widest text of a table is drawn: bold. */
function penOf(node) {
  const pen = document.createElement("canvas").getContext("2d");
  const style = getComputedStyle(node);
  const stretch = style.fontStretch === "100%" ? "" : "semi-condensed";
  pen.font = `600 ${stretch} ${style.fontSize} ${style.fontFamily}`;
  return pen;
}

function idOf(column) {
  return column.id;
}
