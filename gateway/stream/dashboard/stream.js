// The connection to GET /v1/stream: snapshot, deltas, reconnect with resume. It keeps the rows of
// every channel by key and tells its owner what changed; it must never guess a row.

import {KEY_FIELDS} from "./channels.js";

const RETRY_MS_MIN = 250;
const RETRY_MS_MAX = 8000;
const SLOTS_MIN = 256;
export const NO_CHANNEL = "its stream has no such channel";

/** The key of a row, as docs/reference/stream.md names it. */
const keyOf = (channel, row) => KEY_FIELDS[channel].map((name) => row[name] ?? "").join("|");

/** JSON whose nanoseconds keep every digit, as text: they do not fit into a float. */
export function parseExact(text) {
  return JSON.parse(text.replace(/(_ns":\s*)(\d{16,})/g, '$1"$2"'));
}

/** Rows in slots. A slot stays with its key, so that typed arrays can hold what belongs to a row. */
export class Table {
  constructor(name) {
    this.name = name;
    this.sequence = null;  // of the last whole state; null while there is none
    this.stream = null;
    this.absent = "";  // why the observer has no rows of it
    this.changes = 0;
    this.clear();
  }

  clear() {
    this.slots = new Map();
    this.rows = [];
    this.free = [];
    this.serial = new Float64Array(SLOTS_MIN);  // which change wrote the slot: newest is highest
    this.shape = (this.shape ?? 0) + 1;  // rises when rows come or go
  }

  get size() {
    return this.slots.size;
  }

  set(key, row) {
    let slot = this.slots.get(key);
    if (slot === undefined) {
      slot = this.free.pop() ?? this.rows.length;
      this.slots.set(key, slot);
      this.shape += 1;
      if (slot >= this.serial.length) this.serial = grown(this.serial);
    }
    this.rows[slot] = row;
    this.serial[slot] = ++this.changes;
  }

  remove(key) {
    const slot = this.slots.get(key);
    if (slot === undefined) return;
    this.slots.delete(key);
    this.rows[slot] = undefined;
    this.free.push(slot);
    this.shape += 1;
  }

  get(key) {
    const slot = this.slots.get(key);
    return slot === undefined ? undefined : this.rows[slot];
  }

  *values() {
    for (const slot of this.slots.values()) yield this.rows[slot];
  }

  /** Take over a whole list, as the state of the past has it. */
  fill(rows) {
    this.clear();
    for (const row of rows) this.set(keyOf(this.name, row), row);
    return this;
  }

  /** One snapshot or delta. */
  take(message) {
    if (message.type === "snapshot") {
      this.clear();
      this.stream = message.stream;
      this.absent = message.waiting ?? "";
    }
    for (const row of message.rows) this.set(keyOf(this.name, row), row);
    for (const name of message.removed ?? []) this.remove(name);
    // Half a batch is no state to resume from.
    this.sequence = message.has_more ? null : message.sequence;
  }
}

function grown(array) {
  const larger = new Float64Array(array.length * 2);
  larger.set(array);
  return larger;
}

export class Stream {
  /** onState(word), onRows(channel): what happened; rows are read from `tables`. */
  constructor({onState, onRows}) {
    this.tables = {};
    for (const name of Object.keys(KEY_FIELDS)) this.tables[name] = new Table(name);
    this.onState = onState;
    this.onRows = onRows;
    this.retryMs = RETRY_MS_MIN;
    this.socket = null;
  }

  open() {
    this.onState("connecting");
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    const socket = new WebSocket(`${scheme}://${location.host}/v1/stream`);
    this.socket = socket;
    socket.onopen = () => this.subscribe(socket);
    socket.onmessage = (event) => this.take(parseExact(event.data));
    socket.onclose = () => this.retry();
  }

  /** As a broken network would; it comes back by itself. */
  interrupt() {
    this.socket?.close();
  }

  subscribe(socket) {
    this.retryMs = RETRY_MS_MIN;
    for (const [channel, table] of Object.entries(this.tables)) {
      const request = {op: "subscribe", channel, filter: {}};
      if (table.sequence !== null) {
        request.resume = table.sequence;
        request.stream = table.stream;
      }
      socket.send(JSON.stringify(request));
    }
    this.onState("open");
  }

  retry() {
    this.onState("closed");
    const jitter = 0.5 + Math.random();
    setTimeout(() => this.open(), this.retryMs * jitter);
    this.retryMs = Math.min(RETRY_MS_MAX, this.retryMs * 2);
  }

  take(message) {
    if (message.type === "error") return this.refuse(message.error);
    const table = this.tables[message.channel];
    if (table === undefined || message.rows === undefined) return;
    table.take(message);
    this.onRows(message.channel);
  }

  /** An observer without a channel quotes the subscription. */
  refuse(error) {
    const channel = /"channel":\s*"(\w+)"/.exec(error.value)?.[1];
    const table = this.tables[channel] ?? this.tables[error.value];
    if (table === undefined) return;
    const isUnknown = error.code === "BAD_REQUEST";
    table.absent = isUnknown ? NO_CHANNEL : `${error.code}: ${error.rule}`;
    this.onRows(table.name);
  }
}
