// What both suites need: edges, tokens, and a web server whose pages an edge trusts.

import { createServer } from "node:http";
import { once } from "node:events";
import { readFile } from "node:fs/promises";

import { Edge } from "../../sdk/node/support/edge.mjs";
import { Redis } from "../../sdk/node/support/redis.mjs";
import { signToken } from "../../sdk/node/support/tokens.mjs";
import { found } from "../../sdk/node/support/until.mjs";

const KEY = { id: "sk_id_demo", secret: "sk_secret_demo" };
export const ROOM = "0f8fad5b-d9cb-469f-a165-70867728950e";

/** Two edges over a Redis of their own, as their WebSocket URLs. */
export async function startEdges(t, origin) {
  const redis = await Redis.start();
  t.after(() => redis.stop());
  const start = async (name) => {
    const edge = await Edge.start({ config: `redis_url = "${redis.url}"\nedge_id = "${name}"\n${config(origin)}` });
    t.after(() => edge.stop());
    return edge.url;
  };
  return [await start("edge-a"), await start("edge-b")];
}

export const config = (origin) => `
[limits]
connects_per_minute = 0

[[apps]]
id = "demo"

[[apps.keys]]
id = "sk_id_demo"
secret = "sk_secret_demo"
channel_patterns = ["**"]
actions = ["publish", "subscribe", "presence", "send"]
allowed_origins = ["${origin}"]
`;

/** A token of this account for any room. */
export const token = (account) =>
  signToken(KEY, { sub: account, preferred_username: account, name: account.toUpperCase(), rooms: "*" });

/** Serves the page and the client; resolves with its origin. */
export async function startPages(t) {
  const files = { "/": ["text/html", "page.html"], "/call.mjs": ["text/javascript", "call.mjs"] };
  const server = createServer(async (request, response) => {
    const [type, name] = files[request.url] ?? [];
    if (!name) return response.writeHead(404).end();
    response.writeHead(200, { "content-type": type }).end(await readFile(new URL(name, import.meta.url)));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => server.close());
  return `http://127.0.0.1:${server.address().port}`;
}

/** Waits until `look` is true. */
export const until = (what, look, deadlineMs = 60_000) => found(what, look, deadlineMs);
