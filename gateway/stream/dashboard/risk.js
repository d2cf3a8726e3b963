// Risk: trading states and the used share of every limit.

import {FINISHED, isNone, plain, visible, word} from "./columns.js";
import {addDecimals, negate, shareOf, signOf} from "./decimals.js";
import {atMostEvery} from "./frame.js";
import {Table} from "./stream.js";

const STATE_TONES = {active: "gain", reducing: "unknown", halted: "loss"};
const STATE_SIGNS = {active: "● ", reducing: "◐ ", halted: "■ "};
const SIGN_TONES = {"◐ ": "unknown", "■ ": "loss"};
const ABOVE_ALL = 1e15;  // no used share is larger
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
const urgency = (row) => (
  ({halted: 2, reducing: 1})[row.state] * ABOVE_ALL || (usedShare(row) ?? -1)
);

export const RISK_COLUMNS = [
  {id: "level", title: "Level", width: 76, text: (row) => row.level,
   sort: (row) => String(LEVEL_ORDER[row.level] ?? 9)},
  {id: "name", title: "Name", width: 104, text: (row) => visible(nameOf(row))},
  {id: "limit", title: "Limit or state", width: 114, text: (row) => (
    row.limit ? row.limit.replace(/_max$/, "").replace(/_/g, " ") : stateText(row)
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

const standing = new Map();  // level|name -> "■ " of what is halted, "◐ " of what is reducing

/** What does not trade as it should; true when it is another than before. */
export function noteStanding(rows) {
  const before = [...standing].join();
  standing.clear();
  for (const {kind, level, name, state} of rows) {
    if (kind === "state" && state !== "active") standing.set(`${level}|${name}`, STATE_SIGNS[state] ?? "");
  }
  return before !== [...standing].join();
}

/** A name with the sign of its trading state before it, where it has one. */
export const standingName = (id, title, width) => word(id, title, width, {
  text: (row) => (isNone(row[id]) ? "–" : (standing.get(`${id}|${row[id]}`) ?? "") + visible(row[id])),
  tone: (row) => SIGN_TONES[standing.get(`${id}|${row[id]}`)] ?? "",
});

/** What a person reads before he halts or enables: how it stands now. */
export function standingText(rows, level, name) {
  const row = [...rows].find((each) => each.kind === "state" && each.level === level
    && (level === "firm" || each.name === name));
  if (row === undefined) return "";
  const why = visible([row.reason, row.actor].filter(Boolean).join(" – "));
  return `Now: ${stateText(row)}${why === "" ? "" : `: ${why}`}`;
}

/** "active", or what is not. */
export function tradingText(rows) {
  const stopped = [...rows].filter((row) => row.kind === "state" && row.state !== "active");
  if (stopped.length === 0) return {text: "● active", tone: "gain"};
  const names = stopped.slice(0, 3).map((row) => `${row.state} ${visible(row.name || row.level)}`);
  const more = stopped.length > 3 ? ` and ${stopped.length - 3} more` : "";
  const isHalted = stopped.some((row) => row.state === "halted");
  return {text: `■ ${names.join(", ")}${more}`, tone: isHalted ? "loss" : "unknown"};
}

/** Trading states, and of every limit that can be measured here how much of it is held. */
export class RiskBoard {
  constructor(tables, onRows) {
    this.tables = tables;
    this.table = new Table("risk");
    this.onRows = onRows;
    this.refresh = atMostEvery(500, () => this.draw());
  }

  draw() {
    const {states, exposure, positions, orders} = this.tables;
    this.table.absent = states.absent;
    const measured = {
      exposure: sumExposure(exposure.values()), positions: sumPositions(positions.values()),
      orders: countOpen(orders.values()),
    };
    const seen = new Set();
    for (const row of states.values()) {
      const made = row.kind === "state" ? [row] : limitRows(row, measured);
      for (const each of made) {
        const key = `${row.kind}|${row.level}|${row.name}|${each.limit ?? ""}`;
        seen.add(key);
        const before = this.table.get(key);
        const isSame = before !== undefined && before.used === each.used && before.maximum === each.maximum
          && before.state === each.state && before.reason === each.reason;
        if (!isSame) this.table.set(key, each);
      }
    }
    for (const key of [...this.table.slots.keys()]) if (!seen.has(key)) this.table.remove(key);
    this.onRows();
  }
}

const nameOf = (row) => (row.level === "firm" ? "firm" : row.name);
const isSet = (limit) => !isNone(limit) && limit !== "off" && signOf(String(limit)) > 0;

/** As held: working orders are the live gate's business. */
function limitRows(row, {exposure, positions, orders}) {
  const name = nameOf(row);
  const held = exposure.get(`${row.level}|${name}`);
  const quantity = row.level === "instrument" ? positions.get(name) ?? "0" : null;
  const loss = isNone(row.result) ? null : signOf(row.result) < 0 ? negate(row.result) : "0";
  const side = (wanted) => (quantity === null ? null : signOf(quantity) === wanted ? absolute(quantity) : "0");
  const used = {
    gross_exposure_max: held?.gross ?? null, net_exposure_max: held?.net ?? null,
    position_long_max: side(1), position_short_max: side(-1), loss_max: loss,
    delta_max: absolute(row.delta), gamma_max: absolute(row.gamma), vega_max: absolute(row.vega),
    open_orders_side_max: String(orders.get(`${row.level}|${name}`) ?? 0),
  };
  return Object.keys(used).filter((limit) => isSet(row[limit]) && used[limit] !== null).map((limit) => ({
    level: row.level, name, limit, used: used[limit], maximum: String(row[limit]),
    actor: row.actor, reason: row.reason,
  }));
}

const absolute = (text) => (isNone(text) ? null : String(text).replace(/^-/, ""));

/** Gross and net in the reporting currency; null where a rate is missing. */
function sumExposure(rows) {
  const sums = new Map();
  for (const row of rows) {
    const key = `${row.level}|${row.name}`;
    const sum = sums.get(key) ?? {gross: "0", net: "0"};
    sum.gross = addDecimals(sum.gross, row.reporting?.gross);
    sum.net = addDecimals(sum.net, row.reporting?.net);
    sums.set(key, sum);
  }
  for (const sum of sums.values()) sum.net = absolute(sum.net);
  return sums;
}

function sumPositions(rows) {
  const sums = new Map();
  for (const row of rows) {
    sums.set(row.instrument, addDecimals(sums.get(row.instrument) ?? "0", row.quantity));
  }
  return sums;
}

/** Open orders: of the fuller side for an instrument, all of them on the other levels. */
function countOpen(rows) {
  const counts = new Map();
  const count = (key) => counts.set(key, (counts.get(key) ?? 0) + 1);
  for (const row of rows) {
    if (FINISHED.has(row.state)) continue;
    for (const level of ["strategy", "account", "venue"]) count(`${level}|${row[level]}`);
    count("firm|firm");
    const key = `instrument|${row.instrument}`;
    count(`${key}|${row.side}`);
    counts.set(key, Math.max(counts.get(`${key}|buy`) ?? 0, counts.get(`${key}|sell`) ?? 0));
  }
  return counts;
}
