// Two pages of a real browser make a real call: offer, answer, trickled candidates, a data channel that echoes and video
// whose frames are decoded. They authenticate by cookie, as a page has to. A third page joins late and sees both.

import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { test } from "node:test";

import { chromium } from "playwright-core";

import { ROOM, startEdges, startPages, token, until } from "./support.mjs";

const CHROMIUM = process.env.CHROMIUM ?? "/usr/bin/chromium";
const FRAMES = 30;
const SWITCHES = [
  "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-component-update",
  "--disable-sync", "--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream",
  // Both ends are this machine.
  "--allow-loopback-in-peer-connection", "--disable-features=WebRtcHideLocalIpsWithMdns",
  "--autoplay-policy=no-user-gesture-required",
];

async function openPage(t, browser, origin, account) {
  const context = await browser.newContext();
  t.after(() => context.close());
  await context.addCookies([{ name: "AuthToken", value: token(account), domain: "127.0.0.1", path: "/", httpOnly: true }]);
  const page = await context.newPage();
  page.on("pageerror", (error) => t.diagnostic(`${account}: ${error}`));
  await page.goto(origin);
  await page.waitForFunction(() => window.member);
  return page;
}

const connect = (page, url, room, wire) =>
  page.evaluate(([url, room, wire]) => window.member.connect(url, room, wire), [url, room, wire]);

for (const [wire, signalType, room] of [
  ["default", "webrtc.signal", ROOM],
  ["guide", "signaling", "7c9e6679-7425-40de-944b-e07fc1f90ae7"],
]) {
  test(`c59: a call between two pages on the ${wire} wire, and a third joins late`, { timeout: 300_000 }, async (t) => {
    assert(existsSync(CHROMIUM), `${CHROMIUM} is missing`);
    const origin = await startPages(t);
    const [one, two] = await startEdges(t, origin);
    const browser = await chromium.launch({ executablePath: CHROMIUM, args: SWITCHES });
    t.after(() => browser.close());

    const alice = await openPage(t, browser, origin, "alice");
    const bob = await openPage(t, browser, origin, "bob");
    const atAlice = await connect(alice, one, room, wire);
    assert.deepEqual(atAlice.participants, []);
    const atBob = await connect(bob, two, room, wire);
    assert.deepEqual(atBob.participants.map(({ identity }) => identity), ["alice"]);
    t.diagnostic(`alice is served by ${atAlice.node}, bob by ${atBob.node}`);
    assert.notEqual(atAlice.node, atBob.node);

    // The answerer is ready before the offer: an offer is not repeated.
    await bob.evaluate(() => window.member.prepare());
    await alice.evaluate(() => window.member.prepare());
    await alice.evaluate(() => window.member.offer());
    for (const [name, page] of [["alice", alice], ["bob", bob]]) {
      await until(`${name} is connected`, async () => {
        const { connection, failure } = await page.evaluate(() => window.member.state());
        assert.equal(failure, null);
        assert.notEqual(connection, "failed");
        return connection === "connected";
      });
    }
    assert.equal(await alice.evaluate(() => window.member.ask("one")), "answer one");
    assert.equal(await bob.evaluate(() => window.member.ask("two")), "answer two");
    for (const [name, page] of [["alice", alice], ["bob", bob]]) {
      await until(`${FRAMES} frames decoded by ${name}`, async () =>
        (await page.evaluate(() => window.member.framesDecoded())) >= FRAMES);
      assert(await page.evaluate(() => window.member.candidatePair()));
    }
    const [heardByAlice, heardByBob] = [await alice.evaluate(() => window.member.kinds()), await bob.evaluate(() => window.member.kinds())];
    assert.equal(heardByBob.filter((kind) => kind === "offer").length, 1);
    assert.equal(heardByAlice.filter((kind) => kind === "answer").length, 1);
    assert.equal(heardByAlice.filter((kind) => kind === "offer").length, 0, "no echo");
    for (const heard of [heardByAlice, heardByBob]) assert(heard.includes("ice-candidate"));
    assert.deepEqual((await bob.evaluate(() => window.member.types())).sort(), ["webrtc", signalType].sort());

    const carol = await openPage(t, browser, origin, "carol");
    const atCarol = await connect(carol, two, room, wire);
    assert.deepEqual(atCarol.participants.map(({ identity }) => identity).sort(), ["alice", "bob"]);
    await until("alice hears of carol", async () => (await alice.evaluate(() => window.member.peers())).includes("carol"));
  });
}
