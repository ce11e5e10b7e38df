// Admission: which credentials open a session, what the welcome says, and with which code the others close.
// The number in a test's name is its item in the conformance checklist of the realtime dialect.

import assert from "node:assert/strict";
import { once } from "node:events";
import { after, before, test } from "node:test";

import { SignallingConnectError } from "@metered-ca/realtime";
import WebSocket from "ws";

import { Client, connect } from "./support/client.mjs";
import { CAP_SESSIONS, PUBLISHABLE, SECRET, TURN_CONFIG, TURN_URL } from "./support/config.mjs";
import { Edge } from "./support/edge.mjs";
import { rest } from "./support/rest.mjs";
import { asPeer, signToken, unixSeconds, withKey, withToken } from "./support/tokens.mjs";
import { DEADLINE_MS, until } from "./support/until.mjs";

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

let edge;
before(async () => {
  edge = await Edge.start();
});
after(() => edge?.stop());

/** Asserts that `credentials` are refused with `code`, and that no frame came before the close. */
async function refuses(credentials, code) {
  const client = new Client(edge.url, credentials);
  await assert.rejects(client.sdk.connect(), (error) => {
    assert(error instanceof SignallingConnectError, String(error));
    assert.equal(error.closeCode, code);
    return true;
  });
  assert.deepEqual(client.wire.of("frame"), []);
  assert.equal(client.sdk.state, "closed");
}

test("1: any other path than /v1 does not upgrade", async () => {
  const socket = new WebSocket(`${edge.url}/v2?key=${PUBLISHABLE.demo}`);
  const [, response] = await until("an HTTP answer", once(socket, "unexpected-response"));
  assert.equal(response.statusCode, 404);
  socket.on("error", () => {}).terminate();
});

test("2: a percent-encoded credential is decoded", async () => {
  const encoded = PUBLISHABLE.demo.replaceAll("_", "%5F");
  const socket = new WebSocket(`${edge.url}/v1?key=${encoded}`);
  const [data] = await until("the welcome", once(socket, "message"));
  assert.equal(JSON.parse(data).type, "welcome");
  socket.close();
});

test("3: no sub-protocol is selected", async (t) => {
  const client = await connect(t, edge.url, withKey(PUBLISHABLE.demo));
  assert.equal(client.socket.protocol, "");
});

test("4, 5: a publishable key gets a fresh UUID on every connect, and no expiry", async (t) => {
  const first = await connect(t, edge.url, withKey(PUBLISHABLE.demo));
  const second = await connect(t, edge.url, withKey(PUBLISHABLE.demo));
  assert.match(first.peerId, UUID);
  assert.match(second.peerId, UUID);
  assert.notEqual(first.peerId, second.peerId);
  const [welcome] = first.frames.of("welcome");
  assert.equal(welcome.expiresAt, null);
});

test("6: a token gives the peer id and the expiry", async (t) => {
  const exp = unixSeconds(600);
  const alice = await connect(t, edge.url, asPeer("alice", { exp }));
  const [connected] = alice.events.of("connected");
  assert.equal(connected.peerId, "alice");
  assert.equal(connected.expiresAt, exp);
  assert.equal(connected.isReconnect, false);
});

test("7, 8: the welcome comes first, with the server's time in seconds and the size cap", async (t) => {
  const alice = await connect(t, edge.url, asPeer("alice"));
  const [welcome] = alice.wire.of("frame");
  assert.equal(welcome.type, "welcome");
  assert(Math.abs(welcome.serverTime - unixSeconds()) <= 2, `serverTime ${welcome.serverTime}`);
  assert(Number.isInteger(welcome.serverTime));
  assert(welcome.maxMessageSize >= 65_536, `maxMessageSize ${welcome.maxMessageSize}`);
});

test("9: the welcome carries the metadata claim unchanged", async (t) => {
  const metadata = { plan: "gold", nested: { list: [1, null, "é"] } };
  const alice = await connect(t, edge.url, asPeer("alice", { metadata }));
  assert.deepEqual(alice.frames.of("welcome")[0].metadata, metadata);
});

test("9: without the claim the welcome has no metadata", async (t) => {
  const alice = await connect(t, edge.url, asPeer("alice"));
  assert(!("metadata" in alice.frames.of("welcome")[0]));
});

test("23: a TURN server is handed out, and the claim's own list wins over it", async (t) => {
  const turnEdge = await Edge.start({ config: TURN_CONFIG });
  t.after(() => turnEdge.stop());

  const given = await connect(t, turnEdge.url, asPeer("alice", { metadata: { plan: "gold" } }));
  const [{ iceServers }] = given.events.of("connected");
  assert.deepEqual(iceServers?.flatMap(({ urls }) => urls), [TURN_URL]);
  assert(iceServers[0].username && iceServers[0].credential, JSON.stringify(iceServers));
  assert.equal(given.frames.of("welcome")[0].metadata.plan, "gold");

  const byKey = await connect(t, turnEdge.url, withKey(PUBLISHABLE.demo));
  assert.equal(byKey.events.of("connected")[0].iceServers?.length, 1);

  const own = [{ urls: "stun:stun.example.net" }];
  const claimed = await connect(t, turnEdge.url, asPeer("bob", { metadata: { iceServers: own } }));
  assert.deepEqual(claimed.events.of("connected")[0].iceServers, own);
});

