// What one observer saw, in order. Waiting is by level, not by edge: an entry that was there before the
// wait began counts, so no test can miss an event by asking for it too late.

import { DEADLINE_MS, until } from "./until.mjs";

/** An ordered record of `(kind, value)` entries that can be awaited. */
export class Journal {
  #owner;
  #entries = [];
  #waiting = new Set();

  /** `owner` names the observer in failures. */
  constructor(owner) {
    this.#owner = owner;
  }

  add(kind, value) {
    this.#entries.push({ kind, value });
    for (const look of [...this.#waiting]) look();
  }

  /** The values of `kind` seen so far. */
  of(kind) {
    return this.#entries.filter((entry) => entry.kind === kind).map((entry) => entry.value);
  }

  /** The first value of `kind` that satisfies `matches`, seen already or still to come. */
  async first(kind, matches = () => true, deadlineMs = DEADLINE_MS) {
    const [value] = await this.atLeast(1, kind, matches, deadlineMs);
    return value;
  }

  /** All matching values of `kind`, as soon as there are `count` of them. */
  async atLeast(count, kind, matches = () => true, deadlineMs = DEADLINE_MS) {
    const matching = () => this.of(kind).filter(matches);
    let look;
    const enough = new Promise((resolve) => {
      look = () => matching().length >= count && resolve(matching());
      this.#waiting.add(look);
      look();
    });
    const what = () =>
      `${count} × ${kind} at ${this.#owner}, has ${matching().length}; saw ${this.#digest()}`;
    try {
      return await until(what, enough, deadlineMs);
    } finally {
      this.#waiting.delete(look);
    }
  }

  /** The tail of the record, short enough to read in a test report. */
  #digest() {
    const tail = this.#entries.slice(-12);
    return JSON.stringify(tail, (_, value) => (typeof value === "string" ? value.slice(0, 80) : value));
  }
}
