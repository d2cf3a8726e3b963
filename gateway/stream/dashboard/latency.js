// Latency by stage and bucket as a heat map, with the slowest order of each stage beside it.

import {clock, visible} from "./columns.js";
import {element, fitCanvas, said} from "./elements.js";
import {atMostEvery} from "./frame.js";

const LABEL_WIDTH = 118;
const REDRAW_MS = 500;

export class LatencyPanel {
  constructor(host, table, onOrder) {
    this.table = table;
    this.onOrder = onOrder;
    this.canvas = element("canvas", "heatmap", {role: "img", "aria-label": "Latency heat map"});
    this.list = element("div", "latency-list", {role: "table", "aria-label": "Latency by stage"});
    this.note = said("p", "", "note");
    host.append(this.note, this.canvas, this.list);
    this.refresh = atMostEvery(REDRAW_MS, () => this.draw());
    new ResizeObserver(() => this.refresh()).observe(this.canvas);
  }

  draw() {
    const stages = stagesOf(this.table.values());
    const isEmpty = stages.length === 0;
    this.canvas.hidden = this.list.hidden = isEmpty;
    this.note.hidden = !isEmpty;
    if (isEmpty) {
      this.note.textContent = this.table.absent
        ? `The observer serves no latency: ${this.table.absent}` : "Nothing measured yet.";
      return;
    }
    this.show(stages);
    this.paint(stages);
  }

  show(stages) {
    const head = element("div", "line head", {role: "row"});
    for (const title of ["Stage", "Count", "p50", "p99", "Slowest", "Slowest order"]) {
      head.append(said("span", title, "", {role: "columnheader"}));
    }
    this.list.replaceChildren(head, ...stages.map((stage) => {
      const line = element("div", "line", {role: "row"});
      const texts = [visible(stage.name), stage.total.toLocaleString("en"),
        duration(stage.p50), duration(stage.p99), duration(stage.worst.bucket)];
      line.append(...texts.map((text) => said("span", text, "", {role: "cell"})));
      line.append(this.orderCell(stage.worst));
      return line;
    }));
  }

  orderCell({order, time}) {
    if (!order) return said("span", "–", "", {role: "cell"});
    const cell = element("span", "", {role: "cell"});
    const button = said("button", visible(order), "plain", {type: "button", title: clock(time, 9)});
    button.addEventListener("click", () => this.onOrder(order));
    cell.append(button);
    return cell;
  }

  paint(stages) {
    const place = fitCanvas(this.canvas);
    if (place === null) return;
    const {pen, width, height, colour} = place;
    const buckets = [...new Set(stages.flatMap((stage) => stage.buckets.map(([at]) => at)))];
    buckets.sort((left, right) => left - right);
    const column = (width - LABEL_WIDTH) / buckets.length;
    const line = Math.min(26, (height - 16) / stages.length);
    const most = Math.max(...stages.flatMap((stage) => stage.buckets.map(([, count]) => count)));
    stages.forEach((stage, at) => {
      pen.fillStyle = colour("quiet");
      pen.textAlign = "left";
      pen.fillText(visible(stage.name).slice(0, 18), 0, at * line + line / 2 + 4);
      for (const [bucket, count] of stage.buckets) {
        pen.globalAlpha = 0.12 + 0.88 * Math.log1p(count) / Math.log1p(most);
        pen.fillStyle = colour("accent");
        const left = LABEL_WIDTH + buckets.indexOf(bucket) * column;
        pen.fillRect(left + 0.5, at * line + 1, Math.max(1, column - 1), line - 2);
      }
      pen.globalAlpha = 1;
    });
    pen.fillStyle = colour("quiet");
    pen.textAlign = "center";
    const step = Math.max(1, Math.ceil(52 / column));
    for (let at = 0; at < buckets.length; at += step) {
      pen.fillText(duration(buckets[at]), LABEL_WIDTH + (at + 0.5) * column, stages.length * line + 13);
    }
  }
}

/** Stages with their buckets in order and the quantiles these give. */
function stagesOf(rows) {
  const stages = new Map();
  for (const row of rows) {
    if (!(Number(row.count) > 0)) continue;
    const stage = stages.get(row.stage) ?? {name: row.stage, buckets: [], total: 0, worst: {bucket: -1}};
    const bucket = Number(row.bucket_us);
    stage.buckets.push([bucket, Number(row.count)]);
    stage.total += Number(row.count);
    if (bucket > stage.worst.bucket) stage.worst = {bucket, order: row.worst_order_id, time: row.time_ns};
    stages.set(row.stage, stage);
  }
  for (const stage of stages.values()) {
    stage.buckets.sort((left, right) => left[0] - right[0]);
    stage.p50 = quantile(stage, 0.5);
    stage.p99 = quantile(stage, 0.99);
  }
  return [...stages.values()];
}

function quantile(stage, share) {
  let left = stage.total * share;
  for (const [bucket, count] of stage.buckets) {
    left -= count;
    if (left <= 0) return bucket;
  }
  return stage.worst.bucket;
}

export function duration(microseconds) {
  if (microseconds < 1000) return `${Number(microseconds.toPrecision(3))} µs`;
  if (microseconds < 1e6) return `${Number((microseconds / 1000).toPrecision(3))} ms`;
  return `${Number((microseconds / 1e6).toPrecision(3))} s`;
}
