// What a session is refused: by its rights, by the form of its frames, by a limit. Errors leave it open,
// floods and oversize close it. The number in a test's name is its item in the conformance checklist.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, test } from "node:test";

import { BRISK, connect } from "./support/client.mjs";
import { MESSAGE_BURST, QUOTA_MESSAGES, SECRET } from "./support/config.mjs";
import { Edge } from "./support/edge.mjs";
import { asPeer, signToken, withToken } from "./support/tokens.mjs";

const CHANNELS_PER_SESSION = 100;

let edge;
before(async () => {
  edge = await Edge.start();
});
after(() => edge?.stop());

/** Credentials of `key` with further `claims`. */
function of(key, claims = {}) {
  return withToken(() => signToken(key, { sub: `peer-${randomUUID()}`, ...claims }));
}

/** Asserts that `request` fails with `code` and that `client` is still served afterwards. */
async function refused(client, request, code) {
  await assert.rejects(request, { name: code });
  await stillServed(client);
}

async function stillServed(client) {
  await client.ping();
  assert.equal(client.sdk.state, "connected");
  assert.deepEqual(client.events.of("server-error"), []);
}

test("57: outside the token's channels subscribe and publish are channel_not_authorized", async (t) => {
  const client = await connect(t, edge.url, of(SECRET.demo, { channels: ["mine", "ours/*"] }));
  await client.sdk.subscribe("mine");
  await client.sdk.publish("ours/1", 1);
  await refused(client, client.sdk.subscribe("theirs"), "channel_not_authorized");
  await refused(client, client.sdk.publish("theirs", 1), "channel_not_authorized");
});

test("57: a token without channels is held to the key's patterns", async (t) => {
  const client = await connect(t, edge.url, of(SECRET.narrow));
  await client.sdk.subscribe("narrow/1");
  await refused(client, client.sdk.subscribe("wide/1"), "channel_not_authorized");
});

test("58: a reserved channel is channel_reserved in any case", async (t) => {
  const client = await connect(t, edge.url, of(SECRET.demo));
  for (const channel of ["_metered/x", "_Internal/x", "_SYSTEM/x"]) {
    await refused(client, client.sdk.subscribe(channel), "channel_reserved");
    await refused(client, client.sdk.publish(channel, 1), "channel_reserved");
  }
});

test("59, 60, 61: * stops at a slash, ** does not, and an escaped * is literal", async (t) => {
  const client = await connect(t, edge.url, of(SECRET.narrow));
  for (const channel of ["narrow/room-1", "narrow/", "deep/a/b", "literal-*"]) {
    await client.sdk.subscribe(channel);
  }
  for (const channel of ["narrow/a/b", "Narrow/1", "deep", "literal-1"]) {
    await refused(client, client.sdk.subscribe(channel), "channel_not_authorized");
  }
});

test("62: an action that the token lacks is action_not_permitted", async (t) => {
  const channel = `rights/${randomUUID()}`;
  const deaf = await connect(t, edge.url, of(SECRET.demo, { permissions: ["publish", "send"] }));
  await refused(deaf, deaf.sdk.subscribe(channel), "action_not_permitted");
  await deaf.sdk.publish(channel, 1);

  const mute = await connect(t, edge.url, of(SECRET.demo, { permissions: ["subscribe"] }));
  await mute.sdk.subscribe(channel);
  await refused(mute, mute.sdk.publish(channel, 1), "action_not_permitted");
  await refused(mute, mute.sdk.send(deaf.peerId, 1), "action_not_permitted");
});

test("62: a token cannot add an action that its key lacks", async (t) => {
  const client = await connect(t, edge.url, of(SECRET.listening, { permissions: ["publish", "subscribe"] }));
  await client.sdk.subscribe("open");
  await refused(client, client.sdk.publish("open", 1), "action_not_permitted");
});

test("63, 65: 100 subscribes at once pass, the 101st is refused, leaving one frees a place", async (t) => {
  const client = await connect(t, edge.url, of(SECRET.demo));
  const channels = Array.from({ length: CHANNELS_PER_SESSION }, (_, n) => `many/${n}`);
  await Promise.all(channels.map((channel) => client.sdk.subscribe(channel)));
  await client.events.atLeast(channels.length, "presence");

  await refused(client, client.sdk.subscribe("many/more"), "channel_limit_exceeded");
  await client.sdk.subscribe(channels[0]);
  await client.sdk.unsubscribe(channels[1]);
  await client.sdk.subscribe("many/more");
});

test("64: a frame over the cap closes with 1009, and the SDK comes back", async (t) => {
  const client = await connect(t, edge.url, of(SECRET.demo), { reconnect: BRISK });
  const cap = client.frames.of("welcome")[0].maxMessageSize;
  const data = "x".repeat(cap + 4_096); // beyond the allowance for the envelope
  client.sendRaw(JSON.stringify({ type: "publish", channel: "large", data }));
  const { code, willReconnect } = await client.events.first("disconnected");
  assert.equal(code, 1009);
  assert.equal(willReconnect, true);
  await client.events.atLeast(2, "connected");
});

/** Publishes far over the rate; resolves to how many messages were acknowledged before the 4011. */
async function flood(client, channel) {
  const publishes = Array.from({ length: 4 * MESSAGE_BURST }, (_, n) => client.sdk.publish(channel, n));
  const outcomes = await Promise.allSettled(publishes);
  assert.equal((await client.events.first("disconnected")).code, 4011);
  return outcomes.filter(({ status }) => status === "fulfilled").length;
}

