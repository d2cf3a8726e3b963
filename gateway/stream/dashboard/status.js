// The line on top: is the stream open, does the observer follow, how old is what is shown. Always in
// sight; when the numbers are old the whole page says so.

import {find, setText} from "./elements.js";
import {parseExact} from "./stream.js";

const STATUS_MS = 1000;
const SILENT_MS = 4000;  // without an answer the numbers count as old
const LAG_MS_MAX = 2000;
const TEXT = {open: "● open", connecting: "○ connecting", closed: "✕ closed, retrying"};

export class StatusLine {
  /** onStatus(status), onPage(page): what the observer said about itself. */
  constructor({onStatus, onPage}) {
    this.onStatus = onStatus;
    this.onPage = onPage;
    this.stream = "connecting";
    this.heardAt = performance.now();
    this.status = null;
    setInterval(() => this.beat(), STATUS_MS);
  }

  /** The observer's clock, in nanoseconds: what has an age is as old as it says. */
  get nowNs() {
    const since = BigInt(Math.round((performance.now() - this.heardAt) * 1e6));
    const told = this.status?.time_ns;
    return told === undefined ? BigInt(Date.now()) * 1_000_000n : BigInt(told) + since;
  }

  setStream(state) {
    this.stream = state;
    const node = find("connection");
    setText(node, TEXT[state]);
    node.dataset.state = state;
    if (state === "open") this.beat();
    this.judge();
  }

  async beat() {
    setText(find("now"), new Date().toISOString().slice(11, 19));
    if (!find("panels").hidden && this.stream === "open") await this.ask();
    this.judge();
  }

  async ask() {
    try {
      const [status, page] = await Promise.all([fetch("/v1/status"), fetch("/v1/page")]);
      if (!status.ok) return;
      this.status = parseExact(await status.text());
      this.heardAt = performance.now();
      if (page.ok) this.onPage(await page.json());
      this.show(this.status);
      this.onStatus(this.status);
    } catch {
      // Silence is judged by its length.
    }
  }

  show(status) {
    setText(find("journal"), status.reason ? `${status.state}: ${status.reason}` : status.state);
    find("journal").dataset.tone = status.ready ? "" : "unknown";
    this.showSequence(status.sequence);
    const records = status.lag_records ? `, ${status.lag_records.toLocaleString("en")} records` : "";
    setText(find("lag"), `${status.lag_ms.toLocaleString("en")} ms${records}`);
    find("lag").dataset.tone = status.lag_ms > LAG_MS_MAX ? "unknown" : "";
  }

  showSequence(sequence) {
    setText(find("sequence"), sequence.toLocaleString("en"));
  }

  /** Old numbers are shown dimmed and named, never silently. */
  judge() {
    const silent = Math.round((performance.now() - this.heardAt) / 1000);
    const isSilent = silent * 1000 > SILENT_MS;
    let why = "";
    if (this.stream !== "open") why = `stream ${this.stream}`;
    else if (isSilent) why = `no answer for ${silent} s`;
    else if (this.status !== null && !this.status.ready) why = `journal ${this.status.state}`;
    else if (this.status !== null && this.status.lag_ms > LAG_MS_MAX) why = "behind the journal";
    document.body.dataset.old = why;
    const node = find("connection");
    if (this.stream === "open") setText(node, why === "" ? TEXT.open : `⚠ old: ${why}`);
    else if (isSilent) setText(node, `${TEXT[this.stream]}; last heard ${silent} s ago`);
    if (isSilent) setText(find("lag"), "not known");
    node.dataset.state = why !== "" && this.stream === "open" ? "old" : this.stream;
  }
}
