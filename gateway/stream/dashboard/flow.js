// Flow: what strategies sent to venues and what became of it, in columns of ten seconds. Counts are
// the observer's; volumes are added as decimals, and only bars and shares are approximate.

import {clock, isNone, signed, toneOf, visible} from "./columns.js";
import {addDecimals, negate, parseDecimal, shorten} from "./decimals.js";
import {element, fitCanvas, fillSelect, said} from "./elements.js";
import {atMostEvery} from "./frame.js";
import {Grid} from "./grid.js";
import {Table} from "./stream.js";

const REDRAW_MS = 500;
const COLUMN_NS = 10_000_000_000n;
const COLUMNS_MIN = 30;  // a young flow is not pressed to the edge
const COLUMNS_MAX = 90;
const COUNTS = ["entered", "fills", "filled", "refused", "rejected", "canceled"];
const ALL = "\u0000all";
const LABEL_HEIGHT = 14;

const share = (part, whole) => (whole > 0 ? `${(100 * part / whole).toFixed(1)} %` : "–");
const byCount = (counts) => Object.entries(counts).sort((left, right) => right[1] - left[1]);
const count = (id, title, hint) => ({
  id, title, width: 66, isNumber: true, hint, value: (row) => row[id], text: (row) => row[id].toLocaleString("en"),
});
const part = (id, title, hint, of, whole) => ({
  id, title, width: 82, isNumber: true, hint, value: (row) => (row[whole] > 0 ? row[of] / row[whole] : null),
  text: (row) => share(row[of], row[whole]),
});

const nameOf = (text) => (isNone(text) ? "–" : visible(text));

const FLOW_COLUMNS = [
  {id: "strategy", title: "Strategy", width: 104, text: (row) => nameOf(row.strategy)},
  {id: "venue", title: "Venue", width: 72, text: (row) => nameOf(row.venue)},
  count("entered", "Orders", "Orders entered"), count("fills", "Fills", "Executions"),
  part("filled", "Fill rate", "Orders filled to the end, of orders entered", "filled", "entered"),
  {id: "volume", title: "Bought − sold", width: 150, isNumber: true, hint: "Signed volume in its currency",
   value: (row) => netOf(row)[1], text: (row) => {
     const [currency, net] = netOf(row);
     return currency === null ? "–" : `${signed(net, 2)} ${visible(currency)}`;
   }, tone: (row) => toneOf(netOf(row)[1] ?? "0")},
  count("refused", "Refused", "Refused by the gateway"),
  part("refusal", "Refusal rate", "Refused, of all that was asked", "refused", "asked"),
  {id: "codes", title: "Refusals by code", width: 150, tone: () => "quiet", text: (row) => (
    byCount(row.refusals).map(([code, times]) => `${visible(code)} ${times}`).join(", ") || "–"
  )},
  count("rejected", "Rejected", "Rejected by the venue"), count("canceled", "Cancelled", "Cancelled"),
  part("maker", "Maker", "Fills that rested in the book, of fills whose liquidity is told", "made", "told"),
];

/** The largest currency's bought less sold; the others are in the sums of the chart. */
function netOf({volume}) {
  const [first] = Object.entries(volume).sort((left, right) => turnover(right[1]) - turnover(left[1]));
  return first === undefined ? [null, null] : [first[0], shorten(addDecimals(first[1].bought, negate(first[1].sold)))];
}

const turnover = ({bought, sold}) => Number(bought) + Number(sold);

/** What the row does not tell is nothing; one without a time has no column and is left out. */
function whole(row) {
  if (!/^\d+$/.test(row.time_ns ?? "")) return null;
  const counts = Object.fromEntries(COUNTS.map((name) => [name, countOf(row[name])]));
  const volume = Object.entries(row.volume ?? {}).map(([currency, moved]) => [
    currency, {bought: decimalOf(moved?.bought), sold: decimalOf(moved?.sold)},
  ]);
  return {
    strategy: row.strategy ?? "", venue: row.venue ?? "", time_ns: row.time_ns, ...counts,
    refusals: row.refusals ?? {}, liquidity: row.liquidity ?? {}, volume: Object.fromEntries(volume),
  };
}

