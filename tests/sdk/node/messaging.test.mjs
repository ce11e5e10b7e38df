// Channel messages and directs: who gets them, who does not, in which order and shape.
// The number in a test's name is its item in the conformance checklist of the realtime dialect.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, test } from "node:test";

import { connect } from "./support/client.mjs";
import { PUBLISHABLE, SECRET } from "./support/config.mjs";
import { Edge } from "./support/edge.mjs";
import { asPeer, signToken, withKey, withToken } from "./support/tokens.mjs";

let edge;
before(async () => {
  edge = await Edge.start();
});
after(() => edge?.stop());

/** A channel and peer ids that no other test uses. */
function names() {
  const run = randomUUID().slice(0, 8);
  return { channel: `room/${run}`, alice: `alice-${run}`, bob: `bob-${run}`, carol: `carol-${run}` };
}

/** Alice and Bob, both subscribed to one channel. */
async function pair(t, aliceClaims = {}) {
  const { channel, ...ids } = names();
  const alice = await connect(t, edge.url, asPeer(ids.alice, aliceClaims));
  const bob = await connect(t, edge.url, asPeer(ids.bob));
  await alice.sdk.subscribe(channel);
  await bob.sdk.subscribe(channel);
  return { channel, ids, alice, bob };
}

test("39: a message reaches every other subscriber with exactly type, channel, from and data", async (t) => {
  const { channel, ids, alice, bob } = await pair(t);
  const carol = await connect(t, edge.url, asPeer(ids.carol));
  await carol.sdk.subscribe(channel);

  await alice.sdk.publish(channel, { text: "hello" });

  const expected = { type: "message", channel, from: ids.alice, data: { text: "hello" } };
  assert.deepEqual(await bob.frames.first("message"), expected);
  assert.deepEqual(await carol.frames.first("message"), expected);
});

test("40: the publisher hears no echo, its second session does", async (t) => {
  const { channel, ids, alice, bob } = await pair(t);
  const second = await connect(t, edge.url, asPeer(ids.alice));
  await second.sdk.subscribe(channel);

  await alice.sdk.publish(channel, "mine");
  await bob.events.first("message");
  // Bob answers what he got: an echo would stand before his answer.
  await bob.sdk.publish(channel, "yours");
  await alice.events.first("message", ({ data }) => data === "yours");

  assert.deepEqual(alice.events.of("message").map(({ data }) => data), ["yours"]);
  const heard = await second.events.first("message", ({ data }) => data === "mine");
  assert.equal(heard.from, ids.alice);
});

test("41: publishing needs no subscription", async (t) => {
  const { channel, ids, bob } = await pair(t);
  const carol = await connect(t, edge.url, asPeer(ids.carol));
  await carol.sdk.publish(channel, "from outside");
  assert.equal((await bob.events.first("message")).from, ids.carol);
});

test("42: a message to nobody is acknowledged", async (t) => {
  const { channel, alice: id } = names();
  const alice = await connect(t, edge.url, asPeer(id));
  await alice.sdk.publish(channel, "anyone?");
});

const JSON_KINDS = [
  null, true, false, 0, -1.5, 1e-7, 9_007_199_254_740_991,
  "", "quote \" backslash \\ tab \t", "nul \u0000, é, 漢, 🚀, \u2028",
  [], [[null], [1, "two"]], {}, { type: "ack", requestId: "x", data: null },
];
test("43: every kind of JSON arrives as it was sent, null included", async (t) => {
  const { channel, ids, alice, bob } = await pair(t);
  for (const data of JSON_KINDS) {
    await alice.sdk.publish(channel, data);
    await alice.sdk.send(ids.bob, data);
  }
  const messages = await bob.events.atLeast(JSON_KINDS.length, "message");
  const directs = await bob.events.atLeast(JSON_KINDS.length, "direct");
  assert.deepEqual(messages.map(({ data }) => data), JSON_KINDS);
  assert.deepEqual(directs.map(({ data }) => data), JSON_KINDS);
});

test("44, 53: 80 messages and 80 directs in flight keep their order", async (t) => {
  const { channel, ids, alice, bob } = await pair(t);
  const order = Array.from({ length: 80 }, (_, n) => n);
  await Promise.all(order.map((n) => alice.sdk.publish(channel, n)));
  await Promise.all(order.map((n) => alice.sdk.send(ids.bob, n)));
  const messages = await bob.events.atLeast(order.length, "message");
  const directs = await bob.events.atLeast(order.length, "direct");
  assert.deepEqual(messages.map(({ data }) => data), order);
  assert.deepEqual(directs.map(({ data }) => data), order);
});

test("45: a message carries the sender's metadata only where the subscription asked", async (t) => {
  const peerMetadata = { name: "Alice" };
  const { channel, ids, alice, bob } = await pair(t, { peerMetadata });
  const carol = await connect(t, edge.url, asPeer(ids.carol));
  await carol.sdk.subscribe(channel, { includeSenderMetadata: true });

  await alice.sdk.publish(channel, 1);
  await bob.sdk.publish(channel, 2); // has no metadata to show

  const fromAlice = await carol.frames.first("message", ({ from }) => from === ids.alice);
  const fromBob = await carol.frames.first("message", ({ from }) => from === ids.bob);
  assert.deepEqual(fromAlice.fromMetadata, peerMetadata);
  assert(!("fromMetadata" in fromBob));
  assert(!("fromMetadata" in (await bob.frames.first("message"))));
});

