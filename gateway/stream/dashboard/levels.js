// What is told by level of the desk, as a heat map: exposure and greeks.

import {shareOf} from "./decimals.js";
import {isNone} from "./columns.js";
import {chipsOf, element} from "./elements.js";
import {atMostEvery} from "./frame.js";
import {Grid} from "./grid.js";

export const LEVELS = ["instrument", "asset", "strategy", "account", "venue", "firm"];

export class LevelPanel {
  /** columns(largest), weigh(row): what shades are a share of; `what` is its word for a person. */
  constructor(host, table, {name, what, levels, columns, weigh, sort, onOpen}) {
    this.table = table;
    this.levels = levels;
    this.weigh = weigh;
    [this.level] = levels;
    this.largest = "0";
    this.chips = element("div", "chips strip", {role: "group", "aria-label": "Level"});
    this.offer();
    host.append(this.chips);
    this.grid = new Grid(host, {
      name, label: what, table, columns: columns(() => this.largest), sort, isDown: true, onOpen,
      isWanted: (row) => row.level === this.level,
      emptyText: () => (table.absent ? `The observer has no ${what}: ${table.absent}.` : `No ${what} by ${this.level}.`),
    });
    this.grid.scroller.classList.add("heat");
    this.refresh = atMostEvery(250, () => this.draw());
  }

  offer() {
    this.chips.replaceChildren(...chipsOf(this.levels, this.level, (level) => {
      this.level = level;
      this.offer();
      this.draw();
      this.grid.arrange();
    }));
  }

  draw() {
    let largest = "0";
    for (const row of this.table.values()) {
      const weight = this.weigh(row);
      if (row.level !== this.level || isNone(weight)) continue;
      if ((shareOf(weight, largest) ?? 1001) > 1000) largest = weight.replace("-", "");
    }
    if (largest !== this.largest) {
      this.largest = largest;
      this.grid.repaint();
    }
    this.grid.refresh();
  }
}