test("65: a burst over the rate closes with 4011, and the SDK comes back", async (t) => {
  const channel = `flood/${randomUUID()}`;
  const subscriber = await connect(t, edge.url, of(SECRET.demo));
  await subscriber.sdk.subscribe(channel);
  const publisher = await connect(t, edge.url, of(SECRET.demo), { reconnect: BRISK });

  await flood(publisher, channel);
  const delivered = await subscriber.events.atLeast(MESSAGE_BURST, "message");
  assert(delivered.length < 2 * MESSAGE_BURST, `${delivered.length} messages passed`);
  await publisher.events.atLeast(2, "connected");
});

test("75: what a flood got through is acknowledged before the close", async (t) => {
  const channel = `flood/${randomUUID()}`;
  const subscriber = await connect(t, edge.url, of(SECRET.demo));
  await subscriber.sdk.subscribe(channel);
  const publisher = await connect(t, edge.url, of(SECRET.demo), { reconnect: false });

  const acknowledged = await flood(publisher, channel);
  const witness = await connect(t, edge.url, of(SECRET.demo));
  await witness.sdk.publish(channel, "fence");
  await subscriber.events.first("message", ({ data }) => data === "fence");
  // An application repeats what was not acknowledged: a message that was both delivered and not acknowledged
  // arrives twice.
  assert.equal(acknowledged, subscriber.events.of("message").length - 1);
});

// Each edge draws its messages from the plan ahead of time: of a plan this small others may hold some, and one that is
// refused meanwhile counts as used.
const WITHIN_QUOTA = process.env.SWITCHBOARD_TEST_CLUSTER ? 2 : QUOTA_MESSAGES;

test("66: over the quota publish and send are over_message_quota, deliveries continue", async (t) => {
  const subscriber = await connect(t, edge.url, of(SECRET.metered));
  const publisher = await connect(t, edge.url, of(SECRET.metered));
  await subscriber.sdk.subscribe("metered");
  for (let n = 0; n < WITHIN_QUOTA; n += 1) await publisher.sdk.publish("metered", n);
  for (let n = WITHIN_QUOTA; n < QUOTA_MESSAGES; n += 1) await publisher.sdk.publish("metered", n).catch(() => {});
  await refused(publisher, publisher.sdk.publish("metered", "over"), "over_message_quota");
  await refused(publisher, publisher.sdk.send(subscriber.peerId, "over"), "over_message_quota");
  const messages = await subscriber.events.atLeast(WITHIN_QUOTA, "message");
  assert(messages.length <= QUOTA_MESSAGES);
  await stillServed(subscriber);
});

test("69, 71: what the SDK lets through and the edge does not is refused by name", async (t) => {
  const client = await connect(t, edge.url, of(SECRET.demo));
  const long = "é".repeat(200); // 200 characters for the SDK, 400 bytes for the edge
  await refused(client, client.sdk.subscribe(long), "invalid_channel");
  await refused(client, client.sdk.send("é", 1), "invalid_peer_id");
});

// Frames that the SDK refuses to build, so they go past it on its own socket.
const BAD_FRAMES = [
  ["68: an unknown type", { type: "shout" }, "unknown_type"],
  ["69: a missing channel", { type: "subscribe" }, "invalid_channel"],
  ["69: an empty channel", { type: "subscribe", channel: "" }, "invalid_channel"],
  ["69: a channel that is no string", { type: "publish", channel: 7, data: 1 }, "invalid_channel"],
  ["69: a channel of 257 bytes", { type: "subscribe", channel: "c".repeat(257) }, "invalid_channel"],
  ["69: a C0 character in a channel", { type: "subscribe", channel: "a\u0007b" }, "invalid_channel"],
  ["69: a DEL in a channel", { type: "subscribe", channel: "a\u007fb" }, "invalid_channel"],
  ["69: a C1 character in a channel", { type: "subscribe", channel: "a\u0085b" }, "invalid_channel"],
  ["70: a publish without data", { type: "publish", channel: "frames" }, "missing_data"],
  ["70: a send without data", { type: "send", to: "someone" }, "missing_data"],
  ["71: a missing to", { type: "send", data: 1 }, "invalid_peer_id"],
  ["71: a to of 129 characters", { type: "send", to: "p".repeat(129), data: 1 }, "invalid_peer_id"],
];
for (const [what, frame, code] of BAD_FRAMES) {
  test(`${what} is ${code}, and the session goes on`, async (t) => {
    const client = await connect(t, edge.url, of(SECRET.demo));
    const answer = await client.request(frame);
    assert.equal(answer.type, "error");
    assert.equal(answer.code, code);
    await client.ping(); // 72
  });
}

const MALFORMED = [
  ["text that is no JSON", "{nonsense"],
  ["an array", "[]"],
  ["an object without type", '{"channel":"frames"}'],
  ["a type that is no string", '{"type":7}'],
  ["an empty request id", '{"type":"subscribe","channel":"frames","requestId":""}'],
  ["a request id of 129 bytes", `{"type":"subscribe","channel":"frames","requestId":"${"r".repeat(129)}"}`],
];
for (const [what, text] of MALFORMED) {
  test(`67: ${what} is malformed_message, and the session goes on`, async (t) => {
    const client = await connect(t, edge.url, of(SECRET.demo));
    client.sendRaw(text);
    const error = await client.events.first("server-error");
    assert.equal(error.code, "malformed_message");
    assert.equal(error.requestId, undefined);
    await client.ping(); // 72
  });
}

test("76: a binary frame is refused, and the edge lives on", async (t) => {
  const client = await connect(t, edge.url, of(SECRET.demo), { reconnect: false });
  client.sendRaw(Buffer.from('{"type":"ping"}'));
  const refusal = await Promise.race([
    client.events.first("server-error").then(({ code }) => code),
    client.events.first("disconnected").then(({ code }) => code),
  ]);
  assert(["malformed_message", 1008].includes(refusal), `refused with ${refusal}`);
  await connect(t, edge.url, asPeer("after-binary"));
});
