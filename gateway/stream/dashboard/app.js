// The page: signs in, follows the stream, shows what it says. It only reads; what acts goes to the
// live API through control.js. Numbers are shown as the gateway wrote them and added as decimals.

import {
  COLUMNS, FINISHED, FUNDING_IN, SEARCHED, exposureColumns, fundingIn, greekColumns, isStale, marginText, nearestColumn,
  isNone, nearestOf, plain, signed, toneOf, visible, weightOf,
} from "./columns.js";
import {Control} from "./control.js";
import {addDecimals, shorten, signOf} from "./decimals.js";
import {DepthPanel} from "./depth.js";
import {AgeingPanel} from "./ageing.js";
import {FlowPanel} from "./flow.js";
import {LinkedPanel} from "./linked.js";
import {HealthPanel} from "./health.js";
import {element, find, recall, remember, said, setText, systemIsDark} from "./elements.js";
import {atMostEvery, soon} from "./frame.js";
import {Grid} from "./grid.js";
import {LatencyPanel} from "./latency.js";
import {LEVELS, LevelPanel} from "./levels.js";
import {Life} from "./life.js";
import {Panes} from "./panes.js";
import {ProfitPanel} from "./profit.js";
import {Replay} from "./replay.js";
import {RISK_COLUMNS, RiskBoard, noteStanding, standingName, standingText, tradingText} from "./risk.js";
import {checkSession, startSession} from "./session.js";
import {StatusLine} from "./status.js";
import {NO_CHANNEL, Stream} from "./stream.js";

const SCHEMES = ["system", "light", "dark"];
const FEES_HINT = "of the positions' rows; fees paid in another currency are valued. Profit has each in its own currency";
const SCHEME_SIGNS = {system: "◐", light: "☀", dark: "☾"};
const MEASURED = new Set(["states", "exposure", "positions", "orders"]);  // what limits are held against

let words = [];
let page = {live_api: "", routes: []};
let allowed = null;  // the live API's address in this document's policy
let past = null;

const stream = new Stream({onState: takeState, onRows: takeRows});
const {tables} = stream;
const serves = (route) => page.routes.includes(route);
const life = new Life(find("life"), {
  canExplain: () => serves("/v1/why/order/{order_id}"),
  onCancel: (row) => control.open({level: "order", name: row.order_id, action: "cancel"}),
  onClose: () => grids.orders.scroller.focus(),
});

function isFound(row) {
  if (words.length === 0) return true;
  const text = SEARCHED.map((name) => row[name] ?? "").join(" ").toLowerCase();
  return words.every((part) => text.includes(part));
}

const isOrderWanted = (row) => !(find("open-only").checked && FINISHED.has(row.state)) && isFound(row);

const emptyText = (what) => (table) => {
  if (table.absent) return `The observer has no ${what}: ${table.absent}.`;
  return table.size > 0 ? `No ${what} for this filter.` : `No ${what}.`;
};

function grid(name, options = {}) {
  const made = new Grid(find(`panel-${name}`), {
    name, label: name, table: tables[name], columns: COLUMNS[name], isWanted: isFound,
    emptyText: emptyText(name), ...options,
  });
  made.onCount = (count) => {
    const node = find(`count-${name}`);
    if (node !== null) setText(node, count.toLocaleString("en"));
  };
  return made;
}

