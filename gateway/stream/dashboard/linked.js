// Groups of linked orders and of named legs: one line for each leg, with what all legs together are.
// What stands alone is the observer's word (leg risk); nothing is added up here.

import {SIDE, money, number, signed, stateTone, tailOf, visible, word} from "./columns.js";
import {shareOf, signOf} from "./decimals.js";
import {atMostEvery} from "./frame.js";
import {Grid} from "./grid.js";
import {Table} from "./stream.js";

const JOINT_TONES = {
  working: "", partial: "unknown", ended: "quiet", void: "quiet",
  none: "", filled: "quiet", broken: "unknown", closing: "unknown", closed: "quiet",
  incomplete: "unknown", unknown: "unknown",
};
const LEG_COLUMNS = [
  // Ids begin alike. Downwards the newest group stands on top, and its legs in their order.
  {id: "linked_to", title: "Group", width: 72, value: (row) => row.linked_to, text: (row) => visible(tailOf(row.linked_to)),
   sort: (row) => `${row.linked_to.padStart(20, "0")}|${9 - row.place}`},
  word("link", "Link", 62),
  word("joint", "Together", 72, {
    hint: "Linked: working, partial, ended, void. Legs: none, partial, filled, broken, closing, closed",
    tone: (row) => JOINT_TONES[row.joint] ?? "",
  }),
  {id: "leg_risk", title: "Stands alone", width: 92, isNumber: true, value: (row) => row.leg_risk,
   hint: "Executed on one side, and on the other neither executed nor working; bought +, sold −; of legs its worth",
   text: (row) => (signOf(row.leg_risk) === 0 ? "–" : `⚠ ${signed(row.leg_risk)}`),
   tone: (row) => (signOf(row.leg_risk) === 0 ? "quiet" : "unknown")},
  money("net", "Net", 72, {hint: "Named legs: realised and unrealised profit less fees, reporting currency"}),
  number("fees", "Fees", 60, {digits: 4, hint: "Of all named legs, reporting currency; above zero paid"}),
  {id: "leg", title: "Leg", width: 44, text: (row) => `${row.place + 1}/${row.legs}`},
  SIDE, word("instrument", "Instrument", 124), word("type", "Type", 62),
  word("state", "State", 116, {tone: stateTone}),
  number("quantity", "Quantity", 76), number("cumulative_quantity", "Filled", 70),
  {id: "fill_ratio", title: "Fill ratio", width: 72, isNumber: true, value: (row) => row.fill_ratio, text: ratioText,
   share: (row) => String((shareOf(row.fill_ratio, "1") ?? 0) / 1000)},
  {id: "ratio", title: "Ratio", width: 56, isNumber: true, value: (row) => row.ratio,
   hint: "Of a leg that was named (gateway legs): bought +, sold −", text: (row) => (row.ratio ? signed(row.ratio) : "–")},
  number("spread_price", "Spread", 76, {isHidden: true, hint: "Sum of ratio times average price"}),
  number("realised", "Realised", 84, {isHidden: true, digits: 4, hint: "Of all legs, reporting currency, before fees"}),
  number("unrealised", "Unrealised", 88, {isHidden: true, digits: 4, hint: "Of all legs at the marks, reporting currency"}),
  number("price", "Price", 80), number("trigger_price", "Trigger", 76, {isHidden: true}),
  number("average_price", "Average", 80, {isHidden: true}),
  word("client_order_id", "Client id", 100), word("strategy", "Strategy", 96), word("account", "Account", 68),
  word("venue", "Venue", 68, {isHidden: true}), word("order_id", "Order id", 150, {isHidden: true}),
];

function ratioText(row) {
  const share = shareOf(row.fill_ratio, "1");
  return share === null ? "–" : `${(share / 10).toFixed(1)} %`;
}

export class LinkedPanel {
  constructor(host, table, {isWanted, onOpen}) {
    this.host = host;
    this.table = table;
    this.legs = new Table("legs");
    this.grid = new Grid(host, {
      name: "linked", label: "Groups of linked orders", table: this.legs, columns: LEG_COLUMNS, sort: "linked_to",
      isDown: true, isWanted, onOpen,
      emptyText: () => (table.absent ? `The observer has no linked orders: ${table.absent}.`
        : table.size > 0 ? "No linked orders for this filter."
          : "No linked orders: no order is linked to another, and no legs are named."),
    });
    this.grid.scroller.classList.add("ratios");
    this.refresh = atMostEvery(250, () => this.draw());
  }

  draw() {
    if (this.host.hidden) return;
    const seen = new Set();
    for (const row of this.table.values()) {
      for (const leg of legsOf(row)) {
        seen.add(leg.key);
        if (this.legs.get(leg.key)?.of !== row) this.legs.set(leg.key, leg);
      }
    }
    for (const key of [...this.legs.slots.keys()]) if (!seen.has(key)) this.legs.remove(key);
    this.grid.refresh();
  }
}

/** A line for each member that is remembered. */
function legsOf(row) {
  const members = row.members ?? [];
  const legs = members.length + (row.members_forgotten ?? 0);
  return members.map((member, place) => ({
    key: `${row.linked_to}|${member.order_id}`, of: row, linked_to: String(row.linked_to), link: row.kind, joint: row.state,
    leg_risk: row.leg_risk, spread_price: row.spread_price, realised: row.realised, unrealised: row.unrealised,
    fees: row.fees, net: row.net,
    place, legs, account: row.account, strategy: row.strategy, venue: row.venue, ...member,
  }));
}
