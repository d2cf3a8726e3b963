// Risk: trading states and the used share of every limit; exposure by level as a heat map.

import {exposureColumns, isNone, plain, visible} from "./columns.js";
import {shareOf} from "./decimals.js";
import {element, said} from "./elements.js";
import {atMostEvery} from "./frame.js";
import {Grid} from "./grid.js";

export const LEVELS = ["instrument", "asset", "strategy", "account", "venue", "firm"];
const STATE_TONES = {active: "gain", reducing: "unknown", halted: "loss"};
const STATE_SIGNS = {active: "● ", reducing: "◐ ", halted: "■ "};
const LEVEL_ORDER = {firm: 0, venue: 1, account: 2, strategy: 3, instrument: 4};

/** Used part of a limit in thousandths; null when it is not limited or not measured. */
export const usedShare = (row) => shareOf(row.used, row.maximum);

function shareText(row) {
  const share = usedShare(row);
  return share === null ? "–" : `${(share / 10).toFixed(1)} %`;
}

function shareTone(row) {
  const share = usedShare(row);
  return share === null ? "quiet" : share >= 900 ? "loss" : share >= 700 ? "unknown" : "";
}

const stateText = (row) => (isNone(row.state) ? "–"
  : (STATE_SIGNS[row.state] ?? "") + row.state + (row.is_latch ? " (latch)" : ""));

/** What stops trading first, then what is nearest to its limit. */
const urgency = (row) => ({halted: 3000, reducing: 2000})[row.limit ? "" : row.state] ?? usedShare(row) ?? -1;

export const RISK_COLUMNS = [
  {id: "level", title: "Level", width: 66, text: (row) => row.level,
   sort: (row) => String(LEVEL_ORDER[row.level] ?? 9)},
  {id: "name", title: "Name", width: 104, text: (row) => visible(row.name || row.level)},
  {id: "limit", title: "Limit or state", width: 130, text: (row) => (
    row.limit ? row.limit.replace(/_/g, " ") : stateText(row)
  ), tone: (row) => (row.limit ? "quiet" : STATE_TONES[row.state] ?? "quiet")},
  {id: "share", title: "Used", width: 66, isNumber: true, text: shareText, tone: shareTone,
   value: (row) => usedShare(row), sort: urgency,
   share: (row) => String(Math.min(1000, usedShare(row) ?? 0) / 1000)},
  {id: "used", title: "Now", width: 76, isNumber: true, value: (row) => row.used, text: (row) => plain(row.used)},
  {id: "maximum", title: "Limit", width: 76, isNumber: true, value: (row) => row.maximum,
   text: (row) => plain(row.maximum)},
  {id: "reason", title: "Reason", width: 110, text: (row) => (
    visible([row.reason, row.actor].filter(Boolean).join(" – ") || "–")
  )},
];

/** "all active", or what is not. */
export function tradingText(rows) {
  const stopped = [...rows].filter((row) => row.state && row.state !== "active" && !row.limit);
  if (stopped.length === 0) return {text: "● active", tone: "gain"};
  const names = stopped.slice(0, 3).map((row) => `${row.state} ${visible(row.name || row.level)}`);
  const more = stopped.length > 3 ? ` and ${stopped.length - 3} more` : "";
  const isHalted = stopped.some((row) => row.state === "halted");
  return {text: `■ ${names.join(", ")}${more}`, tone: isHalted ? "loss" : "unknown"};
}

export class ExposurePanel {
  constructor(host, table) {
    this.table = table;
    this.level = "instrument";
    this.largest = "0";
    this.chips = element("div", "chips strip", {role: "group", "aria-label": "Level"});
    this.chips.append(...LEVELS.map((level) => this.chip(level)));
    host.append(this.chips);
    this.grid = new Grid(host, {
      name: "exposure", label: "Exposure", table, columns: exposureColumns(() => this.largest),
      sort: "gross", isDown: true, isWanted: (row) => row.level === this.level,
      emptyText: () => (table.absent ? `The observer serves no exposure: ${table.absent}`
        : `No exposure by ${this.level}.`),
    });
    this.grid.scroller.classList.add("heat");
    this.refresh = atMostEvery(250, () => this.draw());
  }

  chip(level) {
    const chip = said("button", level, "chip", {
      type: "button", "aria-pressed": String(level === this.level),
    });
    chip.addEventListener("click", () => {
      this.level = level;
      for (const each of this.chips.children) {
        each.setAttribute("aria-pressed", String(each.textContent === level));
      }
      this.draw();
      this.grid.arrange();
    });
    return chip;
  }

  draw() {
    let largest = "0";
    for (const row of this.table.values()) {
      if (row.level !== this.level || isNone(row.gross)) continue;
      if ((shareOf(row.gross, largest) ?? 1001) > 1000) largest = row.gross;
    }
    if (largest !== this.largest) {
      this.largest = largest;
      this.grid.repaint();
    }
    this.grid.refresh();
  }
}
