// Tabs, keys and sizes of the panes: which table is in sight, which one has the keyboard.

import {element, find, recall, remember, said} from "./elements.js";

export const PANES = {
  "pane-positions": ["positions", "balances", "greeks", "ageing"],
  "pane-profit": ["profit", "exposure", "depth", "trades"],
  "pane-orders": ["orders", "fills", "flow", "linked"],
  "pane-risk": ["risk", "margin", "latency", "health"],
};
const KEYS = {
  1: "positions", 2: "orders", 3: "fills", 4: "balances", 5: "profit", 6: "exposure", 7: "depth",
  8: "risk", 9: "margin", 0: "latency", f: "flow", h: "health", p: "trades", g: "greeks",
  a: "ageing", l: "linked",
};

export class Panes {
  /** grids by table name; draw[name]() draws a table that comes into sight. */
  constructor({grids, draw}) {
    this.grids = grids;
    this.draw = draw;
    this.current = "positions";
    for (const [pane, names] of Object.entries(PANES)) {
      for (const name of names) {
        // What has no table of its own is scrolled by keys where it stands.
        if (grids[name] === undefined) find(`panel-${name}`).tabIndex = 0;
        find(`tab-${name}`).addEventListener("click", () => this.choose(name));
        find(`tab-${name}`).addEventListener("keydown", (event) => this.pressTab(event, pane, name));
      }
      find(pane).addEventListener("focusin", () => this.enter(pane));
      find(pane).querySelector(".bar").append(this.tools(pane));
    }
    const chosen = recall("tabs") ?? {};
    for (const name of Object.values(chosen)) if (find(`tab-${name}`)) this.show(name);
    this.keepUp();
  }

  tools(pane) {
    const tools = element("span", "tools");
    this.columnsButton ??= {};
    const columns = said("button", "▥", "plain", {type: "button", "aria-label": "Columns", title: "Columns (c)"});
    columns.addEventListener("click", () => this.chooseColumns(this.shown(pane)));
    const large = said("button", "⤢", "plain", {type: "button", "aria-label": "Large", title: "Large (m)"});
    large.addEventListener("click", () => this.enlarge(pane));
    this.columnsButton[pane] = columns;
    tools.append(columns, large);
    return tools;
  }

  paneOf(name) {
    return Object.keys(PANES).find((pane) => PANES[pane].includes(name));
  }

  shown(pane) {
    return PANES[pane].find((name) => !find(`panel-${name}`).hidden);
  }

  enter(pane) {
    this.current = this.shown(pane);
  }

  /** A tab and the keyboard. */
  choose(name) {
    this.show(name);
    this.current = name;
    const grid = this.grids[name];
    (grid?.scroller ?? find(`tab-${name}`)).focus({preventScroll: true});
    if (grid !== undefined && grid.selected < 0 && grid.count > 0) grid.select(0);
  }

  show(name) {
    const pane = this.paneOf(name);
    for (const other of PANES[pane]) {
      const isChosen = other === name;
      find(`tab-${other}`).setAttribute("aria-selected", String(isChosen));
      find(`tab-${other}`).tabIndex = isChosen ? 0 : -1;
      find(`panel-${other}`).hidden = !isChosen;
    }
    if (document.body.dataset.large) this.setLarge(pane);
    this.columnsButton[pane].hidden = this.grids[name] === undefined;
    this.draw[name]?.();
    const chosen = recall("tabs") ?? {};
    remember("tabs", {...chosen, [pane]: name});
  }

  keepUp() {
    for (const pane of Object.keys(PANES)) {
      this.columnsButton[pane].hidden = this.grids[this.shown(pane)] === undefined;
    }
  }

  pressTab(event, pane, name) {
    const names = PANES[pane].filter((each) => !find(`tab-${each}`).hidden);
    const at = names.indexOf(name);
    const to = {ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: -1}[event.key];
    if (to === undefined) return;
    event.preventDefault();
    const next = names[(to + names.length) % names.length];
    this.show(next);
    find(`tab-${next}`).focus();
  }

  enlarge(pane = this.paneOf(this.current)) {
    this.setLarge(document.body.dataset.large === pane ? "" : pane);
  }

  /** One pane alone, or "" for all of them. */
  setLarge(pane) {
    document.body.dataset.large = pane;
    if (pane === "") delete document.body.dataset.large;
    for (const id of Object.keys(PANES)) find(id).classList.toggle("large", id === pane);
  }

  chooseColumns(name = this.current) {
    const grid = this.grids[name];
    if (grid === undefined) return;
    const chooser = find("chooser");
    const title = said("h3", `Columns of ${name}`);
    const list = grid.all.map((column) => {
      const label = element("label");
      const box = element("input", "", {type: "checkbox"});
      box.checked = !grid.hidden.has(column.id);
      box.addEventListener("change", () => {
        grid.toggleColumn(column.id);
        box.checked = !grid.hidden.has(column.id);
      });
      label.append(box, ` ${column.title}`);
      return label;
    });
    chooser.replaceChildren(title, ...list);
    chooser.showPopover();
    const place = find(this.paneOf(name)).getBoundingClientRect();
    const lowest = innerHeight - chooser.offsetHeight - 8;
    chooser.style.top = `${Math.max(8, Math.min(place.top + 34, lowest))}px`;
    chooser.style.left = `${Math.max(8, place.right - chooser.offsetWidth - 8)}px`;
    chooser.querySelector("input").focus();
  }

  /** True when the key was for the panes. */
  press(key) {
    if (key in KEYS && !find(`tab-${KEYS[key]}`).hidden) this.choose(KEYS[key]);
    else if (key === "m") this.enlarge();
    else if (key === "c") this.chooseColumns();
    else return false;
    return true;
  }
}
