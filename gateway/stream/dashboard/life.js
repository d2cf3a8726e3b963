// The life of one order: every state with its time in nanoseconds and its cause, as the observer
// tells them; without that, what this page saw, named as such.

import {FINISHED, clock, dayOf, isNone, plain, stateTone, visible} from "./columns.js";
import {element, said} from "./elements.js";
import {atMostEvery} from "./frame.js";
import {parseExact} from "./stream.js";

const ASK_MS = 3000;  // an answer reads the journal's tail
const SEEN_MAX = 64;  // states per order this page remembers
const ORDERS_MAX = 4096;
const FACTS = ["instrument", "side", "type", "quantity", "price", "cumulative_quantity",
  "crossed_quantity", "average_price",
  "account", "strategy", "venue", "client_order_id", "order_id", "venue_order_id", "principal"];

export class Life {
  constructor(host, {canExplain, onCancel, onClose}) {
    this.host = host;
    this.canExplain = canExplain;
    this.onCancel = onCancel;
    this.onClose = onClose;
    this.seen = new Map();
    this.order = null;
    this.askAgain = atMostEvery(ASK_MS, () => this.order !== null && this.open(this.order));
  }

  /** Remember a state that went by; the oldest orders are forgotten. */
  watch(rows) {
    for (const row of rows) {
      const states = this.seen.get(row.order_id) ?? [];
      const last = states[states.length - 1];
      const text = `${row.state}|${row.pending}|${row.cumulative_quantity}`;
      if (last?.text === text) continue;
      states.push({text, row});
      if (states.length > SEEN_MAX) states.shift();
      this.seen.delete(row.order_id);
      this.seen.set(row.order_id, states);
    }
    while (this.seen.size > ORDERS_MAX) this.seen.delete(this.seen.keys().next().value);
  }

  get isOpen() {
    return !this.host.hidden;
  }

  close() {
    this.host.hidden = true;
    this.order = null;
    this.onClose();
  }

  /** Show an order; asks the observer for its chain of causes. */
  async open(row) {
    const isOther = this.order?.order_id !== row.order_id;
    this.order = row;
    this.host.hidden = false;
    if (isOther) this.show(row, [said("p", "asking …", "note")]);
    const chain = await this.chain(row.order_id);
    if (this.order?.order_id === row.order_id) this.show(this.order, chain);
  }

  /** The row changed while it is open. */
  update(row) {
    if (row === undefined || this.order === null || row === this.order) return;
    this.order = row;
    this.askAgain();
  }

  async chain(orderId) {
    if (!this.canExplain()) return this.ownChain(orderId, "The observer serves no causes");
    try {
      const answer = await fetch(`/v1/why/order/${encodeURIComponent(orderId)}`);
      const body = parseExact(await answer.text());
      if (!answer.ok) return this.ownChain(orderId, `${body.error?.code}: ${body.error?.rule}`);
      return [stepsOf(body)];
    } catch {
      return this.ownChain(orderId, "The observer does not answer");
    }
  }

  ownChain(orderId, why) {
    const states = this.seen.get(orderId) ?? [];
    const list = element("ol", "steps");
    list.append(...states.map(({row}) => step(row.updated_ns, row.state, stateTone(row), [
      row.pending && `pending ${row.pending}`, `filled ${row.cumulative_quantity}`,
      row.reason && `reason ${row.reason}`, `sequence ${row.sequence}`,
    ])));
    return [said("p", `${why}; these states went by since the page was opened.`, "note"), list];
  }

  show(row, chain) {
    const bar = element("div", "life-bar");
    const title = said("h3", `Order ${visible(row.client_order_id || row.order_id)}`);
    const close = said("button", "✕", "plain", {type: "button", "aria-label": "Close", title: "Close (Esc)"});
    close.addEventListener("click", () => this.close());
    bar.append(title);
    if (!FINISHED.has(row.state)) {
      const cancel = said("button", "Cancel…", "", {type: "button"});
      cancel.addEventListener("click", () => this.onCancel(row));
      bar.append(cancel);
    }
    bar.append(close);
    const facts = element("dl", "facts-list");
    facts.append(said("dt", "state"), said("dd", row.state + (row.pending ? ` (${row.pending})` : "")));
    for (const name of FACTS) {
      if (isNone(row[name])) continue;
      const text = /quantity|price/.test(name) ? plain(row[name]) : visible(row[name]);
      facts.append(said("dt", name.replace(/_/g, " ")), said("dd", text));
    }
    this.host.replaceChildren(bar, ...chain, facts);
  }
}

function step(time, title, tone, details) {
  const item = element("li");
  const when = said("time", clock(time, 9), "number", {title: dayOf(time)});
  const what = said("b", visible(title));
  what.dataset.tone = tone;
  const more = said("span", visible(details.filter(Boolean).join(" · ")));
  item.append(when, what, more);
  return item;
}

/** The observer's chain of causes: docs/concepts/history.md. */
function stepsOf({chain, is_cut}) {
  const list = element("ol", "steps");
  list.append(...chain.map(({sequence, time_ns, event, words, fields}) => {
    const state = fields?.state ?? "";
    const title = [event.replace(/_/g, " "), state].filter(Boolean).join(" → ");
    return step(time_ns, title, stateTone({state}), [words, `sequence ${sequence}`]);
  }));
  if (is_cut) list.append(said("li", "… longer than is told here"));
  return list;
}
