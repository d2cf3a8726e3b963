// What each table shows of a row. Texts only: numbers are decimal text as the gateway wrote them.

import {shareOf, shown, signOf} from "./decimals.js";

export const STALE_MARK_MS = 10000;  // a live mark is told at least every 5 seconds
export const FINISHED = new Set(["FILLED", "CANCELED", "EXPIRED", "REJECTED", "REFUSED"]);
const MONEY_DIGITS = 4;  // of a cell; the title of the cell has them all
const PRICE_DIGITS = 6;
const TONES = {"-1": "loss", "0": "", "1": "gain"};
// Colour is never the only signal: an arrow and the sign say the same.
const ARROWS = {"-1": "▼ ", "0": "", "1": "▲ "};
// Controls, zero-width and direction marks, which would show something else than what is there.
const INVISIBLE = /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;

/** A name as it is: invisible and turning characters are spelled out. */
export function visible(text) {
  return String(text).replace(INVISIBLE, (letter) => (
    `\\u${letter.charCodeAt(0).toString(16).padStart(4, "0")}`
  ));
}

/** Ids of one gateway begin alike: their end tells them apart. */
export const tailOf = (id) => (/^[0-9]{9}/.test(id) ? `…${id.slice(-6)}` : id);

export const isNone = (value) => value === null || value === undefined || value === "";
export const plain = (value, digits) => (isNone(value) ? "–" : shown(String(value), digits));

/** With arrow and sign. */
export function signed(text, digits) {
  if (isNone(text)) return "–";
  const sign = signOf(text);
  return ARROWS[sign] + (sign > 0 && !text.startsWith("+") ? "+" : "") + shown(text, digits);
}

export const toneOf = (text) => TONES[signOf(text)];

export const word = (id, title, width, more = {}) => ({
  id, title, width, text: (row) => (isNone(row[id]) ? "–" : visible(row[id])), ...more,
});
export const number = (id, title, width, more = {}) => ({
  id, title, width, isNumber: true, value: (row) => row[id], text: (row) => plain(row[id], more.digits), ...more,
});
export const money = (id, title, width, more = {}) => ({
  id, title, width, isNumber: true, value: (row) => row[id], text: (row) => signed(row[id], MONEY_DIGITS),
  tone: (row) => toneOf(row[id]), ...more,
});

/** "14:03:07.123 456 789" of nanoseconds since 1970; digits are never lost to a float. */
export function clock(nanoseconds, digits = 3) {
  if (isNone(nanoseconds) || Number(nanoseconds) === 0) return "–";
  const time = BigInt(nanoseconds);
  const day = new Date(Number(time / 1000000n)).toISOString();
  const fraction = (time % 1000000000n).toString().padStart(9, "0").slice(0, digits);
  return `${day.slice(11, 19)}.${fraction.replace(/(\d{3})(?=\d)/g, "$1 ")}`;
}

export const dayOf = (nanoseconds) => (
  isNone(nanoseconds) ? "" : new Date(Number(BigInt(nanoseconds) / 1000000n)).toISOString().slice(0, 10)
);

const SECOND_NS = 1_000_000_000n;
const UNITS = [["d", 86_400n, "h", 3600n], ["h", 3600n, "min", 60n], ["min", 60n, "s", 1n]];

/** "3 d 4 h" of nanoseconds, cut; never below zero. */
export function span(nanoseconds) {
  const seconds = nanoseconds > 0n ? nanoseconds / SECOND_NS : 0n;
  for (const [unit, size, small, part] of UNITS) {
    if (seconds >= size) return `${seconds / size} ${unit} ${seconds % size / part} ${small}`;
  }
  return `${seconds} s`;
}

const time = (id, title, width, more = {}) => ({
  id, title, width, text: (row) => clock(row[id]), sort: (row) => String(row[id] ?? ""), ...more,
});

function stateText(row) {
  return row.pending ? `${row.state} (${row.pending.replace("_", " ")})` : row.state;
}

export function stateTone(row) {
  if (row.state === "UNKNOWN" || (row.pending ?? "").endsWith("unknown")) return "unknown";
  if (row.state === "REJECTED") return "loss";
  return FINISHED.has(row.state) ? "quiet" : "";
}