const board = new RiskBoard(tables, () => grids.risk.refresh());
const bySequence = {sort: null};
const TRADED = new Set(["instrument", "account", "strategy"]);
/** Beside a name stands whether it trades. */
const withStanding = (columns) => columns.map((column) => (
  TRADED.has(column.id) ? standingName(column.id, column.title, column.width) : column
));
let nearest = new Map();
const grids = {
  positions: grid("positions", {
    columns: withStanding([...COLUMNS.positions, fundingIn(() => statusLine.nowNs)]), sort: "instrument",
    onOpen: (row) => depth.choose(row.instrument),
  }),
  balances: grid("balances", {sort: "account"}),
  orders: grid("orders", {...bySequence, columns: withStanding(COLUMNS.orders), isWanted: isOrderWanted, onOpen: (row) => life.open(row)}),
  fills: grid("fills", {...bySequence, onOpen: (row) => openOrder(row.order_id)}),
  margin: grid("margin", {
    columns: COLUMNS.margin.toSpliced(4, 0, nearestColumn(() => nearest)), sort: "state",
    emptyText: (table) => (table.absent || words.length > 0 ? emptyText("margin")(table)
      : "No account is on margin, or no schedules are named (observer.margin_file)."),
  }),
  trades: grid("trades", {...bySequence, onOpen: (row) => depth.choose(row.instrument)}),
  risk: grid("risk", {
    table: board.table, columns: RISK_COLUMNS, sort: "share", isDown: true,
    emptyText: emptyText("trading states or limits"),
    onOpen: (row) => control.open({level: row.level, name: row.level === "firm" ? "" : row.name}),
  }),
};
setInterval(() => {  // a countdown goes on without a row
  if (!grids.positions.hidden.has(FUNDING_IN) && !find("panel-positions").hidden) grids.positions.repaint();
}, 1000);
const profit = new ProfitPanel(find("panel-profit"), tables.profit);
const exposure = new LevelPanel(find("panel-exposure"), tables.exposure, {
  name: "exposure", what: "exposure", levels: LEVELS, columns: exposureColumns, sort: "gross",
  weigh: (row) => weightOf(row, "gross"),
});
const greeks = new LevelPanel(find("panel-greeks"), tables.greeks, {
  name: "greeks", what: "greeks", levels: ["position", ...LEVELS], columns: greekColumns, sort: "delta_cash",
  weigh: (row) => row.delta_cash,
});
Object.assign(grids, {exposure: exposure.grid, greeks: greeks.grid});
const latency = new LatencyPanel(find("panel-latency"), tables.latency, openOrder);
const depth = new DepthPanel(find("panel-depth"), tables.books);
const flow = new FlowPanel(find("panel-flow"), tables.flow);
const linked = new LinkedPanel(find("panel-linked"), tables.linked, {
  isWanted: isFound, onOpen: (row) => openOrder(row.order_id),
});
const ageing = new AgeingPanel(find("panel-ageing"), tables.ageing, {
  now: () => statusLine.nowNs, isWanted: isFound, onOpen: (row) => depth.choose(row.instrument),
});
Object.assign(grids, {flow: flow.grid, linked: linked.grid, ageing: ageing.grid});
const health = new HealthPanel(find("panel-health"), tables.health);

const draw = {
  profit: () => profit.refresh(),
  exposure: () => exposure.refresh(),
  latency: () => latency.refresh(),
  depth: () => depth.refresh(),
  flow: () => flow.refresh(),
  linked: () => linked.refresh(),
  ageing: () => ageing.refresh(),
  greeks: showGreeks,
  health: () => health.refresh(),
};
for (const name of Object.keys(grids)) draw[name] ??= () => grids[name].refresh();
const panes = new Panes({grids, draw});

const control = new Control({
  names: namesOf, standing: (level, name) => standingText(tables.states.values(), level, name),
  address: () => page.live_api, onLate: tellLate,
});
const replay = new Replay({onPast: showPast, canReplay: () => serves("/v1/at")});
const statusLine = new StatusLine({
  onStatus: (status) => replay.grow(status.sequence),
  onPage: takePage,
});

/** The page may talk to the live API known at its loading; for another it loads again. */
function takePage(told) {
  allowed ??= told.live_api;
  page = told;
  const isMoved = told.live_api !== "" && told.live_api !== allowed;
  if (isMoved && past === null && !document.querySelector("dialog[open]")) location.reload();
}

function takeState(state) {
  statusLine.setStream(state);
  if (state === "closed") checkSession();
}

function takeRows(channel) {
  const table = tables[channel];
  if (channel === "orders") {
    watchOrders();
    if (life.isOpen && past === null) life.update(table.get(life.order.order_id));
  }
  if (channel === "positions") sumUp();
  if (channel === "health") health.watch();
  if (channel === "states") showTrading();
  if (channel === "margin") showMargin();
  if (table.sequence !== null) statusLine.showSequence(table.sequence);
  if (MEASURED.has(channel)) board.refresh();
  const name = channel === "books" ? "depth" : channel;
  if (past === null || !(channel in past)) draw[name]?.();
}