const countOf = (value) => (Number.isFinite(value) && value > 0 ? value : 0);
const decimalOf = (text) => (parseDecimal(text) === null ? "0" : text);

export class FlowPanel {
  constructor(host, table) {
    this.table = table;
    this.place = ALL;
    this.currency = null;
    this.places = new Table("places");
    const strip = element("div", "strip");
    this.choice = element("select", "", {"aria-label": "Strategy and venue"});
    this.money = element("select", "", {"aria-label": "Currency of the volume"});
    this.legend = element("span", "quiet");
    this.choice.addEventListener("change", () => this.choose("place", this.choice));
    this.money.addEventListener("change", () => this.choose("currency", this.money));
    strip.append(this.legend, this.choice, this.money);
    this.canvas = element("canvas", "flow", {role: "img", "aria-label": "Flow over time"});
    host.append(strip, this.canvas);
    this.strip = strip;
    this.grid = new Grid(host, {
      name: "flow", label: "Flow by strategy and venue", table: this.places, columns: FLOW_COLUMNS,
      sort: "entered", isDown: true,
      emptyText: () => (table.absent ? `The observer has no flow: ${table.absent}.`
        : "Nothing was sent since the observer stood at the journal's end."),
    });
    this.refresh = atMostEvery(REDRAW_MS, () => this.draw());
    new ResizeObserver(() => this.refresh()).observe(this.canvas);
  }

  choose(what, select) {
    this[what] = select.value;
    this.draw();
  }

  draw() {
    if (this.canvas.parentNode.hidden) return;
    const rows = [...this.table.values()].map(whole).filter(Boolean);
    this.places.absent = this.table.absent;
    this.strip.hidden = this.canvas.hidden = rows.length === 0;
    const sums = new Map();
    for (const row of rows) add(sums, placeOf(row), row);
    for (const key of [...this.places.slots.keys()]) if (!sums.has(key)) this.places.remove(key);
    for (const [key, sum] of sums) this.places.set(key, sum);
    this.grid.refresh();
    if (rows.length === 0) return;
    this.offer(sums, rows);
    this.paint(rows, (row) => this.place === ALL || placeOf(row) === this.place);
  }

  offer(sums, rows) {
    if (!sums.has(this.place)) this.place = ALL;
    const words = [...sums.keys()].sort().map((key) => [key, key.split("|").map(nameOf).join(" · ")]);
    fillSelect(this.choice, [[ALL, "all"], ...words], this.place);
    const currencies = [...new Set(rows.flatMap((row) => Object.keys(row.volume)))].sort();
    const rowsIn = (name) => rows.filter((row) => name in row.volume).length;
    currencies.sort((left, right) => rowsIn(right) - rowsIn(left));
    if (!currencies.includes(this.currency)) this.currency = currencies[0] ?? null;
    fillSelect(this.money, currencies.map((name) => [name, visible(name)]), this.currency);
    this.money.hidden = currencies.length === 0;
  }

  /** Above: orders, fills within them, refusals below the line. Below: bought up, sold down. */
  paint(rows, isChosen) {
    const place = fitCanvas(this.canvas);
    if (place === null) return;
    const columns = columnsOf(rows, isChosen, this.currency);
    const {pen, width, height, colour} = place;
    const half = (height - LABEL_HEIGHT) / 2;
    const slot = width / columns.length;
    const bars = (top, size, up, down) => {
      // The longest of all bars that stand on a column: an order may be filled later than it was sent.
      const most = Math.max(...columns.map((each) => Math.max(...up.map(([name]) => each[name]))));
      const least = Math.max(...columns.map((each) => each[down[0]]));
      const scale = most + least > 0 ? (size - 4) / (most + least) : 0;
      const zero = top + 2 + (scale > 0 ? most * scale : size - 4);
      columns.forEach((each, at) => {
        for (const [name, paint, alpha] of up) bar(at, zero, -each[name] * scale, paint, alpha);
        bar(at, zero, each[down[0]] * scale, down[1], 0.8);
      });
      pen.globalAlpha = 1;
      pen.fillStyle = colour("line");
      pen.fillRect(0, Math.round(zero), width, 1);
    };
    const bar = (at, zero, size, paint, alpha) => {
      if (size === 0) return;
      pen.globalAlpha = alpha;
      pen.fillStyle = colour(paint);
      pen.fillRect(at * slot + 0.5, zero, Math.max(1, slot - 1), Math.abs(size) < 1 ? Math.sign(size) : size);
    };
    bars(0, half, [["entered", "accent", 0.35], ["filled", "accent", 1]], ["refused", "loss"]);
    bars(half, half, [["bought", "gain", 0.8]], ["sold", "loss"]);
    pen.fillStyle = colour("quiet");
    pen.textAlign = "left";
    pen.fillText(secondOf(columns[0].time), 0, height - 2);
    pen.textAlign = "right";
    pen.fillText(secondOf(columns[columns.length - 1].time), width, height - 2);
    this.tell(columns);
  }