export const SIDE = {
  id: "side", title: "Side", width: 58,
  text: (row) => (row.side === "buy" ? "▲ buy" : row.side === "sell" ? "▼ sell" : visible(row.side)),
  tone: (row) => (row.side === "buy" ? "gain" : row.side === "sell" ? "loss" : ""),
};

export const isStale = (row) => row.mark_age_ms !== null && row.mark_age_ms >= STALE_MARK_MS;
const isFlat = (row) => signOf(row.quantity) === 0;

function ageText(row) {
  if (isNone(row.mark_age_ms)) return isFlat(row) ? "–" : "no mark";
  const seconds = Math.floor(row.mark_age_ms / 1000);
  if (!isStale(row)) return `${seconds} s`;
  return `⚠ stale ${seconds < 600 ? `${seconds} s` : `${Math.floor(seconds / 60)} min`}`;
}

function ageTone(row) {
  if (isNone(row.mark_age_ms)) return isFlat(row) ? "quiet" : "unknown";
  return isStale(row) ? "unknown" : "quiet";
}

const markTone = (row) => (isStale(row) ? "unknown" : "");

/** Distance to liquidation: shaded from 20 % on, named when closer than 5 %. */
function distanceTone(row) {
  const share = shareOf(row.liquidation_distance_percent, "100");
  if (share === null) return "quiet";
  return share <= 50 ? "loss" : share <= 200 ? "unknown" : "";
}

const distance = number("liquidation_distance_percent", "Liq. dist. %", 88, {
  tone: distanceTone, hint: "Distance of the mark from the liquidation price, percent",
});

const MARGIN_ORDER = ["liquidation", "call", "warning", "unknown", "ok"];
const MARGIN_SIGNS = {liquidation: "✕ ", call: "■ ", warning: "⚠ ", unknown: "? ", ok: "● "};
const MARGIN_TONES = {ok: "gain", warning: "unknown", call: "loss", liquidation: "loss", unknown: "unknown"};
const marginState = (row) => (isNone(row.state) ? "–" : (MARGIN_SIGNS[row.state] ?? "") + visible(row.state));

function ratioText(row) {
  const share = shareOf(row.ratio, "1");
  return share === null ? "–" : `${(share / 10).toFixed(1)} %`;
}

const excludedText = (list) => (
  isNone(list) || list.length === 0 ? "–" : `⚠ ${list.length}: ${list.map(visible).join(", ")}`
);
const EXCLUDED = {
  id: "excluded", title: "Left out", width: 110, text: (row) => excludedText(row.excluded),
  tone: (row) => (isNone(row.excluded) || row.excluded.length === 0 ? "quiet" : "unknown"),
};

export const FUNDING_IN = "next_funding_ns";

/** How long until the next funding; `now()` is the observer's clock in nanoseconds. */
export const fundingIn = (now) => ({
  id: FUNDING_IN, title: "Funding in", width: 88, isHidden: true,
  text: (row) => (isNone(row[FUNDING_IN]) ? "–" : span(BigInt(row[FUNDING_IN]) - now())),
  sort: (row) => Number(row[FUNDING_IN] ?? Infinity),
});

