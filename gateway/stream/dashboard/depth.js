// The book of one instrument: what rests at each price, best in the middle. Only a live book is
// drawn; any other state is said instead.

import {clock, plain, visible} from "./columns.js";
import {addDecimals, alignPoint, fractionLength, negate, shareOf, shorten} from "./decimals.js";
import {element, fillSelect, fitCanvas, said, setText} from "./elements.js";
import {atMostEvery} from "./frame.js";

const REDRAW_MS = 150;
const LEVELS_MAX = 20;
const REASONS = {
  empty: "nothing came yet; a name that its venue does not list is told in the gateway's log",
  gap: "an update is missing, and its levels are shown again with the venue's next snapshot",
  stale: "the process that writes it shows no life",
};

export class DepthPanel {
  constructor(host, table) {
    this.table = table;
    this.host = host;
    this.instrument = null;
    this.note = said("p", "", "note");
    this.strip = element("div", "strip");
    this.choice = element("select", "", {"aria-label": "Instrument"});
    this.choice.addEventListener("change", () => this.choose(this.choice.value));
    this.facts = said("span", "", "number quiet");
    this.strip.append(this.facts, this.choice);
    this.canvas = element("canvas", "depth", {role: "img", "aria-label": "Depth"});
    this.ladder = element("div", "ladder number", {role: "table", "aria-label": "Levels of the book"});
    const head = element("div", "line head", {role: "row"});
    head.append(...["Bid size", "Bid", "Ask", "Ask size"].map((title) => said("span", title, "", {role: "columnheader"})));
    this.ladder.append(head);
    this.lines = Array.from({length: LEVELS_MAX}, () => this.line());
    host.append(this.strip, this.note, this.canvas, this.ladder);
    this.refresh = atMostEvery(REDRAW_MS, () => this.draw());
    new ResizeObserver(() => this.refresh()).observe(this.canvas);
  }

  line() {
    const node = element("div", "line", {role: "row"});
    const cells = ["bid", "bid", "ask", "ask"].map((side) => element("span", side, {role: "cell"}));
    node.append(...cells);
    this.ladder.append(node);
    return {node, cells};
  }

  choose(instrument) {
    this.instrument = instrument;
    this.draw();
  }

  draw() {
    if (this.host.hidden) return;
    const names = [...this.table.slots.keys()].sort();
    const isLive = (name) => this.table.get(name).state === "live";
    if (!names.includes(this.instrument)) this.instrument = names.find(isLive) ?? names[0] ?? null;
    fillSelect(this.choice, names.map((name) => [name, visible(name)]), this.instrument);
    const book = this.table.get(this.instrument);
    const why = this.reason(book);
    this.strip.hidden = book === undefined;
    this.note.hidden = why === "";
    this.canvas.hidden = this.ladder.hidden = why !== "";
    setText(this.note, why);
    if (why === "") this.show(book);
  }

  reason(book) {
    if (book === undefined && this.table.absent) return `The observer has no books: ${this.table.absent}.`;
    if (book === undefined) return "No venue sends books: `market_data` of a venue names its instruments.";
    if (book.state !== "live") return `The book is ${book.state}: ${REASONS[book.state] ?? "nothing of it is shown"}.`;
    return book.bids.length + book.asks.length === 0 ? "The book is live and empty." : "";
  }

  show({bids, asks, time_ns}) {
    const [bid, ask] = [bids[0]?.[0], asks[0]?.[0]];
    const spread = bid === undefined || ask === undefined ? null : addDecimals(ask, negate(bid));
    setText(this.facts, `spread ${plain(spread === null ? null : shorten(spread))} · ${clock(time_ns)}`);
    const quantities = [...bids, ...asks].map(([, quantity]) => quantity);
    const largest = quantities.reduce((best, each) => ((shareOf(each, best) ?? 1001) > 1000 ? each : best), "0");
    const count = Math.max(bids.length, asks.length);
    const scaleOf = (place) => Math.max(0, ...[...bids, ...asks].map((level) => fractionLength(level[place])));
    const [priceScale, quantityScale] = [scaleOf(0), scaleOf(1)];
    const aligned = (text, scale) => (text === null ? "" : alignPoint(plain(text), scale));
    this.lines.forEach(({node, cells}, at) => {
      node.hidden = at >= count;
      const [bidPrice, bidQuantity] = bids[at] ?? [null, null];
      const [askPrice, askQuantity] = asks[at] ?? [null, null];
      setText(cells[0], aligned(bidQuantity, quantityScale));
      setText(cells[1], aligned(bidPrice, priceScale));
      setText(cells[2], aligned(askPrice, priceScale));
      setText(cells[3], aligned(askQuantity, quantityScale));
      bar(cells[0], bidQuantity, largest);
      bar(cells[3], askQuantity, largest);
    });
    this.paint(bids, asks);
  }

  /** Cumulated quantity over price; approximate, for pixels alone. */
  paint(bids, asks) {
    const place = fitCanvas(this.canvas);
    if (place === null) return;
    const {pen, width, height, colour} = place;
    const [left, right] = [cumulated(bids), cumulated(asks)];
    const [low, high] = range(left, right);
    const seen = [...left, ...right].filter(([price]) => price >= low && price <= high);
    const most = Math.max(...seen.map(([, sum]) => sum));
    const x = (price) => (high === low ? width / 2 : (price - low) / (high - low) * width);
    const y = (sum) => height - 2 - (height - 8) * sum / most;
    for (const [side, name] of [[left, "gain"], [right, "loss"]]) {
      if (side.length === 0) continue;
      pen.beginPath();
      pen.moveTo(x(side[0][0]), height);
      let level = height;
      for (const [price, sum] of side) {
        pen.lineTo(x(price), level);
        pen.lineTo(x(price), (level = y(sum)));
      }
      const end = name === "gain" ? 0 : width;
      pen.lineTo(end, level);
      pen.strokeStyle = pen.fillStyle = colour(name);
      pen.stroke();
      pen.lineTo(end, height);
      pen.globalAlpha = 0.16;
      pen.fill();
      pen.globalAlpha = 1;
    }
  }
}

/** From the narrower side's end to its mirror: one far order does not press the rest flat. */
function range(bids, asks) {
  const prices = [...bids, ...asks].map(([price]) => price);
  if (bids.length === 0 || asks.length === 0) return [Math.min(...prices), Math.max(...prices)];
  const middle = (bids[0][0] + asks[0][0]) / 2;
  const reach = Math.min(middle - bids[bids.length - 1][0], asks[asks.length - 1][0] - middle) * 1.1;
  return [middle - reach, middle + reach];
}

function bar(node, quantity, largest) {
  const share = quantity === null ? 0 : (shareOf(quantity, largest) ?? 0) / 1000;
  node.style.setProperty("--share", String(share));
}

function cumulated(levels) {
  let sum = 0;
  return levels.map(([price, quantity]) => [Number(price), (sum += Number(quantity))]);
}