  tell(columns) {
    const sum = (name) => columns.reduce((total, each) => total + each[name], 0);
    const counts = [["entered", "orders"], ["filled", "filled"], ["refused", "refused"]].map(([name, title]) => [name, `${title} ${sum(name)}`]);
    const text = counts.map(([, told]) => told).join(", ");
    const legend = [...counts, ["bought", "bought"], ["sold", "sold"]];
    this.legend.replaceChildren(...legend.flatMap(([name, told]) => [said("span", "■", `swatch ${name}`), told]));
    const times = [columns[0], columns[columns.length - 1]].map((each) => secondOf(each.time)).join(" to ");
    this.canvas.setAttribute("aria-label", `Flow from ${times} UTC: ${text}`);
  }
}

const secondOf = (time) => clock(time, 0).slice(0, 8);
const placeOf = (row) => `${row.strategy}|${row.venue}`;

/** Sums of one strategy at one venue over all columns. */
function add(sums, key, row) {
  const sum = sums.get(key) ?? {
    strategy: row.strategy, venue: row.venue, refusals: Object.create(null), volume: Object.create(null),
    made: 0, told: 0, asked: 0,
    ...Object.fromEntries(COUNTS.map((name) => [name, 0])),
  };
  sums.set(key, sum);
  for (const name of COUNTS) sum[name] += row[name];
  sum.asked += row.entered + row.refused;
  for (const [code, times] of Object.entries(row.refusals)) {
    sum.refusals[code] = (sum.refusals[code] ?? 0) + countOf(times);
  }
  const [maker, taker] = [countOf(row.liquidity.maker), countOf(row.liquidity.taker)];
  sum.made += maker;
  sum.told += maker + taker;
  for (const [currency, {bought, sold}] of Object.entries(row.volume)) {
    const before = sum.volume[currency] ?? {bought: "0", sold: "0"};
    sum.volume[currency] = {bought: addDecimals(before.bought, bought), sold: addDecimals(before.sold, sold)};
  }
}

/** One entry per ten seconds, the newest of all rows last; approximate, for pixels alone. */
function columnsOf(rows, isChosen, currency) {
  const times = rows.map((row) => BigInt(row.time_ns) / COLUMN_NS);
  const [newest, oldest] = times.reduce(([most, least], each) => [each > most ? each : most, each < least ? each : least],
    [times[0], times[0]]);
  const count = Math.max(COLUMNS_MIN, Math.min(COLUMNS_MAX, Number(newest - oldest) + 1));
  const columns = Array.from({length: count}, (_, at) => ({
    time: String((newest - BigInt(count - 1 - at)) * COLUMN_NS), entered: 0, filled: 0, refused: 0, bought: 0, sold: 0,
  }));
  rows.forEach((row, index) => {
    const each = columns[count - 1 - Number(newest - times[index])];
    if (each === undefined || !isChosen(row)) return;
    for (const name of ["entered", "filled", "refused"]) each[name] += row[name];
    const moved = row.volume[currency];
    for (const side of ["bought", "sold"]) each[side] += Number(moved?.[side] ?? 0);
  });
  return columns;
}
