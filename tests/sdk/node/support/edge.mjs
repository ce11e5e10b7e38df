// One edge as a child process: written config in, real ports out, SIGTERM and a clean exit at the end.
// Nothing here knows what an edge says on the wire.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

import { CONFIG } from "./config.mjs";
import { Pair } from "./pair.mjs";
import { until } from "./until.mjs";

const BINARY =
  process.env.SWITCHBOARD_BIN ??
  fileURLToPath(new URL("../../../../target/debug/switchboard", import.meta.url));

const START_DEADLINE_MS = 10_000;
// Set: every edge is two of them over a Redis of their own, and clients are spread over both.
const CLUSTERED = Boolean(process.env.SWITCHBOARD_TEST_CLUSTER);
// Longer than the edge's own drain, so that the edge's bound is what is tested.
const STOP_DEADLINE_MS = 40_000;
const LOG_TAIL_CHARS = 4_000;

/** A running edge. */
export class Edge {
  #process;
  #exited;
  #directory;
  #log = "";
  #httpUrl;

  /** Starts an edge, or in the cluster mode a pair that stands for one. Takes what `alone` takes. */
  static async start(options = {}) {
    return CLUSTERED ? Pair.start(options) : Edge.alone(options);
  }

  /**
   * Starts an edge with the TOML text `config` on `listen`, and resolves once it serves.
   *
   * Rejects with the tail of its log if it exits or stays silent.
   */
  static async alone({ config = CONFIG, listen = "127.0.0.1:0", environment = {} } = {}) {
    const edge = new Edge();
    edge.#directory = await mkdtemp(join(tmpdir(), "switchboard-sdk-"));
    const configPath = join(edge.#directory, "switchboard.toml");
    await writeFile(configPath, config);
    try {
      await edge.#launch(configPath, listen, environment);
      return edge;
    } catch (error) {
      await edge.#discard();
      throw error;
    }
  }

  /** `http://127.0.0.1:<port>`, the door of the REST control plane. */
  get httpUrl() {
    return this.#httpUrl;
  }

  /** `ws://127.0.0.1:<port>`, the origin that the SDK takes. */
  get url() {
    return this.#httpUrl.replace("http:", "ws:");
  }

  /** `127.0.0.1:<port>`, for a second edge that takes this one's place. */
  get address() {
    return new URL(this.#httpUrl).host;
  }

  /** Sends SIGTERM and resolves after a clean exit; a second call does nothing. */
  async stop() {
    if (this.#process.exitCode === null && this.#process.signalCode === null) {
      this.#process.kill("SIGTERM");
    }
    try {
      const [code, signal] = await until("the edge to exit after SIGTERM", this.#exited, STOP_DEADLINE_MS);
      if (code !== 0) throw new Error(`the edge exited with ${code ?? signal}\n${this.#log}`);
    } finally {
      await this.#discard();
    }
  }

  /** Leaves nothing behind, whatever state the edge is in. */
  async #discard() {
    this.#process?.kill("SIGKILL");
    await rm(this.#directory, { recursive: true, force: true });
  }

  async #launch(configPath, listen, environment) {
    this.#process = spawn(BINARY, [], {
      env: {
        ...process.env,
        ...environment,
        SWITCHBOARD_CONFIG: configPath,
        SWITCHBOARD_LISTEN: listen,
        SWITCHBOARD_ADMIN_LISTEN: "127.0.0.1:0",
      },
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.#exited = once(this.#process, "exit");
    // An edge must not outlive a test run that dies.
    const reap = () => this.#process.kill("SIGKILL");
    process.once("exit", reap);
    this.#process.once("exit", () => process.off("exit", reap));
    this.#process.stderr.setEncoding("utf8").on("data", (text) => {
      this.#log = (this.#log + text).slice(-LOG_TAIL_CHARS);
    });

    const gone = this.#exited.then(([code, signal]) => {
      throw new Error(`${BINARY} exited with ${code ?? signal} before it served\n${this.#log}`);
    });
    gone.catch(() => {}); // only of interest while the start is awaited
    const ready = Promise.race([this.#announced(), gone]);
    const what = () => `the edge's listening lines; its log ends\n${this.#log}`;
    this.#httpUrl = await until(what, ready, START_DEADLINE_MS);
  }

  /** The public URL, once both listeners are announced on stdout. */
  #announced() {
    const found = {};
    return new Promise((resolve) => {
      createInterface({ input: this.#process.stdout }).on("line", (line) => {
        const [, listener, url] = line.match(/^switchboard (listening|admin) on (http:\S+)$/) ?? [];
        if (listener) found[listener] = url;
        if (found.listening && found.admin) resolve(found.listening);
      });
    });
  }
}
