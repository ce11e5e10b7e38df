// The SDK's MeteredPeer under observation. Discovery and data need no media, so by default the peer
// connections are inert; the WebRTC test hands in real ones.

import { MeteredPeer } from "@metered-ca/realtime";
import WebSocket from "ws";

import { BRISK } from "./client.mjs";
import { Journal } from "./journal.mjs";
import { asPeer } from "./tokens.mjs";

const EVENTS = ["joined", "left", "state-change", "data", "error"];

/** The peer `id`, joined to `room` at `url`; it leaves when the test `t` ends. */
export async function join(t, url, id, room, { claims = {}, rtc = inertConnection, ...options } = {}) {
  const peer = new Peer(url, asPeer(id, claims), rtc);
  t.after(() => peer.sdk.close());
  await peer.sdk.join(room, options);
  return peer;
}

/** One MeteredPeer and the journal of its events. */
export class Peer {
  /** SDK events by name; `peer-joined`, `peer-left` and `connection-reset` carry the other's peer id. */
  events = new Journal("the peer");

  constructor(url, credentials, rtc) {
    this.sdk = new MeteredPeer({
      url,
      ...credentials,
      reconnect: BRISK,
      webSocketFactory: (target) => new WebSocket(target),
      rtcPeerConnectionFactory: rtc,
    });
    for (const name of EVENTS) this.sdk.on(name, (payload) => this.events.add(name, payload));
    this.sdk.on("peer-left", ({ peer }) => this.events.add("peer-left", peer.id));
    this.sdk.on("peer-joined", ({ peer }) => {
      peer.on("connection-reset", () => this.events.add("connection-reset", peer.id));
      this.events.add("peer-joined", peer.id);
    });
  }

  /** The remote peer `id`, once it is known. */
  async remote(id) {
    await this.events.first("peer-joined", (joined) => joined === id);
    return this.sdk.remotePeers.find((peer) => peer.id === id);
  }
}

function inertConnection() {
  return {
    connectionState: "new",
    signalingState: "stable",
    iceConnectionState: "new",
    localDescription: null,
    remoteDescription: null,
    addEventListener() {},
    removeEventListener() {},
    getSenders: () => [],
    setConfiguration() {},
    close() {},
  };
}
