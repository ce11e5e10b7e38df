// Who is in a channel: the snapshot that answers a subscribe and the deltas that follow it.
// The number in a test's name is its item in the conformance checklist of the realtime dialect.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, test } from "node:test";

import { connect } from "./support/client.mjs";
import { Edge } from "./support/edge.mjs";
import { Proxy } from "./support/proxy.mjs";
import { asPeer } from "./support/tokens.mjs";

let edge;
before(async () => {
  edge = await Edge.start();
});
after(() => edge?.stop());

/** A channel that no other test uses. */
const newChannel = () => `presence/${randomUUID()}`;

/** The peer `id`, subscribed to `channel` and in possession of its snapshot. */
async function member(t, id, channel, { url = edge.url, claims, ...options } = {}) {
  const client = await connect(t, url, asPeer(id, claims), options);
  await client.sdk.subscribe(channel);
  await client.snapshot(channel);
  return client;
}

/** The first delta at `observer` that says `peerId` has `joined` or `left`. */
function delta(observer, change, peerId) {
  return observer.events.first("presence", (presence) =>
    presence[change].some((peer) => peer.peerId === peerId),
  );
}

test("24, 25: the first subscriber gets its ack and then an empty snapshot", async (t) => {
  const channel = newChannel();
  const alice = await member(t, "alice", channel);
  assert.deepEqual(await alice.snapshot(channel), { channel, joined: [], left: [] });
  const types = alice.wire.of("frame").map(({ type }) => type);
  assert.deepEqual(types, ["welcome", "ack", "presence"]);
});

test("26, 27: the snapshot lists the others with their metadata, and not oneself", async (t) => {
  const channel = newChannel();
  await member(t, "alice", channel, { claims: { peerMetadata: { name: "Alice" } } });
  await member(t, "bob", channel);
  const carol = await member(t, "carol", channel);
  const [{ joined, left }] = carol.frames.of("presence");
  assert.deepEqual(left, []);
  assert.deepEqual(
    joined.toSorted((a, b) => a.peerId.localeCompare(b.peerId)),
    [{ peerId: "alice", metadata: { name: "Alice" } }, { peerId: "bob" }],
  );
});

test("28: the others get one join delta", async (t) => {
  const channel = newChannel();
  const alice = await member(t, "alice", channel);
  const bob = await member(t, "bob", channel, { claims: { peerMetadata: { name: "Bo" } } });
  await delta(alice, "joined", "bob");
  await bob.sdk.publish(channel, "fence");
  await alice.events.first("message");
  const [, ...deltas] = alice.events.of("presence");
  assert.deepEqual(deltas, [{ channel, joined: [{ peerId: "bob", metadata: { name: "Bo" } }], left: [] }]);
});

test("29: unsubscribing is a leave delta", async (t) => {
  const channel = newChannel();
  const alice = await member(t, "alice", channel);
  const bob = await member(t, "bob", channel);
  await bob.sdk.unsubscribe(channel);
  assert.deepEqual(await delta(alice, "left", "bob"), { channel, joined: [], left: [{ peerId: "bob" }] });
});

test("30: closing is a leave delta", async (t) => {
  const channel = newChannel();
  const alice = await member(t, "alice", channel);
  const bob = await member(t, "bob", channel, { claims: { peerMetadata: { name: "Bo" } } });
  await bob.sdk.close();
  const { left } = await delta(alice, "left", "bob");
  assert.deepEqual(left, [{ peerId: "bob", metadata: { name: "Bo" } }]);
});

test("31: a cut connection is a leave delta", async (t) => {
  const channel = newChannel();
  const proxy = await Proxy.start(t, edge);
  const alice = await member(t, "alice", channel);
  await member(t, "bob", channel, { url: proxy.url, reconnect: false });
  proxy.cut();
  await delta(alice, "left", "bob");
});

test("32: a repeated subscribe gets an ack and a new snapshot, the others hear nothing", async (t) => {
  const channel = newChannel();
  const alice = await member(t, "alice", channel);
  const bob = await member(t, "bob", channel);
  await delta(alice, "joined", "bob");

  await bob.sdk.subscribe(channel);
  assert.deepEqual(await bob.snapshot(channel, 2), { channel, joined: [{ peerId: "alice" }], left: [] });

  await bob.sdk.publish(channel, "fence");
  await alice.events.first("message");
  assert.equal(alice.events.of("presence").length, 2); // the snapshot and one delta
});

test("33: two sessions of one peer join once and leave with the last", async (t) => {
  const channel = newChannel();
  const alice = await member(t, "alice", channel);
  const first = await member(t, "bob", channel);
  const second = await member(t, "bob", channel);
  assert.deepEqual(await second.snapshot(channel), { channel, joined: [{ peerId: "alice" }], left: [] });

  await first.sdk.close();
  await second.sdk.publish(channel, "still here");
  await alice.events.first("message");
  const [, ...deltas] = alice.events.of("presence");
  assert.deepEqual(deltas, [{ channel, joined: [{ peerId: "bob" }], left: [] }]);

  await second.sdk.close();
  await delta(alice, "left", "bob");
});

test("34: while many join at once, a channel's first presence frame is the snapshot", async (t) => {
  const channel = newChannel();
  const ids = Array.from({ length: 12 }, (_, n) => `crowd-${n}`);
  const crowd = await Promise.all(ids.map((id) => member(t, id, channel)));
  for (const [n, client] of crowd.entries()) {
    const others = ids.filter((id) => id !== ids[n]);
    // Every other peer becomes known, by the snapshot or by one later delta, and by one of them only.
    await Promise.all(others.map((id) => delta(client, "joined", id)));
    const joined = client.events.of("presence").flatMap((presence) => presence.joined);
    assert.deepEqual(joined.map(({ peerId }) => peerId).sort(), others.toSorted());
    const replies = client.wire.of("frame").filter(({ type }) => type === "ack" || type === "presence");
    assert.equal(replies[0].type, "ack");
  }
});

test("38: a session without the presence action is listed but gets no presence frames", async (t) => {
  const channel = newChannel();
  const alice = await member(t, "alice", channel);
  const quiet = await connect(t, edge.url, asPeer("quiet", { permissions: ["subscribe"] }));
  await quiet.sdk.subscribe(channel);
  await delta(alice, "joined", "quiet");

  await member(t, "bob", channel);
  await delta(alice, "joined", "bob");
  await alice.sdk.publish(channel, "fence");
  await quiet.events.first("message");
  assert.deepEqual(quiet.frames.of("presence"), []);
});
