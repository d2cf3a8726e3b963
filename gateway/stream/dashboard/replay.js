// The journal's past on the page: the state at a sequence, read from the observer, clearly marked
// and never acted upon. The live stream goes on underneath.

import {clock, dayOf} from "./columns.js";
import {find, setText} from "./elements.js";
import {Table, parseExact} from "./stream.js";

const ASK_MS = 120;  // after the slider's last move

export class Replay {
  /** onPast(tables or null): show these tables, or the live ones again. */
  constructor({onPast, canReplay}) {
    this.onPast = onPast;
    this.canReplay = canReplay;
    this.isPast = false;
    this.newest = 0;
    this.asked = null;
    this.slider = find("replay");
    this.number = find("replay-at");
    this.slider.addEventListener("input", () => this.askLater(this.slider.value));
    this.number.addEventListener("change", () => this.askLater(this.number.value.replace(/[,\s]/g, "")));
    find("live").addEventListener("click", () => this.live());
  }

  /** The journal grew. */
  grow(sequence) {
    this.newest = sequence;
    this.slider.max = String(sequence);
    if (!this.isPast) this.slider.value = String(sequence);
    const isServed = this.canReplay();
    this.slider.disabled = this.number.disabled = !isServed;
    if (!this.isPast) setText(find("replay-text"), isServed ? "live" : "the observer serves no replay");
  }

  focus() {
    this.slider.focus();
  }

  askLater(text) {
    clearTimeout(this.timer);
    if (!/^\d{1,18}$/.test(text)) return this.say(`✕ ${text.slice(0, 20)}: a sequence is a whole number`);
    if (text === String(this.newest) && !this.isPast) return;
    this.timer = setTimeout(() => this.ask(text), ASK_MS);
  }

  async ask(sequence) {
    this.asked?.abort();
    const asked = this.asked = new AbortController();
    this.say("asking …");
    try {
      const answer = await fetch(`/v1/at?sequence=${sequence}`, {signal: asked.signal});
      const body = parseExact(await answer.text());
      if (asked.signal.aborted) return;
      if (answer.ok) this.show(body);
      else this.say(`✕ ${body.error?.code}: ${body.error?.rule} ${body.error?.hint ?? ""}`);
    } catch (fault) {
      if (fault.name !== "AbortError") this.say("✕ the observer does not answer");
    }
  }

  show(body) {
    this.isPast = true;
    const tables = {};
    for (const name of ["orders", "positions", "balances"]) {
      tables[name] = new Table(name).fill(body[name] ?? []);
    }
    this.slider.value = this.number.value = String(body.sequence);
    document.body.dataset.past = "true";
    find("live").disabled = false;
    const when = body.time_ns ? `${dayOf(body.time_ns)} ${clock(body.time_ns, 9)} UTC` : "";
    find("past").hidden = false;
    setText(find("past"), `◀ Past: sequence ${Number(body.sequence).toLocaleString("en")} of `
      + `${this.newest.toLocaleString("en")} · ${when} · open orders, positions and balances as they `
      + "stood, for reading only; every other table stays live");
    this.say("past");
    this.onPast(tables);
  }

  live() {
    clearTimeout(this.timer);
    this.asked?.abort();
    if (this.isPast) this.onPast(null);
    this.isPast = false;
    delete document.body.dataset.past;
    find("past").hidden = true;
    find("live").disabled = true;
    this.number.value = "";
    this.grow(this.newest);
  }

  say(text) {
    setText(find("replay-text"), text);
  }
}