test("86: a token minted over REST connects with the claims that were asked for", async (t) => {
  const minted = await rest(edge, "POST", "/tokens", {
    body: {
      peerId: "minted",
      channels: ["room/1"],
      permissions: ["subscribe", "presence"],
      expiresInSec: 120,
      metadata: { seat: 7 },
      peerMetadata: { name: "Mint" },
    },
  });
  assert.equal(minted.status, 200, JSON.stringify(minted.body));
  assert(Math.abs(minted.body.expiresAt - unixSeconds(120)) <= 2);

  const client = await connect(t, edge.url, withToken(() => minted.body.token));
  const [welcome] = client.frames.of("welcome");
  assert.equal(welcome.peerId, "minted");
  assert.equal(welcome.expiresAt, minted.body.expiresAt);
  assert.deepEqual(welcome.metadata, { seat: 7 });
  await client.sdk.subscribe("room/1");
  await assert.rejects(client.sdk.subscribe("room/2"), { name: "channel_not_authorized" });
  await assert.rejects(client.sdk.publish("room/1", 1), { name: "action_not_permitted" });
});

test("16: no credential closes with 4001", async () => {
  const socket = new WebSocket(`${edge.url}/v1`);
  const [code] = await until("the close", once(socket, "close"));
  assert.equal(code, 4001);
});

test("10: an unknown key closes with 4001 and without a frame", () =>
  refuses(withKey("pk_live_unknown"), 4001));

const REFUSED_TOKENS = [
  ["11: a bad signature", 4001, () => tampered(signToken(SECRET.demo, { sub: "eve" }))],
  ["11: another key's secret", 4001, () =>
    signToken({ ...SECRET.demo, secret: SECRET.narrow.secret }, { sub: "eve" })],
  ["12: an unknown kid", 4001, () => signToken({ ...SECRET.demo, id: "sk_id_unknown" }, { sub: "eve" })],
  ["12: a missing kid", 4001, () => signToken(SECRET.demo, { sub: "eve" }, { kid: undefined })],
  ["13: garbage", 4001, () => "neither.a.token"],
  ["14: alg none", 4001, () => unsigned(signToken(SECRET.demo, { sub: "eve" }, { alg: "none" }))],
  ["15: an expired token", 4002, () => signToken(SECRET.demo, { sub: "eve", exp: unixSeconds(-1) })],
  ["15: a token without expiry", 4001, () => signToken(SECRET.demo, { sub: "eve", exp: undefined })],
  ["17: peerMetadata over 4 KB", 4001, () =>
    signToken(SECRET.demo, { sub: "eve", peerMetadata: { text: "x".repeat(4_096) } })],
  ["18: metadata over 8 KB", 4001, () =>
    signToken(SECRET.demo, { sub: "eve", metadata: { text: "x".repeat(8_192) } })],
  ["19: a sub over 128 characters", 4001, () => signToken(SECRET.demo, { sub: "e".repeat(129) })],
  ["19: a sub outside ASCII", 4001, () => signToken(SECRET.demo, { sub: "ève" })],
  ["19: a missing sub", 4001, () => signToken(SECRET.demo, {})],
  ["20: a channels claim outside the key's patterns", 4003, () =>
    signToken(SECRET.narrow, { sub: "eve", channels: ["narrow/1", "wide/1"] })],
  ["20: a pattern wider than the key's", 4003, () =>
    signToken(SECRET.narrow, { sub: "eve", channels: ["narrow/**"] })],
  ["a suspended app", 4012, () => signToken(SECRET.suspended, { sub: "eve" })],
];
for (const [what, code, token] of REFUSED_TOKENS) {
  test(`${what} closes with ${code}`, () => refuses(withToken(token), code));
}

test("a suspended app closes its publishable keys with 4012", () =>
  refuses(withKey(PUBLISHABLE.suspended), 4012));

test("21: a session over the app's cap closes with 4010, and a place that is left is free", async (t) => {
  const admitted = [];
  for (let n = 0; n < CAP_SESSIONS; n += 1) {
    admitted.push(await connect(t, edge.url, withKey(PUBLISHABLE.capped)));
  }
  await refuses(withKey(PUBLISHABLE.capped), 4010);

  await admitted[0].sdk.close();
  const late = new Client(edge.url, withKey(PUBLISHABLE.capped));
  t.after(() => late.sdk.close());
  await until("a place under the cap", admittedAtLast(late));
});

/** The close is answered before the place is given back, so the first attempt may still be refused. */
async function admittedAtLast(client) {
  const giveUpAt = Date.now() + DEADLINE_MS;
  for (;;) {
    try {
      return await client.sdk.connect();
    } catch (error) {
      if (error.closeCode !== 4010 || Date.now() > giveUpAt) throw error;
    }
  }
}

/** `token` with another payload under the old signature. */
function tampered(token) {
  const [header, , signature] = token.split(".");
  const payload = { sub: "admin", exp: unixSeconds(600) };
  return [header, Buffer.from(JSON.stringify(payload)).toString("base64url"), signature].join(".");
}

function unsigned(token) {
  return `${token.slice(0, token.lastIndexOf("."))}.`;
}
