// The connection to GET /v1/stream: snapshot, deltas, reconnect with resume. It keeps the rows by
// key and tells its owner that they changed; it must never guess a row.

const RETRY_MS_MIN = 250;
const RETRY_MS_MAX = 8000;
const POSITION_KEY = ["account", "instrument", "leg", "margin_mode", "strategy"];

export const KEYS = {
  orders: (row) => row.order_id,
  positions: (row) => POSITION_KEY.map((name) => row[name]).join("|"),
  balances: (row) => `${row.account}|${row.currency}`,
};

export class Stream {
  /** onState(word), onRows(channel): what happened; rows are read from `tables`. */
  constructor({onState, onRows}) {
    this.tables = {};
    for (const name of Object.keys(KEYS)) {
      this.tables[name] = {rows: new Map(), sequence: null, stream: null};
    }
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
    socket.onmessage = (event) => this.take(JSON.parse(event.data));
    socket.onclose = () => this.retry();
  }

  /** Drop the connection as a broken network would; it comes back by itself. */
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
    const table = this.tables[message.channel];
    if (table === undefined) return;
    if (message.type === "snapshot") {
      table.rows.clear();
      table.stream = message.stream;
    }
    const key = KEYS[message.channel];
    for (const row of message.rows) {
      const name = key(row);
      table.rows.delete(name);  // A changed row moves to the end: newest last.
      table.rows.set(name, row);
    }
    for (const name of message.removed ?? []) table.rows.delete(name);
    // Half a batch is no state to resume from.
    table.sequence = message.has_more ? null : message.sequence;
    this.onRows(message.channel);
  }
}
