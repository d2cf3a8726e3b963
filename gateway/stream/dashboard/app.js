// The page: signs in, follows the stream, shows three tables and the totals. It only reads; numbers
// are shown as the gateway wrote them and added as decimals.

import {addDecimals, shorten, signOf} from "./decimals.js";
import {Grid} from "./grid.js";
import {Stream} from "./stream.js";

const STATUS_MS = 1000;
const NUMBER_WIDTH = "minmax(8rem, 1fr)";
const FINISHED = new Set(["FILLED", "CANCELED", "EXPIRED", "REJECTED", "REFUSED"]);
const SCHEMES = ["system", "light", "dark"];
const SCHEME_TEXT = {system: "◐ System", light: "☀ Light", dark: "☾ Dark"};
const CONNECTION_TEXT = {open: "● connected", connecting: "○ connecting", closed: "✕ disconnected, retrying"};
const find = (id) => document.getElementById(id);

// Colour is never the only signal: an arrow and the sign say the same.
const ARROWS = {"-1": "▼ ", "0": "", "1": "▲ "};
const TONES = {"-1": "loss", "0": "", "1": "gain"};

function signed(text) {
  if (text === null || text === undefined) return "–";
  const sign = signOf(text);
  return ARROWS[sign] + (sign > 0 && !text.startsWith("+") ? "+" : "") + text;
}

const plain = (text) => (text === null || text === undefined || text === "" ? "–" : text);
const tone = (name) => (row) => TONES[signOf(row[name] ?? "")];
const number = (title, name) => ({title, isNumber: true, width: NUMBER_WIDTH, text: (row) => plain(row[name])});
const word = (title, name, width) => ({title, width, text: (row) => String(row[name] ?? "–")});
const money = (title, name) => ({
  title, isNumber: true, width: NUMBER_WIDTH, text: (row) => signed(row[name]), tone: tone(name),
});

function stateText(row) {
  return row.pending ? `${row.state} (${row.pending.replace("_", " ")})` : row.state;
}

function stateTone(row) {
  if (row.state === "UNKNOWN" || (row.pending ?? "").endsWith("unknown")) return "unknown";
  if (row.state === "REJECTED") return "loss";
  return FINISHED.has(row.state) ? "quiet" : "";
}

function time(nanoseconds) {
  if (!nanoseconds) return "–";
  return new Date(Number(nanoseconds) / 1e6).toISOString().slice(11, 23);
}

const COLUMNS = {
  orders: [
    {title: "Updated (UTC)", width: "8.5rem", text: (row) => time(row.updated_ns)},
    {title: "State", width: "minmax(10rem, 1.4fr)", text: stateText, tone: stateTone},
    word("Instrument", "instrument", "minmax(9rem, 1.2fr)"),
    {title: "Side", width: "5rem", text: (row) => (row.side === "buy" ? "▲ buy" : "▼ sell"),
     tone: (row) => (row.side === "buy" ? "gain" : "loss")},
    word("Type", "type", "5.5rem"),
    number("Quantity", "quantity"), number("Price", "price"),
    number("Filled", "cumulative_quantity"), number("Average", "average_price"),
    word("Account", "account"), word("Strategy", "strategy"), word("Venue", "venue"),
    word("Client id", "client_order_id", "minmax(9rem, 1.2fr)"), word("Reason", "reason"),
  ],
  positions: [
    word("Account", "account"), word("Instrument", "instrument", "minmax(9rem, 1.2fr)"),
    word("Strategy", "strategy"), word("Leg", "leg", "4.5rem"),
    money("Quantity", "quantity"), number("Average price", "average_price"),
    number("Mark", "mark"), money("Realised", "realised"), money("Unrealised", "unrealised"),
    number("Fees", "fees"), number("Break-even", "break_even"), word("Currency", "currency", "5.5rem"),
    word("Venue", "venue"),
  ],
  balances: [
    word("Account", "account"), word("Currency", "currency"), number("Total", "total"),
  ],
};
const SEARCHED = ["account", "strategy", "instrument", "venue", "state", "side", "type",
  "client_order_id", "order_id", "currency", "reason"];

