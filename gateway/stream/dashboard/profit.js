// The waterfall of profit and loss: price, carry, fees, FX, slippage and other are the total,
// exactly. The figures are added as decimals; only the bars' heights are approximate.

import {addDecimals, alignPoint, fractionLength, group, isEqual, shorten, signOf} from "./decimals.js";
import {clock, dayOf, plain, toneOf, visible} from "./columns.js";
import {chipsOf, element, fillSelect, fitCanvas, said} from "./elements.js";
import {atMostEvery} from "./frame.js";

export const PARTS = ["price", "carry", "fees", "fx", "slippage", "other"];
const NAMES = {price: "Price", carry: "Carry", fees: "Fees", fx: "FX", slippage: "Slippage", other: "Other"};
const HINTS = {
  price: "What the market moved", carry: "Funding, interest and borrow", fees: "Fees and rebates",
  fx: "Conversion between currencies", slippage: "Fill price against price at arrival",
  other: "What belongs to none of these",
};
const ALL = "\u0000all";
const RATE = "rate:";  // before the name of a currency that has none
const REPORTING = "\u0000reporting";
const REDRAW_MS = 250;

export class ProfitPanel {
  constructor(host, table) {
    this.table = table;
    this.currency = null;
    this.book = ALL;
    this.host = host;
    this.build();
    this.refresh = atMostEvery(REDRAW_MS, () => this.draw());
    new ResizeObserver(() => this.refresh()).observe(this.canvas);
  }

  build() {
    this.bar = element("div", "strip");
    this.currencies = element("div", "chips", {role: "group", "aria-label": "Currency"});
    this.books = element("select", "", {"aria-label": "Book", id: "profit-book"});
    this.books.addEventListener("change", () => {
      this.book = this.books.value;
      this.draw();
    });
    this.bar.append(this.currencies, this.books);
    this.canvas = element("canvas", "waterfall", {role: "img", "aria-label": "Waterfall of profit and loss"});
    this.list = element("dl", "parts", {id: "profit-parts"});
    this.note = said("p", "", "note", {id: "profit-note"});
    this.rates = said("p", "", "note", {id: "profit-rates"});
    this.host.append(this.bar, this.canvas, this.list, this.note, this.rates);
  }

  draw() {
    const rows = [...this.table.values()];
    this.bar.hidden = this.canvas.hidden = this.list.hidden = rows.length === 0;
    if (rows.length === 0) {
      this.rates.textContent = "";
      this.note.dataset.tone = "";
      this.note.textContent = this.table.absent
        ? `The observer has no parts of the profit: ${this.table.absent}.` : "No profit or loss yet.";
      return;
    }
    this.choose(rows);
    const isReported = this.currency === REPORTING;
    const taken = rows.filter((row) => (isReported || row.currency === this.currency)
      && (this.book === ALL || bookOf(row) === this.book));
    const sums = sumParts(isReported ? taken.map((row) => row.reporting).filter(Boolean) : taken);
    this.show(sums, taken);
    this.paint(sums);
  }

  /** Offer what there is; keep the choice while it exists. */
  choose(rows) {
    const currencies = [...new Set(rows.map((row) => row.currency))].sort();
    const told = rows.find((row) => row.reporting)?.reporting;
    if (told !== undefined) currencies.push(REPORTING);
    this.reporting = told?.currency || "reporting";
    if (!currencies.includes(this.currency)) this.currency = told ? REPORTING : commonest(rows, currencies);
    const books = [...new Set(rows.map(bookOf))].sort();
    if (this.book !== ALL && !books.includes(this.book)) this.book = ALL;
    const words = books.map((name) => [name, visible(name.replace("\u0000", " · "))]);
    fillSelect(this.books, [[ALL, "all books"], ...words], this.book);
    const offered = `${currencies.join()}|${this.currency}`;
    if (offered === this.offered) return;
    this.offered = offered;
    this.currencies.replaceChildren(...chipsOf(currencies, this.currency, (name) => {
      this.currency = name;
      this.draw();
    }, (name) => (name === REPORTING ? `all in ${visible(this.reporting)}` : visible(name))));
  }

  show(sums, rows) {
    const items = [];
    const texts = [...PARTS, "total"].map((name) => withSign(sums[name]));
    const scale = Math.max(...texts.map(fractionLength));
    for (const name of [...PARTS, "total"]) {
      const text = sums[name];
      const title = name === "total" ? "Total" : NAMES[name];
      items.push(said("dt", title, name, {title: HINTS[name] ?? "The sum of the parts"}));
      const figure = said("dd", alignPoint(withSign(text), scale), `number ${name}`);
      figure.dataset.tone = toneOf(text);
      figure.dataset.part = name;
      items.push(figure);
    }
    this.list.replaceChildren(...items);
    const unmarked = excludedOf(rows).filter((name) => !name.startsWith(RATE));
    const notes = [];
    if (unmarked.length > 0) notes.push(`⚠ without a fresh mark, not in the sums: ${unmarked.map(visible).join(", ")}.`);
    if (this.currency === REPORTING) notes.push(...missingRates(rows));
    if (!sums.isExact) notes.push("✕ The parts are not the total the observer told.");
    this.note.textContent = notes.join(" ");
    this.note.dataset.tone = sums.isExact ? "unknown" : "loss";
    this.rates.textContent = this.currency === REPORTING ? ratesText(rows) : "";
  }

