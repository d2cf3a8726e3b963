// How long positions have been held. Rows tell moments, which stand still; ages are the observer's
// clock less a moment, drawn anew every second while the table is in sight.

import {atMostEvery} from "./frame.js";
import {Grid} from "./grid.js";

const BEAT_MS = 1000;

export class AgeingPanel {
  constructor(host, table, {columns, isWanted, onOpen}) {
    this.host = host;
    this.grid = new Grid(host, {
      name: "ageing", label: "Ageing of positions", table, columns, sort: "average_opened_ns", isDown: true,
      isWanted, onOpen,
      emptyText: () => (table.absent ? `The observer has no ageing: ${table.absent}.`
        : table.size > 0 ? "No position for this filter." : "Nothing is held."),
    });
    this.grid.scroller.classList.add("heat");
    this.refresh = atMostEvery(250, () => !this.host.hidden && this.grid.refresh());
    setInterval(() => !this.host.hidden && this.grid.repaint(), BEAT_MS);
  }
}
