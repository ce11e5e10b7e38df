// A session's end and return: idle, cut, expired, kicked, taken over, drained. The SDK does the reconnecting.
// The number in a test's name is its item in the conformance checklist of the realtime dialect.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, test } from "node:test";

import { BRISK, connect } from "./support/client.mjs";
import { SECRET } from "./support/config.mjs";
import { Edge } from "./support/edge.mjs";
import { Proxy } from "./support/proxy.mjs";
import { rest } from "./support/rest.mjs";
import { asPeer, signToken, unixSeconds, withToken } from "./support/tokens.mjs";

let edge;
before(async () => {
  edge = await Edge.start();
});
after(() => edge?.stop());

const newChannel = () => `lifecycle/${randomUUID()}`;

test("77: an idle session with a 3 s inactivity window survives on pings", async (t) => {
  const windowMs = 3_000;
  const alice = await connect(t, edge.url, asPeer("alice"), { inactivityTimeoutMs: windowMs });
  // The SDK pings after each idle third of the window; the fourth answer lies beyond it.
  await alice.frames.atLeast(4, "pong", () => true, 2 * windowMs);
  assert.deepEqual(alice.events.of("disconnected"), []);
  assert.equal(alice.sdk.state, "connected");
});

test("79: after a cut the SDK is back with subscriptions, options, roster and messages", async (t) => {
  const [plain, stamped] = [newChannel(), newChannel()];
  const proxy = await Proxy.start(t, edge);
  const alice = await connect(t, proxy.url, asPeer("alice"), { reconnect: BRISK });
  const bob = await connect(t, edge.url, asPeer("bob", { peerMetadata: { name: "Bo" } }));
  await bob.sdk.subscribe(plain);
  await bob.sdk.subscribe(stamped);
  await alice.sdk.subscribe(plain);
  await alice.sdk.subscribe(stamped, { includeSenderMetadata: true });
  await alice.snapshot(plain);
  await alice.snapshot(stamped);

  proxy.cut();
  const { code } = await alice.events.first("disconnected");
  assert.equal(code, 1006);
  const roster = { joined: [{ peerId: "bob", metadata: { name: "Bo" } }], left: [] };
  assert.deepEqual(await alice.snapshot(plain, 2), { channel: plain, ...roster });
  assert.deepEqual(await alice.snapshot(stamped, 2), { channel: stamped, ...roster });

  await bob.sdk.publish(plain, "plain");
  await bob.sdk.publish(stamped, "stamped");
  const at = (channel) => alice.events.first("message", (message) => message.channel === channel);
  assert.deepEqual(await at(plain), { channel: plain, from: "bob", data: "plain" });
  assert.deepEqual((await at(stamped)).fromMetadata, { name: "Bo" });
  await alice.sdk.send("bob", "back");
  assert.equal((await bob.events.first("direct")).from, "alice");
});

test("79: a reconnect replays 100 subscriptions in one burst", async (t) => {
  const proxy = await Proxy.start(t, edge);
  const alice = await connect(t, proxy.url, asPeer("alice"), { reconnect: BRISK });
  const channels = Array.from({ length: 100 }, newChannel);
  await Promise.all(channels.map((channel) => alice.sdk.subscribe(channel)));
  await alice.events.atLeast(100, "presence");
  proxy.cut();
  await alice.events.atLeast(2, "connected");
  await alice.events.atLeast(200, "presence");
  assert.equal(alice.events.of("disconnected").length, 1);
});

test("81: expiry closes with 4002, the provider is asked once more, messages flow again", async (t) => {
  const channel = newChannel();
  const firstExpiry = unixSeconds(3);
  let asked = 0;
  const credentials = withToken(() => {
    asked += 1;
    const exp = asked === 1 ? firstExpiry : unixSeconds(600);
    return signToken(SECRET.demo, { sub: "alice", exp });
  });
  const alice = await connect(t, edge.url, credentials, { reconnect: BRISK });
  const bob = await connect(t, edge.url, asPeer("bob"));
  await alice.sdk.subscribe(channel);
  await alice.snapshot(channel);

  const { code } = await alice.events.first("disconnected");
  const earlyMs = firstExpiry * 1_000 - Date.now();
  assert.equal(code, 4002);
  assert(earlyMs > 0 && earlyMs <= 1_000, `closed ${earlyMs} ms before the expiry`);

  await alice.snapshot(channel, 2);
  await bob.sdk.publish(channel, "fresh");
  assert.equal((await alice.events.first("message")).data, "fresh");
  assert.equal(asked, 2);
});

