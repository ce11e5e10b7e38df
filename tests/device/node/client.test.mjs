// The published TypeScript client of WebTrit against edges: connect, state, keepalive, takeover, refusal.

import assert from "node:assert/strict";
import { test } from "node:test";

import { Phone, quietly, startEdges, token, until } from "./support.mjs";

quietly();
const ALICE = token("alice", "1001");

test("the client connects and decodes its state", async (t) => {
  const [url] = await startEdges(t);
  const phone = new Phone();
  const state = await phone.connect(t, url, ALICE, true);
  assert.equal(state.keepalive_interval, 30_000);
  assert(Math.abs(Date.now() - state.timestamp) < 60_000);
  assert.equal(state.registration.status, "registered");
  assert.deepEqual(state.lines, [null, null]);
  assert.equal(phone.socket.protocol, "webtrit-protocol");
});

test("its keepalives are answered, one after the other", async (t) => {
  const [url] = await startEdges(t, 'keepalive_interval = "200ms"');
  const phone = new Phone();
  await phone.connect(t, url, ALICE, true);
  let echoes = 0;
  phone.socket.addEventListener("message", ({ data }) => {
    if (JSON.parse(data).handshake === "keepalive") echoes += 1;
  });
  // Longer than a silent client is waited for.
  const end = Date.now() + 12_000;
  await until("twelve seconds of keepalives", () => Date.now() > end, 20_000);
  assert(echoes >= 20, `${echoes} echoes`);
  assert.deepEqual([phone.states.length, phone.errors, phone.events], [1, [], []]);
});

test("by force it takes over its device from another edge", async (t) => {
  const [one, two] = await startEdges(t);
  const [older, newer] = [new Phone(), new Phone()];
  await older.connect(t, one, ALICE, true);
  const began = Date.now();
  const state = await newer.connect(t, two, ALICE, true);
  assert.deepEqual(state.lines, [null, null]);
  assert.deepEqual(await older.closed, { reason: "controller force attach close", code: 4441 });
  assert(Date.now() - began < 2_000);
  await assert.rejects(newer.execute("hangup", { line: 0, call_id: "nobody" }));
});

test("by its default it is refused while its device is attached", async (t) => {
  const [one, two] = await startEdges(t);
  const [older, newer, third] = [new Phone(), new Phone(), new Phone()];
  await older.connect(t, one, ALICE);
  const { code } = await newer.connect(t, two, ALICE);
  assert.equal(code, 4431);
  assert.deepEqual(newer.states, []);
  await assert.rejects(older.execute("hangup", { line: 0, call_id: "nobody" }));
  older.socket.close(1000);
  assert.equal((await older.closed).code, 1000);
  const state = await third.connect(t, two, ALICE);
  assert.deepEqual(state.lines, [null, null]);
});

