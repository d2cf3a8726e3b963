// Halt, enable and cancel: asked of the live API with the user's own key, after the name was typed.
// The key lives in this module's memory alone.

import {visible} from "./columns.js";
import {find, said, setText} from "./elements.js";

const WORDS = {kill: "Halt", enable: "Enable", cancel: "Cancel orders"};
const ANSWER_MS = 10000;
const UNKNOWN = "? Outcome unknown: what was asked may have happened. Look at the states before asking again.";
const PLACES = ["account", "strategy", "instrument", "venue"];

export class Control {
  #key = "";

  /** names(level): what exists; address(): the live API, "" when it is not known; onLate(text, tone):
   * an answer that came when the dialog was closed; standing(level, name): how it stands now, in words. */
  constructor({names, address, onLate, standing}) {
    this.names = names;
    this.standing = standing;
    this.onLate = onLate;
    this.address = address;
    this.dialog = find("control");
    this.form = find("control-form");
    this.turn = 0;  // of the dialog: an answer is told in its own alone
    this.isSending = false;
    this.form.addEventListener("input", () => this.check());
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.send();
    });
    find("control-level").addEventListener("change", () => this.offer());
    find("control-close").addEventListener("click", () => this.dialog.close());
    find("control-forget").addEventListener("click", () => this.forget());
    this.dialog.addEventListener("close", () => {
      if (!this.dialog.open) find("control-key").value = "";  // it may be open again when this is told
    });
  }

  open({level = "strategy", name = "", action = "kill"} = {}) {
    this.turn += 1;
    this.isSending = false;
    this.form.elements.action.value = action;
    find("control-level").value = level;
    find("control-name").value = name;
    find("control-confirm").value = find("control-key").value = "";
    this.say("", "");
    this.onLate("", "");
    this.offer();
    this.dialog.showModal();
    (name ? find("control-confirm") : find("control-name")).focus();
  }

  offer() {
    const level = this.level;
    find("control-name").disabled = level === "firm";
    if (level === "firm") find("control-name").value = "";
    find("control-names").replaceChildren(...this.names(level).map((name) => {
      const option = said("option", "");
      option.value = name;
      return option;
    }));
    this.check();
  }

  get level() {
    return find("control-level").value;
  }

  get action() {
    return this.form.elements.action.value;
  }

  /** What has to be typed: the name of what is meant; the firm has none of its own. */
  get expected() {
    return this.level === "firm" ? "firm" : find("control-name").value;
  }

  check() {
    const isOrder = this.level === "order";
    for (const radio of this.form.elements.action) radio.disabled = isOrder && radio.value !== "cancel";
    if (isOrder) this.form.elements.action.value = "cancel";
    const isNamed = this.action !== "cancel";
    const address = this.address();
    setText(find("control-where"), address ? `Goes to the live API at ${address}, not to the observer.`
      : "The live API was not found on this machine: use `gateway kill` where it runs.");
    setText(find("control-now"), this.standing(this.level, find("control-name").value));
    setText(find("control-typed"), this.expected === "" ? "the name" : visible(this.expected));
    setText(find("control-send"), this.action === "cancel" && isOrder ? "Cancel order" : WORDS[this.action]);
    for (const id of ["control-actor", "control-reason"]) find(id).disabled = !isNamed;
    find("control-key").hidden = this.#key !== "";
    find("control-forget").hidden = this.#key === "";
    find("control-forget").textContent = `forget the key ${this.#key.split(".")[0]}`;
    const isTold = !isNamed || (find("control-actor").value.trim() !== "" && find("control-reason").value.trim() !== "");
    const isConfirmed = this.expected !== "" && find("control-confirm").value === this.expected;
    const hasKey = (this.#key || find("control-key").value) !== "";
    find("control-send").disabled = !(address && isTold && isConfirmed && hasKey) || this.isSending;
  }

  async send() {
    if (find("control-send").disabled) return;
    const key = this.#key || find("control-key").value.trim();
    // Read once: the form may mean another when the answer comes.
    const asked = {
      action: this.action, level: this.level, name: find("control-name").value, meant: this.expected,
      actor: find("control-actor").value.trim(), reason: find("control-reason").value.trim(),
    };
    const turn = this.turn;
    let told = [`${UNKNOWN} The live API did not answer.`, "unknown"];
    let isKeyWrong = false;
    this.isSending = true;
    this.check();
    this.say("asking the live API …", "");
    try {
      const answer = await this.ask(key, asked);
      isKeyWrong = answer.status === 401;
      if (answer.ok) this.#key = key;
      told = report(asked, answer, await answer.json().catch(() => null));
    } catch {}
    if (!this.dialog.open) this.onLate(`${WORDS[asked.action]} ${visible(asked.meant)}: ${told[0]}`, told[1]);
    if (turn !== this.turn) return this.check();
    this.say(...told);
    this.isSending = false;
    if (isKeyWrong) this.#key = "";
    find("control-key").value = "";
    find("control-confirm").value = "";
    this.check();
    find(isKeyWrong ? "control-key" : "control-confirm").focus();
  }

  ask(key, {action, level, name, actor, reason}) {
    const headers = {Authorization: `Bearer ${key}`};
    const patience = new AbortController();
    setTimeout(() => patience.abort(), ANSWER_MS);
    const options = {headers, credentials: "omit", cache: "no-store", referrerPolicy: "no-referrer",
      signal: patience.signal};
    if (action === "cancel") {
      const path = level === "order" ? `/v1/orders/${encodeURIComponent(name)}`
        : `/v1/orders${PLACES.includes(level) ? `?${level}=${encodeURIComponent(name)}` : ""}`;
      return fetch(this.address() + path, {...options, method: "DELETE"});
    }
    headers["Content-Type"] = "application/json";
    const body = JSON.stringify({level, name, actor, reason});
    return fetch(`${this.address()}/v1/${action}`, {...options, method: "POST", body});
  }

  forget() {
    this.#key = "";
    find("control-key").value = "";
    this.check();
  }

  say(text, tone) {
    const node = find("control-said");
    node.textContent = text;
    node.dataset.tone = tone;
  }
}

function report({action, meant}, answer, body) {
  if (body === null) return [`${UNKNOWN} The answer (${answer.status}) cannot be read.`, "unknown"];
  if (!answer.ok) {
    const {code = answer.status, rule = "", hint = ""} = body.error ?? {};
    const said = visible(`${code}: ${rule} ${hint}`);
    return answer.status >= 500 ? [`${UNKNOWN} ${said}`, "unknown"] : [`✕ ${said}`, "loss"];
  }
  const left = Object.entries({refused: body.cancels_refused || 0, ...body.waiting})
    .filter(([, count]) => count).map(([why, count]) => `, ${visible(why)}: ${count}`).join("");
  const cancels = body.cancels_sent === undefined ? "" : `, cancels sent: ${body.cancels_sent}${left}`;
  const what = body.order ? `order ${body.order.order_id} ${body.order.pending || body.order.state}`
    : `${WORDS[action]} ${visible(meant)}`;
  const where = body.sequence === undefined ? "" : ` at sequence ${body.sequence}`;
  return [`✔ ${what}${where}${cancels}`, "gain"];
}