test("82: a drain says going_away, closes with 1001, and the SDK finds the edge that follows", async (t) => {
  const first = await Edge.start();
  t.after(() => first.stop());
  const channel = newChannel();
  const alice = await connect(t, first.url, asPeer("alice"), { reconnect: BRISK });
  await alice.sdk.subscribe(channel);
  await alice.snapshot(channel);

  await first.stop();
  const { retryAfterMs } = await alice.events.first("going-away");
  assert(retryAfterMs > 0, `retryAfterMs ${retryAfterMs}`);
  assert.equal((await alice.events.first("disconnected")).code, 1001);
  assert.equal(alice.wire.of("frame").at(-1).type, "going_away");
  assert.equal(alice.events.of("connected").length, 1, "a draining edge admits nobody");

  const second = await Edge.start({ listen: first.address });
  t.after(() => second.stop());
  await alice.snapshot(channel, 2);
  const bob = await connect(t, second.url, asPeer("bob"));
  await bob.sdk.publish(channel, "after the restart");
  assert.equal((await alice.events.first("message")).data, "after the restart");
});

test("83: a client's close is answered within a second", async (t) => {
  const alice = await connect(t, edge.url, asPeer("alice"));
  const started = Date.now();
  await alice.sdk.close();
  // The SDK gives up after a second; only the socket knows whether an answer came.
  assert.deepEqual(alice.wire.of("closed"), [1000]);
  assert(Date.now() - started < 1_000);
});

test("90: a kick closes every session of the peer with 4020 for good", async (t) => {
  const victim = `victim-${randomUUID()}`;
  const sessions = [
    await connect(t, edge.url, asPeer(victim), { reconnect: BRISK }),
    await connect(t, edge.url, asPeer(victim), { reconnect: BRISK }),
  ];
  const bystander = await connect(t, edge.url, asPeer(`not-${victim}`));

  const { status, body } = await rest(edge, "DELETE", `/peers/${victim}`);
  assert.deepEqual([status, body.peerId, body.closed], [200, victim, 2]);
  for (const session of sessions) {
    const { code, willReconnect } = await session.events.first("disconnected");
    assert.deepEqual({ code, willReconnect }, { code: 4020, willReconnect: false });
    assert.equal(session.sdk.state, "closed");
  }
  await bystander.ping();
});

test("90: a kick of nobody, and one from another app, closes nothing", async (t) => {
  const alice = await connect(t, edge.url, asPeer("alice-unkicked"));
  const nobody = await rest(edge, "DELETE", "/peers/nobody");
  assert.deepEqual([nobody.status, nobody.body.peerId, nobody.body.closed], [200, "nobody", 0]);
  const foreign = await rest(edge, "DELETE", "/peers/alice-unkicked", { key: SECRET.neighbour });
  assert.equal(foreign.body.closed, 0);
  await alice.ping();
});

test("a second session of the same device closes the older with 4441", async (t) => {
  const [peer, device] = [`peer-${randomUUID()}`, `device-${randomUUID()}`];
  const older = await connect(t, edge.url, asPeer(peer, { device }), { reconnect: false });
  const newer = await connect(t, edge.url, asPeer(peer, { device }), { reconnect: false });
  assert.equal((await older.events.first("disconnected")).code, 4441);
  await newer.ping();

  await connect(t, edge.url, asPeer(peer, { device: `${device}-2` }), { reconnect: false });
  await newer.ping();
  assert.deepEqual(newer.events.of("disconnected"), []);
});