export const COLUMNS = {
  positions: [
    word("instrument", "Instrument", 132), word("account", "Account", 72),
    word("strategy", "Strategy", 112), word("leg", "Leg", 48, {isHidden: true}),
    word("margin_mode", "Margin", 64, {isHidden: true}),
    word("venue_margin_mode", "Margin at venue", 100, {isHidden: true}),
    money("quantity", "Quantity", 92), number("average_price", "Average", 92, {digits: PRICE_DIGITS}),
    number("mark", "Mark", 88, {tone: markTone}),
    {id: "mark_age_ms", title: "Mark age", width: 86, text: ageText, tone: ageTone,
     sort: (row) => row.mark_age_ms ?? 1e15},
    money("unrealised", "Unrealised", 100), distance, money("realised", "Realised", 96),
    number("fees", "Fees", 72, {digits: MONEY_DIGITS}), number("liquidation_price", "Liq. price", 88),
    number("break_even", "Break-even", 92, {
      isHidden: true, digits: PRICE_DIGITS, hint: "Closing there leaves nothing: fees, the exit fee too, funding and interest paid",
    }),
    number("break_even_after_next_funding", "B/e after funding", 112, {
      isHidden: true, digits: PRICE_DIGITS, hint: "The break-even once the next funding is paid",
    }),
    money("next_funding", "Next funding", 92, {isHidden: true, hint: "At the mark and rate of now; below zero it is to be paid"}),
    number("cost", "Cost", 96, {isHidden: true, digits: MONEY_DIGITS}),
    number("collateral", "Collateral", 96, {isHidden: true, digits: MONEY_DIGITS}),
    word("currency", "Ccy", 52), word("venue", "Venue", 72, {isHidden: true}),
    word("state", "State", 64, {isHidden: true}),
  ],
  orders: [
    time("updated_ns", "Updated UTC", 100),
    {id: "state", title: "State", width: 150, text: stateText, tone: stateTone},
    word("instrument", "Instrument", 128), SIDE, word("type", "Type", 62),
    number("quantity", "Quantity", 80), number("price", "Price", 88),
    number("cumulative_quantity", "Filled", 76), number("average_price", "Average", 88, {digits: PRICE_DIGITS}),
    word("account", "Account", 68), word("strategy", "Strategy", 112),
    word("client_order_id", "Client id", 110), word("reason", "Reason", 110),
    word("venue", "Venue", 68, {isHidden: true}), word("time_in_force", "TIF", 44, {isHidden: true}),
    number("leaves_quantity", "Leaves", 76, {isHidden: true}),
    number("trigger_price", "Trigger", 80, {isHidden: true}),
    word("principal", "Principal", 76, {isHidden: true}),
    word("order_id", "Order id", 150, {isHidden: true}),
    word("venue_order_id", "Venue id", 120, {isHidden: true}),
    number("sequence", "Sequence", 84, {isHidden: true}),
  ],
  fills: [
    time("time_ns", "Time UTC", 100), word("instrument", "Instrument", 128), SIDE,
    number("quantity", "Quantity", 80), number("price", "Price", 88),
    number("fee", "Fee", 72), word("fee_currency", "Fee ccy", 60),
    money("realised", "Realised", 92), number("arrival_price", "Arrival", 88),
    number("slippage", "Slippage", 88, {
      tone: (row) => TONES[-signOf(row.slippage)], digits: MONEY_DIGITS, hint: "Cost against the price at arrival",
    }), word("liquidity", "Liquidity", 68),
    word("account", "Account", 68), word("strategy", "Strategy", 112),
    word("venue", "Venue", 68, {isHidden: true}),
    word("client_order_id", "Client id", 110, {isHidden: true}),
    word("order_id", "Order id", 150, {isHidden: true}),
    word("trade_id", "Trade id", 110, {isHidden: true}),
    number("sequence", "Sequence", 84, {isHidden: true}),
  ],
  trades: [
    time("time_ns", "Time UTC", 104), word("instrument", "Instrument", 128), SIDE,
    number("price", "Price", 92), number("quantity", "Quantity", 84),
    word("venue", "Venue", 72, {isHidden: true}), word("trade_id", "Trade id", 110, {isHidden: true}),
  ],
  balances: [
    word("account", "Account", 120), word("currency", "Currency", 80), number("total", "Total", 140),
  ],
  margin: [
    word("account", "Account", 76), word("currency", "Ccy", 52), word("state", "State", 76, {
      text: marginState, tone: (row) => MARGIN_TONES[row.state] ?? "", sort: (row) => String(MARGIN_ORDER.indexOf(row.state) + 1),
    }),
    number("ratio", "Ratio", 64, {text: ratioText, hint: "Maintenance / equity: liquidation at 100 %"}),
    number("equity", "Equity", 96, {digits: MONEY_DIGITS}), number("initial", "Initial", 88, {digits: MONEY_DIGITS}),
    number("maintenance", "Maintenance", 92, {digits: MONEY_DIGITS}),
    {...money("headroom", "Headroom", 96), hint: "Equity less initial margin: what may still be opened with"},
    word("venue", "Venue", 68), EXCLUDED,
  ],
};

const nearestShare = (found) => shareOf(found?.liquidation_distance_percent, "100");