  paint(sums) {
    const place = fitCanvas(this.canvas);
    if (place === null) return;
    const {pen, width, height, colour} = place;
    const names = [...PARTS, "total"];
    const steps = stepsOf(sums, names);
    const low = Math.min(0, ...steps.flat());
    const high = Math.max(0, ...steps.flat());
    const y = (value) => 14 + (height - 34) * (high === low ? 0.5 : (high - value) / (high - low));
    const slot = width / names.length;
    pen.strokeStyle = colour("line");
    pen.beginPath();
    pen.moveTo(0, Math.round(y(0)) + 0.5);
    pen.lineTo(width, Math.round(y(0)) + 0.5);
    pen.stroke();
    pen.textAlign = "center";
    names.forEach((name, at) => {
      const [from, to] = steps[at];
      const left = at * slot + slot * 0.16;
      const top = Math.min(y(from), y(to));
      const size = Math.max(1.5, Math.abs(y(from) - y(to)));
      pen.fillStyle = to > from ? colour("gain") : to < from ? colour("loss") : colour("quiet");
      pen.globalAlpha = name === "total" ? 1 : 0.72;
      pen.fillRect(left, top, slot * 0.68, size);
      pen.globalAlpha = 1;
      if (at < names.length - 1) link(pen, colour("quiet"), left + slot * 0.68, y(to), slot * 0.32);
      pen.fillStyle = colour("quiet");
      pen.fillText(NAMES[name] ?? "Total", at * slot + slot / 2, height - 5);
    });
    this.canvas.setAttribute("aria-label",
      `Waterfall: ${names.map((name) => `${name} ${sums[name]}`).join(", ")} `
      + (this.currency === REPORTING ? this.reporting : this.currency));
  }
}

/** What positions without a mark, and currencies without a rate, are called. */
const excludedOf = (rows) => [...new Set(rows.flatMap((row) => row.excluded ?? []))];

/** Whose rates were missing or too old. */
function missingRates(rows) {
  const without = excludedOf(rows).filter((name) => name.startsWith(RATE)).map((name) => visible(name.slice(RATE.length)));
  return without.length === 0 ? [] : [`⚠ without a usable rate, not in the sums: ${without.join(", ")}.`];
}

/** Which rates were used and when they were said. */
function ratesText(rows) {
  const used = new Map(rows.filter((row) => row.reporting).map((row) => [row.currency, row.reporting]));
  const texts = [...used].sort().filter(([name, {currency}]) => name !== currency)
    .map(([name, {rate, rate_time_ns: at}]) => `${visible(name)} ${plain(rate)} (${dayOf(at)} ${clock(at, 0).slice(0, 8)})`);
  return texts.length === 0 ? "" : `At the rates ${texts.join(", ")}; FX is what rates moved since it was earned.`;
}

function commonest(rows, currencies) {
  const count = (name) => rows.filter((row) => row.currency === name).length;
  return currencies.reduce((best, name) => (count(name) > count(best) ? name : best));
}

const bookOf = (row) => `${row.account}\u0000${row.strategy}`;
const withSign = (text) => {
  if (text === null) return "no number";
  const sign = signOf(text);
  return (sign > 0 ? "▲ +" : sign < 0 ? "▼ " : "") + group(shorten(text));
};

function link(pen, colour, x, y, length) {
  pen.strokeStyle = colour;
  pen.setLineDash([2, 2]);
  pen.beginPath();
  pen.moveTo(x, Math.round(y) + 0.5);
  pen.lineTo(x + length, Math.round(y) + 0.5);
  pen.stroke();
  pen.setLineDash([]);
}

/** Exact sums of the parts; the total is told by the observer and must be their sum. */
export function sumParts(rows) {
  const sums = {};
  for (const name of [...PARTS, "total"]) {
    sums[name] = addDecimals("0", ...rows.map((row) => row[name] ?? "0"));
  }
  const added = addDecimals("0", ...PARTS.map((name) => sums[name] ?? "x"));
  sums.isExact = added !== null && sums.total !== null && isEqual(added, sums.total);
  return sums;
}

/** Where each bar begins and ends; approximate, for pixels alone. */
function stepsOf(sums, names) {
  let level = 0;
  return names.map((name) => {
    if (name === "total") return [0, Number(sums.total ?? 0)];
    const from = level;
    level += Number(sums[name] ?? 0);
    return [from, level];
  });
}
