// The REST control plane as far as it touches connected peers, and whom it refuses. Minting is tested in
// connect.test.mjs and kicking in lifecycle.test.mjs, next to what they do to a session.
// The number in a test's name is its item in the conformance checklist of the realtime dialect.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, test } from "node:test";

import { connect } from "./support/client.mjs";
import { PUBLISHABLE, SECRET } from "./support/config.mjs";
import { Edge } from "./support/edge.mjs";
import { rest } from "./support/rest.mjs";
import { asPeer } from "./support/tokens.mjs";

let edge;
before(async () => {
  edge = await Edge.start();
});
after(() => edge?.stop());

const newChannel = () => `rest/${randomUUID()}`;

const REFUSED_CREDENTIALS = [
  ["no credential", ""],
  ["the id alone", `Bearer ${SECRET.demo.id}`],
  ["a publishable key", `Bearer ${PUBLISHABLE.demo}`],
  ["a wrong secret", `Bearer ${SECRET.demo.id}:${SECRET.narrow.secret}`],
  ["an unknown id", `Bearer sk_id_unknown:${SECRET.demo.secret}`],
];
for (const [what, authorization] of REFUSED_CREDENTIALS) {
  test(`85: ${what} is unauthorized`, async () => {
    const { status, body } = await rest(edge, "GET", "/usage", { authorization });
    assert.equal(status, 401);
    assert.equal(body.error, "unauthorized");
  });
}

test("87: a token request without peerId is invalid", async () => {
  const { status, body } = await rest(edge, "POST", "/tokens", { body: { channels: ["a"] } });
  assert.deepEqual([status, body.error], [400, "invalid_request"]);
});

test("88: the peer list names every peer once, with its metadata", async (t) => {
  const channel = newChannel();
  const claims = { peerMetadata: { name: "Alice" } };
  const clients = [
    await connect(t, edge.url, asPeer("alice", claims)),
    await connect(t, edge.url, asPeer("alice", claims)),
    await connect(t, edge.url, asPeer("bob")),
  ];
  for (const client of clients) await client.sdk.subscribe(channel);

  const { status, body } = await rest(edge, "GET", `/channels/${encodeURIComponent(channel)}/peers`);
  assert.equal(status, 200);
  assert.equal(body.channel, channel);
  assert.deepEqual(
    body.peers.toSorted((a, b) => a.peerId.localeCompare(b.peerId)),
    [{ peerId: "alice", metadata: { name: "Alice" } }, { peerId: "bob" }],
  );

  const unencoded = await rest(edge, "GET", `/channels/${newChannel()}/peers`);
  assert.deepEqual([unencoded.status, unencoded.body.peers], [200, []]);
});

test("89: a publish over REST reaches the subscribers with its sender and metadata", async (t) => {
  const channel = newChannel();
  const asking = await connect(t, edge.url, asPeer("asking"));
  const plain = await connect(t, edge.url, asPeer("plain"));
  await asking.sdk.subscribe(channel, { includeSenderMetadata: true });
  await plain.sdk.subscribe(channel);

  const path = `/channels/${encodeURIComponent(channel)}/publish`;
  const body = { data: { n: 1 }, from: "backend", peerMetadata: { name: "Backend" } };
  const answer = await rest(edge, "POST", path, { body });
  assert.equal(answer.status, 200, JSON.stringify(answer.body));
  assert.equal(answer.body.channel, channel);

  const message = { type: "message", channel, from: "backend", data: { n: 1 } };
  assert.deepEqual(await plain.frames.first("message"), message);
  assert.deepEqual(await asking.frames.first("message"), { ...message, fromMetadata: body.peerMetadata });

  await rest(edge, "POST", path, { body: { data: null } });
  const [, anonymous] = await plain.events.atLeast(2, "message");
  assert.deepEqual(anonymous, { channel, from: "system", data: null });
});

test("91: the usage has all its fields", async () => {
  const { status, body } = await rest(edge, "GET", "/usage");
  assert.equal(status, 200);
  const { plan, ...usage } = body;
  assert.deepEqual(Object.keys(usage).sort(), [
    "appId", "concurrentNow", "messagesUsed", "overageConnections", "overageMessages",
    "peakConcurrent", "periodEndUnix", "periodStartUnix",
  ]);
  assert.equal(usage.appId, "demo");
  assert.deepEqual(Object.keys(plan).sort(), [
    "maxConcurrentConnections", "maxMessagesPerPeriod", "name", "overagesAllowed", "overagesEnabled",
  ]);
});

test("92: a body over 32 KB is refused with 413", async () => {
  const body = { peerId: "alice", metadata: { text: "x".repeat(33_000) } };
  const { status, body: answer } = await rest(edge, "POST", "/tokens", { body });
  assert.deepEqual([status, answer.error], [413, "invalid_request"]);
});

test("93: an unknown path is not_found", async () => {
  const { status, body } = await rest(edge, "GET", "/nothing");
  assert.deepEqual([status, body.error], [404, "not_found"]);
});

test("94: a channel outside the key's patterns, and an action it lacks, is refused with 403", async () => {
  const publish = (key, channel) =>
    rest(edge, "POST", `/channels/${encodeURIComponent(channel)}/publish`, { key, body: { data: 1 } });
  const outside = await publish(SECRET.narrow, "wide/1");
  assert.deepEqual([outside.status, outside.body.error], [403, "channel_not_authorized"]);
  const mute = await publish(SECRET.listening, "open");
  assert.deepEqual([mute.status, mute.body.error], [403, "action_not_permitted"]);
  const reserved = await publish(SECRET.demo, "_metered/x");
  assert.deepEqual([reserved.status, reserved.body.error], [400, "channel_reserved"]);
});