/** Account -> its position that is nearest to a forced close. */
export function nearestOf(rows) {
  const nearest = new Map();
  for (const row of rows) {
    if (signOf(row.quantity) === 0 || isNone(row.liquidation_distance_percent)) continue;
    const share = nearestShare(row);
    if (share !== null && share < (nearestShare(nearest.get(row.account)) ?? Infinity)) nearest.set(row.account, row);
  }
  return nearest;
}

/** `nearest()` is what nearestOf found. */
export const nearestColumn = (nearest) => ({
  id: "nearest", title: "Nearest liquidation", width: 150, hint: "The account's position that is nearest to a forced close, in percent of its mark",
  text: (row) => {
    const found = nearest().get(row.account);
    return found === undefined ? "–" : `${plain(found.liquidation_distance_percent)} % ${visible(found.instrument)}`;
  },
  tone: (row) => distanceTone(nearest().get(row.account) ?? {}),
  sort: (row) => nearestShare(nearest().get(row.account)) ?? Infinity,
});

/** What is worst, for the line on top. */
export function marginText(rows) {
  const found = [...rows].filter((row) => MARGIN_ORDER.includes(row.state));
  if (found.length === 0) return {text: "–", tone: ""};
  const worst = MARGIN_ORDER.find((state) => found.some((row) => row.state === state));
  const whose = worst === "ok" ? [] : found.filter((row) => row.state === worst)
    .map((row) => `${visible(row.account)} ${visible(row.currency)}`);
  const more = whose.length > 2 ? ` and ${whose.length - 2} more` : "";
  return {text: [marginState({state: worst}), whose.slice(0, 2).join(", ")].filter(Boolean).join(" ") + more, tone: MARGIN_TONES[worst]};
}

/** Compares exposures of several currencies, for shades alone. */
export const weightOf = (row, id) => row.reporting?.[id] ?? row[id];

/** Levels of exposure, shaded by their share of the largest. */
export function exposureColumns(largest) {
  const heat = (id, title, paint) => ({
    ...paint(id, title, 80),
    share: (row) => String((shareOf(weightOf(row, id), largest()) ?? 0) / 1000),
  });
  return [
    word("name", "Name", 110), word("currency", "Ccy", 50), heat("net", "Net", money),
    heat("gross", "Gross", number), heat("long", "Long", number), heat("short", "Short", number),
    EXCLUDED,
  ];
}

/** What differs first: an option by its instrument. A leg is named where there are two. */
function nameOf({level, name, instrument, strategy, account}) {
  if (level !== "position") return name;
  const leg = name.split("|").find((part) => part === "long" || part === "short");
  return [instrument, strategy, account, leg].filter(Boolean).join(" · ");
}

/** Greeks of positions and of their sums; delta in cash is shaded. */
export function greekColumns(largest) {
  const cash = money("delta_cash", "Delta cash", 92, {hint: "What a move of the underlying by all of its price makes"});
  const figure = (id, title, hint, more = {}) => number(id, title, 80, {digits: MONEY_DIGITS, hint, ...more});
  return [
    {id: "name", title: "Name", width: 168, text: (row) => visible(nameOf(row))},
    {...cash, share: (row) => String((shareOf(row.delta_cash, largest()) ?? 0) / 1000)},
    figure("gamma_cash", "Gamma cash", "Change of delta cash with one percent"),
    figure("vega", "Vega", "Per point of volatility"), figure("theta", "Theta", "Per day"),
    figure("rho", "Rho", "Per percent of interest"), figure("volatility", "Volatility", "Implied by its own mark"),
    figure("delta", "Delta", "Units of the underlying"), figure("gamma", "Gamma", "", {isHidden: true}),
    figure("value", "Value", "", {isHidden: true}), figure("beta_delta", "Beta delta", "", {isHidden: true}),
    word("underlying", "Underlying", 110, {isHidden: true}), number("underlying_price", "Its price", 88, {isHidden: true}),
    EXCLUDED,
  ];
}

export const SEARCHED = ["account", "strategy", "instrument", "venue", "state", "side", "type",
  "client_order_id", "order_id", "currency", "reason", "name", "asset", "liquidity", "trade_id",
  "linked_to", "joint"];