/** What orders went through while the page was open; the newest have the last serials. */
let watched = 0;
function watchOrders() {
  const {rows, serial, changes} = tables.orders;
  const changed = [];
  for (let slot = 0; slot < rows.length; slot += 1) {
    if (serial[slot] > watched && rows[slot] !== undefined) changed.push(rows[slot]);
  }
  watched = changes;
  life.watch(changed);
}

/** There only where the observer knows of greeks. */
function showGreeks() {
  const isKnown = tables.greeks.stream !== null;
  find("tab-greeks").hidden = !isKnown;
  if (tables.greeks.absent === NO_CHANNEL && !find("panel-greeks").hidden) panes.show("positions");
  greeks.refresh();
}

function openOrder(orderId) {
  const row = (past?.orders ?? tables.orders).get(String(orderId));
  panes.choose("orders");
  life.open(row ?? {order_id: String(orderId), client_order_id: "", state: "–", pending: ""});
}

function showTrading() {
  const {text, tone} = tradingText(tables.states.values());
  setText(find("trading"), tables.states.size > 0 ? text : "–");
  find("trading").dataset.tone = tables.states.size > 0 ? tone : "";
  if (noteStanding(tables.states.values())) for (const name of ["positions", "orders"]) grids[name].repaint();
}

function showMargin() {
  const {text, tone} = marginText(tables.margin.values());
  setText(find("margin-state"), text);
  find("margin-state").dataset.tone = tone;
}

/** Exact sums per currency of the positions that are shown, the currency of most of them first.
 * Without a mark: counted, not guessed. */
const sumUp = atMostEvery(250, () => {
  const sums = new Map();
  for (const row of (past?.positions ?? tables.positions).values()) {
    const sum = sums.get(row.currency) ?? {realised: [], unrealised: [], fees: [], unmarked: 0};
    sums.set(row.currency, sum);
    sum.realised.push(row.realised);
    sum.fees.push(row.fees);
    if (!isNone(row.unrealised)) sum.unrealised.push(row.unrealised);
    else if (signOf(row.quantity) !== 0) sum.unmarked += 1;
  }
  const ordered = [...sums].sort().sort(([, left], [, right]) => right.fees.length - left.fees.length);
  find("totals").replaceChildren(...ordered.map(([currency, sum]) => totalCard(currency, sum)));
  showMarks();
  nearest = nearestOf(tables.positions.values());
  if (!find("panel-margin").hidden) grids.margin.repaint();
});

function showMarks() {
  let [stale, unmarked, held] = [0, 0, 0];
  for (const row of tables.positions.values()) {
    if (signOf(row.quantity) === 0) continue;
    held += 1;
    if (row.mark_age_ms === null) unmarked += 1;
    else if (isStale(row)) stale += 1;
  }
  const parts = [stale > 0 && `${stale} stale`, unmarked > 0 && `${unmarked} missing`].filter(Boolean);
  setText(find("marks"), parts.length > 0 ? `⚠ ${parts.join(", ")}` : held > 0 ? "● fresh" : "–");
  find("marks").dataset.tone = parts.length > 0 ? "unknown" : "";
}

function totalCard(currency, sum) {
  const card = element("div", "card", {role: "listitem"});
  card.append(said("b", visible(currency)));
  const figure = (name, texts) => {
    const text = texts.length === 0 ? null : addDecimals(...texts);
    const node = said("span", `${name} `, "quiet");
    const short = text === null ? null : shorten(text);
    const isCost = name === "fees";
    const value = said("span", isCost ? plain(short, 4) : signed(short, 4), "number");
    value.title = (text ?? "no mark") + (isCost ? `: ${FEES_HINT}` : "");
    value.dataset.tone = isCost ? "" : toneOf(text);
    card.append(node, value);
  };
  figure("unrealised", sum.unrealised);
  figure("realised", sum.realised);
  figure("fees", sum.fees);
  card.append(said("span", sum.unmarked > 0 ? `${sum.unmarked} without mark` : "", "quiet"));
  return card;
}