const grids = {
  orders: new Grid(find("panel-orders"), "Orders", COLUMNS.orders, "No orders."),
  positions: new Grid(find("panel-positions"), "Positions", COLUMNS.positions, "No positions."),
  balances: new Grid(find("panel-balances"), "Balances", COLUMNS.balances, "No balances."),
};
const dirty = new Set();
let isDrawing = false;

const stream = new Stream({
  onState(state) {
    const node = find("connection");
    node.textContent = CONNECTION_TEXT[state];
    node.dataset.state = state;
    if (state === "closed") checkSession();
  },
  onRows(channel) {
    dirty.add(channel);
    schedule();
  },
});

function schedule() {
  if (isDrawing) return;
  isDrawing = true;
  requestAnimationFrame(() => {
    isDrawing = false;
    for (const channel of dirty) refresh(channel);
    dirty.clear();
  });
}

function refresh(channel) {
  const table = stream.tables[channel];
  const rows = [...table.rows.values()].filter(isWanted(channel));
  if (channel === "orders") rows.reverse();  // newest first
  else rows.sort(byName);
  grids[channel].show(rows);
  find(`count-${channel}`).textContent = String(rows.length);
  if (channel === "positions") showTotals(table.rows.values());
  if (table.sequence !== null) showSequence(table.sequence);
}

function isWanted(channel) {
  const words = find("filter").value.toLowerCase().split(/\s+/).filter(Boolean);
  const isOpenOnly = channel === "orders" && find("open-only").checked;
  return (row) => {
    if (isOpenOnly && FINISHED.has(row.state)) return false;
    if (words.length === 0) return true;
    const text = SEARCHED.map((name) => row[name] ?? "").join(" ").toLowerCase();
    return words.every((part) => text.includes(part));
  };
}

function byName(left, right) {
  const name = (row) => `${row.account}\u0000${row.instrument ?? row.currency}\u0000${row.strategy}`;
  return name(left) < name(right) ? -1 : 1;
}

/** Per currency: exact sums. A position without a mark is counted, not guessed. */
function showTotals(rows) {
  const totals = new Map();
  for (const row of rows) {
    const sum = totals.get(row.currency) ?? {realised: "0", unrealised: null, fees: "0", unmarked: 0};
    sum.realised = addDecimals(sum.realised, row.realised) ?? sum.realised;
    sum.fees = addDecimals(sum.fees, row.fees) ?? sum.fees;
    if (row.unrealised !== null) {
      sum.unrealised = addDecimals(sum.unrealised ?? "0", row.unrealised) ?? sum.unrealised;
    } else if (signOf(row.quantity) !== 0) {
      sum.unmarked += 1;
    }
    totals.set(row.currency, sum);
  }
  const cards = [...totals].sort().map(([currency, sum]) => totalCard(currency, sum));
  find("totals").replaceChildren(...cards);
}

function totalCard(currency, sum) {
  const card = document.createElement("div");
  card.className = "card";
  card.setAttribute("role", "listitem");
  const title = document.createElement("h3");
  title.textContent = currency;
  const list = document.createElement("dl");
  list.append(...fact("Realised", signed(shorten(sum.realised)), TONES[signOf(sum.realised)]));
  const note = sum.unmarked > 0 ? ` (${sum.unmarked} without mark)` : "";
  const unrealised = sum.unrealised === null ? null : shorten(sum.unrealised);
  list.append(...fact("Unrealised", signed(unrealised) + note, TONES[signOf(unrealised)]));
  list.append(...fact("Fees", shorten(sum.fees), ""));
  card.append(title, list);
  return card;
}

function fact(name, value, toneName) {
  const term = document.createElement("dt");
  const detail = document.createElement("dd");
  term.textContent = name;
  detail.textContent = value;
  detail.dataset.tone = toneName;
  detail.className = "number";
  return [term, detail];
}

function showSequence(sequence) {
  find("sequence").textContent = String(sequence);
}

async function pollStatus() {
  if (find("connection").dataset.state !== "open") return;
  try {
    const answer = await fetch("/v1/status");
    if (!answer.ok) return;
    const status = await answer.json();
    find("journal").textContent = status.reason ? `${status.state}: ${status.reason}` : status.state;
    showSequence(status.sequence);
    const records = status.lag_records === null ? "" : `, ${status.lag_records} records`;
    find("lag").textContent = `${status.lag_ms} ms${records}`;
  } catch {
    find("lag").textContent = "–";  // The stream's own state says that the observer is away.
  }
}

