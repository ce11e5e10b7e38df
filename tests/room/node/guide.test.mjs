// The flow of the guide's sections 2, 3, 5 and 6, with the same client that the browser runs, in Node: cookie, lifting of keys,
// no echo, peers by their first signal, a close with code and reason.

import assert from "node:assert/strict";
import { test } from "node:test";

import WebSocket from "ws";

import { Signaling } from "./call.mjs";
import { ROOM, startEdges, token, until } from "./support.mjs";

const ORIGIN = "https://chat.example";

async function enter(url, account, { wire = "guide", origin = ORIGIN, room = ROOM } = {}) {
  const options = { origin, headers: { cookie: `AuthToken=${token(account)}` } };
  const signaling = new Signaling(url, room, { wire, WebSocketOfHost: WebSocket, options });
  const connected = await signaling.connect();
  return { signaling, connected };
}

test("2: a page connects with its cookie and is told who and where", async (t) => {
  const [url] = await startEdges(t, ORIGIN);
  const { signaling, connected } = await enter(url, "alice");
  assert.equal(connected.userId, "alice");
  assert.equal(connected.roomId, ROOM);
  assert.equal(connected.message, `Connected to call of #${ROOM}.`);
  assert(!Number.isNaN(Date.parse(connected.timestamp)));
  const closed = await signaling.disconnect();
  assert(closed.wasClean);
});

test("2: a page of another origin is turned away", async (t) => {
  const [url] = await startEdges(t, ORIGIN);
  await assert.rejects(enter(url, "alice", { origin: "https://evil.example" }));
});

for (const [name, wires] of Object.entries({ guide: ["guide", "guide"], mixed: ["guide", "default"] })) {
  test(`3, 5: offer, answer and candidates on the ${name} wire`, async (t) => {
    const [one, two] = await startEdges(t, ORIGIN);
    const alice = (await enter(one, "alice", { wire: wires[0] })).signaling;
    const { signaling: bob, connected } = await enter(two, "bob", { wire: wires[1] });
    t.after(() => Promise.all([alice.disconnect(), bob.disconnect()]));
    assert.deepEqual(connected.participants.map(({ identity }) => identity), ["alice"]);
    await until("alice hears of bob", () => alice.peers.get("bob") === "BOB");

    const heard = { alice: [], bob: [] };
    alice.onSignal = ({ type, data }) => heard.alice.push([type, data]);
    bob.onSignal = ({ type, data }) => heard.bob.push([type, data]);
    const offer = { type: "offer", sdp: "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\n" };
    alice.send({ type: "offer", offer });
    await until("bob has the offer", () => heard.bob.length === 1);
    assert.deepEqual(heard.bob[0], ["offer", { offer }]);
    bob.send({ type: "answer", answer: { type: "answer", sdp: "v=0\r\n" } });
    const candidates = Array.from({ length: 50 }, (_, n) => ({ candidate: `candidate:${n}`, sdpMLineIndex: 0 }));
    for (const candidate of candidates) alice.send({ type: "ice-candidate", candidate });
    await until("everything has arrived", () => heard.bob.length === 51 && heard.alice.length === 1);
    assert.deepEqual(heard.bob.slice(1), candidates.map((candidate) => ["ice-candidate", { candidate }]));
    assert.equal(heard.alice[0][0], "answer", "no echo of the own offer");
    assert.equal(bob.peers.get("alice"), "ALICE");
  });
}

test("3: who leaves is shown as a message and is no new peer", async (t) => {
  const [url] = await startEdges(t, ORIGIN);
  const alice = (await enter(url, "alice")).signaling;
  const bob = (await enter(url, "bob")).signaling;
  t.after(() => alice.disconnect());
  await bob.disconnect();
  await until("alice is told", () => alice.notes.includes("bob left the call."));
  assert.deepEqual([...alice.peers.keys()], ["bob"]);
});

test("6: a close has a code and a reason", async (t) => {
  const [url] = await startEdges(t, ORIGIN);
  const alice = (await enter(url, "alice")).signaling;
  const path = url.replace("ws:", "http:");
  const authorization = "Bearer sk_id_demo:sk_secret_demo";
  const kicked = await fetch(`${path}/admin/rooms/${ROOM}/kick/alice`, { method: "POST", headers: { authorization } });
  assert.equal(kicked.status, 200);
  assert.deepEqual(await alice.closed, { code: 4403, reason: "removed by an administrator", wasClean: true });
});
