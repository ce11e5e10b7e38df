// Two edges over one Redis that look like one edge to a test, except that neighbours in the order of asking are on
// different ones: the first client that asks for the url gets edge one, the next edge two, and so on in turn.

import { Edge } from "./edge.mjs";
import { Redis } from "./redis.mjs";

/** What `Edge.start` returns in the cluster mode. */
export class Pair {
  #redis;
  #edges = [];
  #turns = { client: 0, call: 0 };

  /** Takes what `Edge.start` takes; `listen` is the first edge's. */
  static async start({ listen, ...options } = {}) {
    const pair = new Pair();
    try {
      pair.#redis = await Redis.start();
      const environment = { SWITCHBOARD_REDIS_URL: pair.#redis.url };
      pair.#edges.push(await Edge.alone({ ...options, listen, environment }));
      pair.#edges.push(await Edge.alone({ ...options, environment }));
      // Whoever names an address has clients there already: the next one comes to the other edge.
      if (listen) pair.#turns.client = 1;
      return pair;
    } catch (error) {
      await pair.stop();
      throw error;
    }
  }

  /** For the control plane: another edge at each call. */
  get httpUrl() {
    return this.#next("call").httpUrl;
  }

  /** For clients: another edge for each. */
  get url() {
    return this.#next("client").url;
  }

  /** The first edge's, for an edge that takes its place. */
  get address() {
    return this.#edges[0].address;
  }

  /** Both leave, then Redis goes. */
  async stop() {
    try {
      for (const edge of this.#edges) await edge.stop();
    } finally {
      await this.#redis?.stop();
    }
  }

  #next(who) {
    const edge = this.#edges[this.#turns[who] % this.#edges.length];
    this.#turns[who] += 1;
    return edge;
  }
}
