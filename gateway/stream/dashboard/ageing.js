// How long positions have been held. Rows tell moments, which stand still; ages are the observer's
// clock less a moment, drawn anew every second while the table is in sight.

import {isNone, money, plain, span, word} from "./columns.js";
import {shareOf, signOf} from "./decimals.js";
import {atMostEvery} from "./frame.js";
import {Grid} from "./grid.js";

const BEAT_MS = 1000;

const bucketText = (text) => (isNone(text) || signOf(text) === 0 ? "–" : plain(text));

/** `now()` is the observer's clock in nanoseconds. */
function ageingColumns(now) {
  const age = (id, title, hint) => ({
    id, title, width: 84, hint, text: (row) => (isNone(row[id]) ? "–" : span(now() - BigInt(row[id]))),
    sort: (row) => -Number(row[id] ?? 0),
  });
  const bucket = (id, title) => ({
    id, title, width: 72, isNumber: true, value: (row) => row.buckets?.[id], text: (row) => bucketText(row.buckets?.[id]),
    share: (row) => String((shareOf(row.buckets?.[id] ?? "0", row.quantity) ?? 0) / 1000),
  });
  return [
    word("instrument", "Instrument", 124), word("strategy", "Strategy", 96), money("quantity", "Quantity", 80),
    age("average_opened_ns", "Held", "Average over what is left, by size"),
    bucket("under_1_day", "< 1 day"), bucket("under_7_days", "< 7 days"), bucket("under_30_days", "< 30 days"),
    bucket("under_90_days", "< 90 days"), bucket("90_days_and_more", "≥ 90 days"),
    age("oldest_opened_ns", "Oldest lot", "The oldest lot that is left"),
    age("opened_ns", "Open since", "Since the position was opened or turned"),
    word("account", "Account", 72), word("venue", "Venue", 72, {isHidden: true}), word("leg", "Leg", 48, {isHidden: true}),
    word("margin_mode", "Margin", 64, {isHidden: true}),
  ];
}

export class AgeingPanel {
  constructor(host, table, {now, isWanted, onOpen}) {
    this.host = host;
    this.grid = new Grid(host, {
      name: "ageing", label: "Ageing of positions", table, columns: ageingColumns(now), sort: "average_opened_ns", isDown: true,
      isWanted, onOpen,
      emptyText: () => (table.absent ? `The observer has no ageing: ${table.absent}.`
        : table.size > 0 ? "No position for this filter." : "Nothing is held."),
    });
    this.grid.scroller.classList.add("heat");
    this.refresh = atMostEvery(250, () => !this.host.hidden && this.grid.refresh());
    setInterval(() => !this.host.hidden && this.grid.repaint(), BEAT_MS);
  }
}