test("two clients on two edges call each other", async (t) => {
  const [one, two] = await startEdges(t);
  const [alice, bob] = [new Phone(), new Phone()];
  await alice.connect(t, one, ALICE, true);
  await bob.connect(t, two, token("bob", "1002"), true);
  const heard = (phone, name) => until(name, () => phone.events.find(({ event }) => event === name));
  const call = { line: 0, call_id: alice.newCallId() };
  const offer = { type: "offer", sdp: "v=0\r\ns=é\r\n" };
  const candidate = { candidate: "candidate:1 1 udp 1 192.0.2.1 9 typ host", sdpMid: "0", sdpMLineIndex: 0 };

  await alice.execute("outgoing_call", { ...call, number: "1002", jsep: offer });
  await alice.execute("ice_trickle", { line: 0, candidate });
  const incoming = await heard(bob, "incoming_call");
  assert.deepEqual([incoming.caller, incoming.callee, incoming.call_id], ["1001", "1002", call.call_id]);
  assert.deepEqual(incoming.jsep, offer);
  // This version has no decoder for candidates: it throws, and goes on.
  const trickled = (phone) => phone.socket.frames.find(({ event }) => event === "ice_trickle");
  assert.deepEqual((await until("bob's candidate", () => trickled(bob))).candidate, candidate);
  assert.deepEqual(bob.socket.uncaught.map(({ code }) => code), [4501]);
  await heard(alice, "ringing");

  const answer = { type: "answer", sdp: "v=0\r\n" };
  await bob.execute("accept", { line: incoming.line, call_id: incoming.call_id, jsep: answer });
  assert.deepEqual((await heard(alice, "accepted")).jsep, answer);
  await bob.execute("ice_trickle", { line: incoming.line, candidate: null });
  const end = await until("alice's end of candidates", () => trickled(alice));
  assert.deepEqual(end.candidate, { completed: true });
  await alice.execute("hold", { ...call, direction: "sendonly" });
  await heard(alice, "holding");
  await alice.execute("unhold", call);
  await heard(alice, "resuming");

  const [second, reply] = [{ type: "offer", sdp: "v=0\r\ns=2\r\n" }, { type: "answer", sdp: "v=0\r\ns=2\r\n" }];
  await alice.execute("update", { ...call, jsep: second });
  assert.deepEqual((await heard(bob, "updating_call")).jsep, second);
  await bob.execute("update", { line: incoming.line, call_id: incoming.call_id, jsep: reply });
  await heard(bob, "updated");
  await until("alice's second answer", () => alice.events.find(({ jsep }) => jsep?.sdp === reply.sdp));
  // Messages of peers it cannot even send.
  await assert.rejects(alice.execute("peer_message", { ...call, type: "note", data: {} }), { code: 4502 });

  await bob.execute("hangup", { line: incoming.line, call_id: incoming.call_id });
  for (const phone of [alice, bob]) {
    assert.equal((await heard(phone, "hangup")).code, 200);
    assert.deepEqual(phone.errors, []);
  }
});

test("a client that connects again elsewhere finds its call in its state", async (t) => {
  const [one, two] = await startEdges(t);
  const [alice, bob, again] = [new Phone(), new Phone(), new Phone()];
  await alice.connect(t, one, ALICE, true);
  await bob.connect(t, one, token("bob", "1002"), true);
  const call = { line: 1, call_id: alice.newCallId() };
  const offer = { type: "offer", sdp: "v=0" };
  await alice.execute("outgoing_call", { ...call, number: "1002", jsep: offer });
  await until("it rings", () => bob.events.find(({ event }) => event === "incoming_call"));
  const { lines } = await again.connect(t, two, token("bob", "1002"), true);
  assert.equal((await bob.closed).code, 4441);
  const [line] = lines.filter(Boolean);
  assert.equal(line.call_id, call.call_id);
  const [, oldest] = line.call_logs.at(-1);
  assert.deepEqual([oldest.event, oldest.jsep], ["incoming_call", offer]);
  await again.execute("decline", { line: lines.indexOf(line), call_id: line.call_id });
  await until("alice hears of it", () => alice.events.find(({ event }) => event === "hangup"));
});

test("a bad token is told by 4201 after the upgrade", async (t) => {
  const [url] = await startEdges(t);
  const phone = new Phone();
  const { code } = await phone.connect(t, url, "nonsense", true);
  assert.equal(code, 4201);
  assert.deepEqual(phone.errors, []);
});

test("a request outside of what is served rejects with its code, and the session goes on", async (t) => {
  const [url] = await startEdges(t);
  const phone = new Phone();
  await phone.connect(t, url, ALICE, true);
  const transfer = { line: 0, call_id: phone.newCallId(), number: "1002" };
  await assert.rejects(phone.execute("transfer", transfer), (error) => error.code === 457);
  const guest = { line: null, call_id: phone.newCallId(), number: "1002", jsep: { type: "offer", sdp: "v=0" } };
  await assert.rejects(phone.execute("outgoing_call", guest), (error) => error.code === 457);
  await assert.rejects(phone.execute("hangup", { line: 0, call_id: "nobody" }));
});