test("46: the last subscribe decides about the sender's metadata", async (t) => {
  const peerMetadata = { name: "Alice" };
  const { channel, alice, bob } = await pair(t, { peerMetadata });
  await bob.sdk.subscribe(channel, { includeSenderMetadata: true });
  await alice.sdk.publish(channel, "asked");
  assert.deepEqual((await bob.frames.first("message")).fromMetadata, peerMetadata);

  await bob.sdk.subscribe(channel);
  await alice.sdk.publish(channel, "not asked");
  const later = await bob.frames.first("message", ({ data }) => data === "not asked");
  assert(!("fromMetadata" in later));
});

test("47: a payload of 65,000 bytes passes, and so does one at the advertised cap", async (t) => {
  const { channel, ids, alice, bob } = await pair(t);
  const cap = alice.frames.of("welcome")[0].maxMessageSize;
  const large = "x".repeat(65_000 - 2); // the quotes count
  const largest = "é".repeat((cap - 2) / 2);
  await alice.sdk.publish(channel, large);
  await alice.sdk.send(ids.bob, largest);
  assert.equal((await bob.events.first("message")).data, large);
  assert.equal((await bob.events.first("direct")).data, largest);
});

test("48: a direct always carries the sender's metadata, and nothing beside from and data", async (t) => {
  const peerMetadata = { name: "Alice" };
  const { ids, alice, bob } = await pair(t, { peerMetadata });
  await alice.sdk.send(ids.bob, "hi");
  await bob.sdk.send(ids.alice, "hi back");
  assert.deepEqual(await bob.frames.first("direct"), {
    type: "direct",
    from: ids.alice,
    data: "hi",
    fromMetadata: peerMetadata,
  });
  const bare = { type: "direct", from: ids.bob, data: "hi back" };
  assert.deepEqual(await alice.frames.first("direct"), bare);
});

test("49, 50: token and key peers reach each other without a common channel", async (t) => {
  const { alice: id } = names();
  const alice = await connect(t, edge.url, asPeer(id));
  const device = await connect(t, edge.url, withKey(PUBLISHABLE.demo));
  await alice.sdk.send(device.peerId, "to the key");
  await device.sdk.send(id, "to the token");
  assert.equal((await device.events.first("direct")).from, id);
  assert.equal((await alice.events.first("direct")).from, device.peerId);
});

test("52: a direct to nobody is peer_not_found and leaves the session open", async (t) => {
  const { alice: id } = names();
  const alice = await connect(t, edge.url, asPeer(id));
  await assert.rejects(alice.sdk.send(`absent-${id}`, 1), { name: "peer_not_found" });
  await alice.ping();
  assert.equal(alice.sdk.state, "connected");
});

test("54: every session of the target gets the direct", async (t) => {
  const { ids, alice, bob } = await pair(t);
  const second = await connect(t, edge.url, asPeer(ids.bob));
  await alice.sdk.send(ids.bob, "both of you");
  assert.equal((await bob.events.first("direct")).data, "both of you");
  assert.equal((await second.events.first("direct")).data, "both of you");
});

test("55: another app is never reached, not even with the same names", async (t) => {
  const { channel, ids, alice } = await pair(t);
  const neighbours = withToken(() => signToken(SECRET.neighbour, { sub: ids.bob }));
  const stranger = await connect(t, edge.url, neighbours);
  const witness = await connect(t, edge.url, withKey(PUBLISHABLE.neighbour));
  await stranger.sdk.subscribe(channel);

  await alice.sdk.publish(channel, "not for you");
  await alice.sdk.send(ids.bob, "not for you");
  // What the stranger's own app says comes later on the same socket, so a leak would stand before it.
  await witness.sdk.publish(channel, "for you");
  await witness.sdk.send(ids.bob, "for you");
  await stranger.events.first("message");
  await stranger.events.first("direct");

  assert.deepEqual(stranger.events.of("message").map(({ data }) => data), ["for you"]);
  assert.deepEqual(stranger.events.of("direct").map(({ data }) => data), ["for you"]);
  assert.deepEqual(await stranger.snapshot(channel), { channel, joined: [], left: [] });
  await assert.rejects(stranger.sdk.send(ids.alice, 1), { name: "peer_not_found" });
});

test("73: a frame without a request id gets no ack", async (t) => {
  const { channel, alice, bob } = await pair(t);
  const acksBefore = alice.frames.of("ack").length;
  alice.sendRaw(JSON.stringify({ type: "publish", channel, data: "quietly" }));
  await bob.events.first("message");
  await alice.ping(); // an ack would stand before the pong
  assert.equal(alice.frames.of("ack").length, acksBefore);
});

test("74, 75: every request gets exactly one ack, which holds its request id alone", async (t) => {
  const { channel, alice } = await pair(t);
  await Promise.all([1, 2, 3].map((n) => alice.sdk.publish(channel, n)));
  await alice.sdk.unsubscribe(channel);
  await alice.ping();
  const acks = alice.frames.of("ack");
  assert.equal(acks.length, 5); // the subscribe of the pair included
  for (const ack of acks) assert.deepEqual(Object.keys(ack).sort(), ["requestId", "type"]);
  assert.equal(new Set(acks.map(({ requestId }) => requestId)).size, acks.length);
});

test("78: unsubscribing stops delivery and can be repeated", async (t) => {
  const { channel, ids, alice, bob } = await pair(t);
  await bob.sdk.unsubscribe(channel);
  await bob.sdk.unsubscribe(channel);
  await alice.sdk.publish(channel, "too late");
  await alice.sdk.send(ids.bob, "fence");
  await bob.events.first("direct");
  await bob.ping();
  assert.deepEqual(bob.events.of("message"), []);
});