function selectTab(name, isFocused = true) {
  for (const other of Object.keys(COLUMNS)) {
    const tab = find(`tab-${other}`);
    const isChosen = other === name;
    tab.setAttribute("aria-selected", String(isChosen));
    tab.tabIndex = isChosen ? 0 : -1;
    find(`panel-${other}`).hidden = !isChosen;
    if (isChosen && isFocused) tab.focus();
  }
  grids[name].request();
}

function pressTab(event) {
  const names = Object.keys(COLUMNS);
  const at = names.findIndex((name) => find(`tab-${name}`).getAttribute("aria-selected") === "true");
  const move = {ArrowRight: 1, ArrowLeft: -1}[event.key];
  if (move !== undefined) selectTab(names[(at + move + names.length) % names.length]);
}

function pressKey(event) {
  const isTyping = event.target instanceof HTMLInputElement && event.target.type !== "checkbox";
  if (event.key === "Escape" && event.target === find("filter")) {
    find("filter").value = "";
    refreshAll();
  }
  if (isTyping || event.ctrlKey || event.altKey || event.metaKey) return;
  const name = {1: "orders", 2: "positions", 3: "balances"}[event.key];
  if (name !== undefined) selectTab(name);
  if (event.key === "/") {
    event.preventDefault();
    find("filter").focus();
  }
}

function refreshAll() {
  for (const channel of Object.keys(COLUMNS)) dirty.add(channel);
  schedule();
}

function applyScheme(scheme) {
  document.documentElement.dataset.scheme = scheme;
  find("scheme").textContent = SCHEME_TEXT[scheme];
  const spoken = scheme === "system" ? "as the system" : scheme;
  find("scheme").setAttribute("aria-label", `Colours: ${spoken}`);
}

function changeScheme() {
  const at = SCHEMES.indexOf(document.documentElement.dataset.scheme);
  const next = SCHEMES[(at + 1) % SCHEMES.length];
  localStorage.setItem("scheme", next);
  applyScheme(next);
}

async function signIn(body) {
  const answer = await fetch("/v1/session", {
    method: "POST",
    headers: {"Content-Type": "application/json"},
    body: JSON.stringify(body),
  });
  return answer.ok;
}

async function hasSession() {
  const answer = await fetch("/v1/session");
  return answer.ok && (await answer.json()).ok;
}

async function checkSession() {
  try {
    if (!(await hasSession())) showSignIn();
  } catch {
    // The observer is away; the stream tries again by itself.
  }
}

function showSignIn() {
  find("panels").hidden = true;
  find("sign-in").hidden = false;
  find("key").focus();
}

function showPanels() {
  find("sign-in").hidden = true;
  find("panels").hidden = false;
  refreshAll();
}

async function submitKey(event) {
  event.preventDefault();
  const isTaken = await signIn({key: find("key").value});
  find("key").value = "";
  find("key-fault").textContent = isTaken ? "" : "This key is not accepted for reading.";
  if (!isTaken) return;
  showPanels();
  if (stream.socket === null) stream.open();
}

async function start() {
  const saved = localStorage.getItem("scheme");
  applyScheme(SCHEMES.includes(saved) ? saved : "system");
  const token = new URLSearchParams(location.hash.slice(1)).get("token");
  if (token !== null) history.replaceState(null, "", location.pathname);
  // An address that was used before still opens where a session exists.
  const isOpen = (await hasSession()) || (token !== null && (await signIn({token})));
  if (!isOpen) return showSignIn();
  showPanels();
  stream.open();
}

for (const name of Object.keys(COLUMNS)) {
  find(`tab-${name}`).addEventListener("click", () => selectTab(name));
  find(`tab-${name}`).addEventListener("keydown", pressTab);
}
document.addEventListener("keydown", pressKey);
find("filter").addEventListener("input", refreshAll);
find("open-only").addEventListener("change", refreshAll);
find("scheme").addEventListener("click", changeScheme);
find("key-form").addEventListener("submit", submitKey);
setInterval(pollStatus, STATUS_MS);
start();
