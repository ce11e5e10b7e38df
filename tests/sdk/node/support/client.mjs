// The SDK's SignallingClient under observation: its events as an application sees them, and beside them the
// frames on the wire. The SDK itself stays as published; the WebSocket factory is its own option.

import { randomUUID } from "node:crypto";

import { SignallingClient } from "@metered-ca/realtime";
import WebSocket from "ws";

import { Journal } from "./journal.mjs";

/** Reconnects fast enough for a test, with the SDK's own machinery. */
export const BRISK = { initialDelayMs: 50, maxDelayMs: 250 };

const EVENTS = [
  "connected",
  "disconnected",
  "state-change",
  "message",
  "direct",
  "presence",
  "server-error",
  "going-away",
];

/** A connected client of `url`; it is closed when the test `t` ends. */
export async function connect(t, url, credentials, options = {}) {
  const client = new Client(url, credentials, options);
  t.after(() => client.sdk.close());
  await client.sdk.connect();
  return client;
}

/** One SignallingClient, its journal of SDK events and its journal of frames. */
export class Client {
  #sockets = [];

  /** SDK events by name. */
  events = new Journal("the SDK client");
  /** Parsed server frames by `type`, over all sockets of the client. */
  frames = new Journal("the socket");
  /** `frame` and `closed` (with its code), in the order in which the sockets saw them. */
  wire = new Journal("the wire");

  constructor(url, credentials, options = {}) {
    this.sdk = new SignallingClient({
      url,
      ...credentials,
      webSocketFactory: (target) => this.#open(target),
      ...options,
    });
    for (const name of EVENTS) this.sdk.on(name, (payload) => this.events.add(name, payload));
  }

  /** What the socket in use negotiated and where it stands. */
  get socket() {
    return this.#sockets.at(-1);
  }

  get peerId() {
    return this.events.of("connected").at(-1).peerId;
  }

  /** The presence frame that answers the latest subscribe of `channel`: `nth` counts from 1. */
  async snapshot(channel, nth = 1) {
    const seen = await this.events.atLeast(nth, "presence", (presence) => presence.channel === channel);
    return seen[nth - 1];
  }

  /** Sends `text` past the SDK's own checks, on the SDK's socket. */
  sendRaw(text) {
    this.socket.send(text);
  }

  /** Sends `frame` with a fresh request id past the SDK's checks; resolves to the frame that answers it. */
  async request(frame) {
    const requestId = randomUUID();
    this.sendRaw(JSON.stringify({ ...frame, requestId }));
    return this.wire.first("frame", (answer) => answer.requestId === requestId);
  }

  /** Resolves once the edge has answered a ping that is sent now. */
  async ping() {
    const before = this.frames.of("pong").length;
    this.sendRaw('{"type":"ping"}');
    await this.frames.atLeast(before + 1, "pong");
  }

  #open(target) {
    const socket = new WebSocket(target);
    this.#sockets.push(socket);
    socket.on("message", (data) => {
      const frame = JSON.parse(data.toString());
      this.wire.add("frame", frame);
      this.frames.add(frame.type, frame);
    });
    socket.on("close", (code) => this.wire.add("closed", code));
    // The SDK stops listening after the close; without a listener a late error would end the process.
    socket.on("error", () => {});
    return socket;
  }
}
