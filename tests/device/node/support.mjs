// What the suite needs: edges, tokens, and the published client with what it told.

import { createRequire } from "node:module";

import WebSocket from "ws";

import { Edge } from "../../sdk/node/support/edge.mjs";
import { Redis } from "../../sdk/node/support/redis.mjs";
import { signToken } from "../../sdk/node/support/tokens.mjs";
import { found } from "../../sdk/node/support/until.mjs";

/** As in a browser, what a message handler throws ends nothing; and what came is kept. */
class BrowserSocket extends WebSocket {
  frames = [];
  uncaught = [];

  constructor(...options) {
    super(...options);
    this.addEventListener("message", ({ data }) => this.frames.push(JSON.parse(data)));
  }

  set onmessage(handler) {
    super.onmessage = handler && ((event) => {
      try {
        handler(event);
      } catch (error) {
        this.uncaught.push(error);
      }
    });
  }
}

// Where the client looks for it.
globalThis.WebSocket = BrowserSocket;
const WebtritSignaling = createRequire(import.meta.url)("@webtrit/webtrit-signaling");

const KEY = { id: "sk_id_demo", secret: "sk_secret_demo" };
const CONFIG = `
[limits]
connects_per_minute = 0

[[apps]]
id = "demo"

[[apps.keys]]
id = "sk_id_demo"
secret = "sk_secret_demo"
channel_patterns = ["**"]
actions = ["publish", "subscribe", "presence", "send"]
`;

/** Two edges over a Redis of their own, as the URLs that the client takes. `device` is their [device] section. */
export async function startEdges(t, device = "") {
  const redis = await Redis.start();
  t.after(() => redis.stop());
  const start = async (name) => {
    const config = `redis_url = "${redis.url}"\nedge_id = "${name}"\n[device]\n${device}\n${CONFIG}`;
    const edge = await Edge.alone({ config });
    t.after(() => edge.stop());
    return `${edge.url}/tenant/demo/signaling/v1`;
  };
  return [await start("edge-a"), await start("edge-b")];
}

/** A token of this user's phone. */
export const token = (user, number, device = "phone") => signToken(KEY, { sub: user, number, device });

/** The published client, and what it was told. */
export class Phone {
  states = [];
  events = [];
  errors = [];
  #signaling;
  #ended;

  constructor() {
    this.closed = new Promise((resolve) => (this.#ended = resolve));
    this.#signaling = new WebtritSignaling({
      handshakeCallback: (state) => this.states.push(state),
      eventCallback: (event) => this.events.push(event),
      errorCallback: (error) => this.errors.push(error),
      disconnectedCallback: (reason, code) => this.#ended({ reason, code }),
    });
  }

  /** Connects and resolves with the state, or with how the connection ended instead. */
  async connect(t, url, token, force) {
    t.after(() => this.#signaling.disconnect(1000));
    await this.#signaling.connect({ url, token, ...(force === undefined ? {} : { force }) });
    const state = until("a state", () => this.states[0]);
    return Promise.race([state, this.closed]);
  }

  /** Resolves with the ack, rejects with the error answer. */
  execute(request, members) {
    return this.#signaling.execute(request, members);
  }

  newCallId() {
    return this.#signaling.generateCallId();
  }

  /** The raw socket under the client, to look at what it says. */
  get socket() {
    return this.#signaling.ws;
  }
}

/** Waits until `look` finds something, and resolves with it. */
export const until = (what, look, deadlineMs = 15_000) => found(what, look, deadlineMs);

/** Runs `work` without what the client prints. */
export function quietly() {
  for (const method of ["log", "info", "warn", "error"]) console[method] = () => {};
}
