// A Redis of one's own as a child process: empty at the start, nothing saved, gone at the end.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

import { until } from "./until.mjs";

const START_DEADLINE_MS = 10_000;
const ATTEMPTS = 5;

/** A running Redis. */
export class Redis {
  #process;
  #directory;

  /** The URL that an edge takes. */
  url;

  /** Starts a Redis on a free port and resolves once it answers. */
  static async start() {
    for (let attempt = 1; ; attempt += 1) {
      const redis = new Redis();
      try {
        await redis.#launch(await freePort());
        return redis;
      } catch (error) {
        await redis.stop();
        // Somebody else may have taken the port in between.
        if (attempt === ATTEMPTS) throw error;
      }
    }
  }

  /** Kills it; there is nothing to save. */
  async stop() {
    this.#process?.kill("SIGKILL");
    if (this.#directory) await rm(this.#directory, { recursive: true, force: true });
  }

  async #launch(port) {
    this.#directory = await mkdtemp(join(tmpdir(), "switchboard-redis-"));
    const settings = { bind: "127.0.0.1", port, dir: this.#directory, save: "", appendonly: "no" };
    const words = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, String(value)]);
    this.#process = spawn("redis-server", words, { stdio: ["ignore", "pipe", "inherit"] });
    const reap = () => this.#process.kill("SIGKILL");
    process.once("exit", reap);
    this.#process.once("exit", () => process.off("exit", reap));

    const lines = createInterface({ input: this.#process.stdout });
    const ready = new Promise((resolve) => {
      lines.on("line", (line) => line.includes("Ready to accept connections") && resolve());
    });
    const gone = Promise.race([once(this.#process, "exit"), once(this.#process, "error")]);
    const failed = gone.then(([why]) => {
      throw new Error(`redis-server on port ${port} ended: ${why}`);
    });
    failed.catch(() => {}); // only of interest while the start is awaited
    await until("Redis to accept connections", Promise.race([ready, failed]), START_DEADLINE_MS);
    this.url = `redis://127.0.0.1:${port}`;
  }
}

async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  await once(server, "close");
  return port;
}