/** What became of a command whose dialog was closed; until the next one is opened. */
function tellLate(text, tone) {
  setText(find("late"), text);
  find("late").dataset.tone = tone;
  find("late").hidden = text === "";
}

/** Show the tables of the past, or the live ones again. */
function showPast(shown) {
  past = shown;
  for (const name of ["orders", "positions", "balances"]) {
    grids[name].use(shown === null ? tables[name] : shown[name]);
  }
  if (life.isOpen) life.close();
  sumUp();
}

function namesOf(level) {
  const found = new Set();
  if (level === "order") {
    for (const row of tables.orders.values()) if (!FINISHED.has(row.state)) found.add(row.order_id);
    return [...found].slice(-200);
  }
  for (const row of tables.states.values()) if (row.level === level && row.name) found.add(row.name);
  for (const name of ["positions", "orders"]) {
    for (const row of tables[name].values()) if (row[level]) found.add(row[level]);
  }
  return [...found].sort().slice(0, 500);
}

function refilter() {
  words = find("filter").value.toLowerCase().split(/\s+/).filter(Boolean);
  for (const each of Object.values(grids)) each.arrange();
}

function applyScheme(scheme) {
  document.documentElement.dataset.scheme = scheme;
  setText(find("scheme").querySelector("b"), SCHEME_SIGNS[scheme]);
  setText(find("scheme").querySelector("span"), scheme);
  const spoken = scheme === "system" ? "as the system" : scheme;
  find("scheme").setAttribute("aria-label", `Colours: ${spoken}`);
  for (const name of ["profit", "depth", "latency", "flow"]) draw[name]();
}

function changeScheme() {
  // From the system's own to the other one first, so that the first press is seen.
  const order = systemIsDark.matches ? ["system", "light", "dark"] : ["system", "dark", "light"];
  const next = order[(order.indexOf(document.documentElement.dataset.scheme) + 1) % order.length];
  remember("scheme", next);
  applyScheme(next);
}

function escape(target) {
  if (target === find("filter") && find("filter").value !== "") {
    find("filter").value = "";
    refilter();
    return;
  }
  if (target.matches("input, select")) target.blur();  // the keys are commands again
  if (life.isOpen) life.close();
  else if (replay.isPast) replay.live();
  else if (document.body.dataset.large) panes.setLarge("");
}

const ACTIONS = {
  "/": () => find("filter").focus(),
  k: () => control.open(),
  t: () => replay.focus(),
  d: changeScheme,
  o: () => {
    panes.show("orders");
    find("open-only").click();
  },
  "?": () => find("keys").showModal(),
};

function pressKey(event) {
  if (document.querySelector("dialog[open]") || find("panels").hidden) return;
  if (event.key === "Escape") return escape(event.target);
  // An input of a dialog that was just closed has the focus until the next frame.
  const isTyping = event.target.matches("input:not([type=checkbox]):not([type=range]), select")
    && event.target.checkVisibility();
  if (isTyping || event.ctrlKey || event.altKey || event.metaKey) return;
  if (event.key in ACTIONS) ACTIONS[event.key]();
  else if (!panes.press(event.key)) return;
  event.preventDefault();
}

document.addEventListener("keydown", pressKey);
find("filter").addEventListener("input", refilter);
find("open-only").addEventListener("change", () => grids.orders.arrange());
find("scheme").addEventListener("click", changeScheme);
systemIsDark.addEventListener("change", () => applyScheme(document.documentElement.dataset.scheme));
find("halt").addEventListener("click", () => control.open());
find("help").addEventListener("click", () => find("keys").showModal());
const saved = recall("scheme");
applyScheme(SCHEMES.includes(saved) ? saved : "system");
startSession(() => {
  if (stream.socket === null) stream.open();
  for (const name of Object.keys(draw)) soon(draw[name]);
});
