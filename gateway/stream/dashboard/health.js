// How the gateway and the observer are doing: figures by part, queues with how full they are, and
// the last minute of what moves.

import {isNone, visible} from "./columns.js";
import {group, shareOf} from "./decimals.js";
import {element, said, setText} from "./elements.js";
import {atMostEvery} from "./frame.js";

const SEEN_MAX = 40;  // values of a figure that are remembered
const BARS = "▁▂▃▄▅▆▇█";
const TONES = {warning: "unknown", fault: "loss"};
const SIGNS = {warning: "⚠ ", fault: "✕ "};

export class HealthPanel {
  constructor(host, table) {
    this.host = host;
    this.table = table;
    this.seen = new Map();
    this.note = said("p", "", "note");
    this.parts = element("div", "health");
    host.append(this.note, this.parts);
    this.refresh = atMostEvery(500, () => this.draw());
  }

  /** A row is told when it changes; a second in which it did not is a second like the last. */
  watch() {
    for (const [key, slot] of this.table.slots) {
      const {value, unit} = this.table.rows[slot];
      const values = this.seen.get(key) ?? [];
      if (unit === "1/s" || unit === "ms") values.push(Number(value ?? 0));
      if (values.length > SEEN_MAX) values.shift();
      this.seen.set(key, values);
    }
    for (const key of this.seen.keys()) if (!this.table.slots.has(key)) this.seen.delete(key);
  }

  draw() {
    if (this.host.hidden) return;
    setText(this.note, this.table.absent ? `The observer has no figures: ${this.table.absent}.`
      : this.table.size === 0 ? "No figures yet." : "");
    this.note.hidden = this.table.size > 0;
    const parts = new Map();
    const rows = [...this.table.values()].sort((left, right) => left.rank - right.rank);
    for (const row of rows) parts.set(row.part, [...parts.get(row.part) ?? [], row]);
    const names = rows.map(keyOf).join();
    if (names !== this.names) this.build(parts);
    this.names = names;
    for (const row of this.table.values()) this.show(row);
  }

  build(parts) {
    this.nodes = new Map();
    this.parts.replaceChildren(...[...parts].map(([name, rows]) => {
      const card = element("section", "card-box", {"aria-label": visible(name)});
      const list = element("dl");
      for (const row of rows) {
        const figure = element("dd", "number");
        const line = element("span", "spark", {"aria-hidden": "true"});
        const text = element("span");
        figure.append(line, text);
        this.nodes.set(keyOf(row), {figure, line, text});
        list.append(said("dt", visible(row.name)), figure);
      }
      card.append(said("h3", visible(name)), list);
      return card;
    }));
  }

  show(row) {
    const {figure, line, text} = this.nodes.get(keyOf(row));
    const filled = isNone(row.of) ? null : shareOf(row.value, row.of);
    const value = isNone(row.value) ? "–" : /^-?\d+$/.test(row.value) ? group(row.value) : visible(row.value);
    const most = filled === null ? "" : ` · ${(filled / 10).toFixed(1)} %`;
    setText(line, sparkline(this.seen.get(keyOf(row)) ?? []));
    text.className = /^[-\d]/.test(value) ? "" : "words";  // what is no number may take two lines
    setText(text, `${SIGNS[row.state] ?? ""}${value}${row.unit ? ` ${visible(row.unit)}` : ""}${most}`);
    figure.title = filled === null ? "" : `${value} of ${group(row.of)} ${visible(row.unit)}`;
    figure.dataset.tone = TONES[row.state] ?? "";
    if (filled !== null) figure.style.setProperty("--share", String(filled / 1000));
  }
}

const keyOf = (row) => `${row.part}|${row.name}`;

function sparkline(values) {
  const most = Math.max(...values);
  if (values.length < 2 || most <= 0) return "";
  return values.map((value) => BARS[Math.round(7 * value / most)]).join("");
}
