// Latency of a stage over the last two minutes as a heat map, and every stage's figures below it.

import {clock, tailOf, visible} from "./columns.js";
import {chipsOf, element, fitCanvas, said} from "./elements.js";
import {atMostEvery} from "./frame.js";

const LABEL_WIDTH = 52;
const REDRAW_MS = 500;

export class LatencyPanel {
  constructor(host, table, onOrder) {
    this.table = table;
    this.onOrder = onOrder;
    this.stage = null;
    this.chips = element("div", "chips strip", {role: "group", "aria-label": "Stage"});
    this.canvas = element("canvas", "heatmap", {role: "img", "aria-label": "Latency heat map"});
    this.list = element("div", "latency-list", {role: "table", "aria-label": "Latency by stage"});
    this.note = said("p", "", "note");
    host.append(this.note, this.chips, this.canvas, this.list);
    this.refresh = atMostEvery(REDRAW_MS, () => this.draw());
    new ResizeObserver(() => this.refresh()).observe(this.canvas);
  }

  draw() {
    if (this.canvas.parentNode.hidden) return;
    const stages = stagesOf(this.table.values());
    const isEmpty = stages.size === 0;
    this.canvas.hidden = this.list.hidden = this.chips.hidden = isEmpty;
    this.note.hidden = !isEmpty;
    if (isEmpty) {
      this.note.textContent = this.table.absent
        ? `The observer has no latency: ${this.table.absent}.` : "Nothing measured in the last two minutes.";
      return;
    }
    if (!stages.has(this.stage)) this.stage = busiest(stages);
    this.offer([...stages.keys()]);
    this.show(stages);
    this.paint(stages.get(this.stage));
  }

  offer(names) {
    const offered = `${names.join()}|${this.stage}`;
    if (offered === this.offered) return;
    this.offered = offered;
    this.chips.replaceChildren(...chipsOf(names, this.stage, (name) => {
      this.stage = name;
      this.draw();
    }));
  }

  show(stages) {
    const head = element("div", "line head", {role: "row"});
    for (const title of ["Stage", "Count", "p50 ≤", "p99 ≤", "Slowest ≤", "Slowest order"]) {
      head.append(said("span", title, "", {role: "columnheader"}));
    }
    this.list.replaceChildren(head, ...[...stages].map(([name, stage]) => {
      const line = element("div", "line", {role: "row"});
      const buckets = [...stage.counts.keys()].sort((left, right) => left - right);
      const texts = [visible(name), stage.total.toLocaleString("en"), duration(quantile(stage, buckets, 0.5)),
        duration(quantile(stage, buckets, 0.99)), duration(buckets[buckets.length - 1])];
      line.append(...texts.map((text) => said("span", text, "", {role: "cell"})));
      line.append(this.orderCell(stage.worst));
      return line;
    }));
  }

  orderCell({order, time}) {
    const cell = said("span", order ? "" : "–", "", {role: "cell"});
    if (!order) return cell;
    const button = said("button", visible(tailOf(order)), "plain", {type: "button", title: `${visible(order)}, ${clock(time, 9)}`});
    button.addEventListener("click", () => this.onOrder(order));
    cell.append(button);
    return cell;
  }

  /** Time to the right, longer durations higher, more operations darker. */
  paint(stage) {
    const place = fitCanvas(this.canvas);
    if (place === null) return;
    const {pen, width, height, colour} = place;
    const buckets = [...stage.counts.keys()].sort((left, right) => left - right);
    const times = [...stage.times].sort();
    const column = (width - LABEL_WIDTH) / Math.max(60, times.length);
    const line = Math.min(24, (height - 16) / buckets.length);
    const rowOf = new Map(buckets.map((bucket, at) => [bucket, buckets.length - 1 - at]));
    const columnOf = new Map(times.map((time, at) => [time, width - (times.length - at) * column]));
    const most = Math.log1p(Math.max(...stage.cells.map(({count}) => count)));
    pen.fillStyle = colour("accent");
    for (const {bucket, count, time} of stage.cells) {
      pen.globalAlpha = 0.14 + 0.86 * Math.log1p(count) / most;
      pen.fillRect(columnOf.get(time), rowOf.get(bucket) * line + 0.5, Math.max(1, column - 0.6), line - 1);
    }
    pen.globalAlpha = 1;
    pen.fillStyle = colour("quiet");
    pen.textAlign = "right";
    const step = Math.max(1, Math.ceil(13 / line));
    buckets.forEach((bucket, at) => {
      if (at % step === 0) pen.fillText(duration(bucket), LABEL_WIDTH - 6, (rowOf.get(bucket) + 0.5) * line + 4);
    });
    pen.fillText(clock(times[times.length - 1], 0).slice(0, 8), width, buckets.length * line + 13);
    if (times.length * column < 120) return;
    pen.textAlign = "left";
    pen.fillText(clock(times[0], 0).slice(0, 8), columnOf.get(times[0]), buckets.length * line + 13);
  }
}

/** Stage -> its cells, and their sums over all columns. */
function stagesOf(rows) {
  const stages = new Map();
  for (const row of rows) {
    const stage = stages.get(row.stage)
      ?? {cells: [], counts: new Map(), times: new Set(), total: 0, worst: {at: "0"}};
    stages.set(row.stage, stage);
    const bucket = row.bucket_us === "inf" ? Infinity : Number(row.bucket_us);
    const time = String(row.time_ns);
    stage.cells.push({bucket, count: row.count, time});
    stage.counts.set(bucket, (stage.counts.get(bucket) ?? 0) + row.count);
    stage.times.add(time);
    stage.total += row.count;
    if (row.worst_order_id && time > stage.worst.at) {
      stage.worst = {order: row.worst_order_id, time, at: time};
    }
  }
  return new Map([...stages].sort());
}

function busiest(stages) {
  return [...stages].reduce((best, each) => (each[1].total > best[1].total ? each : best))[0];
}

function quantile(stage, buckets, share) {
  let left = stage.total * share;
  for (const bucket of buckets) {
    left -= stage.counts.get(bucket);
    if (left <= 0) return bucket;
  }
  return buckets[buckets.length - 1];
}

/** An upper edge of microseconds in words. */
export function duration(microseconds) {
  if (microseconds === Infinity) return "> 10 s";
  if (microseconds < 1) return `${Math.round(microseconds * 1000)} ns`;
  if (microseconds < 1000) return `${microseconds} µs`;
  if (microseconds < 1e6) return `${microseconds / 1000} ms`;
  return `${microseconds / 1e6} s`;
}
