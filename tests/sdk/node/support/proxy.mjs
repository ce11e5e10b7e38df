// A TCP relay in front of an edge whose connections can be cut, as a network does: no close frame, no FIN.

import { once } from "node:events";
import { connect, createServer } from "node:net";

/** A relay to one edge. */
export class Proxy {
  #server;
  #pairs = new Set();

  /** Starts a relay to `edge`; it stops when the test `t` ends. */
  static async start(t, edge) {
    const proxy = new Proxy();
    const { hostname, port } = new URL(edge.url);
    proxy.#server = createServer((near) => proxy.#relay(near, connect(Number(port), hostname)));
    proxy.#server.listen(0, "127.0.0.1");
    await once(proxy.#server, "listening");
    t.after(() => {
      proxy.#server.close();
      proxy.cut();
    });
    return proxy;
  }

  /** The origin that the SDK takes instead of the edge's. */
  get url() {
    return `ws://127.0.0.1:${this.#server.address().port}`;
  }

  /** Resets every connection on both sides; new ones are relayed again. */
  cut() {
    for (const pair of this.#pairs) {
      for (const socket of pair) socket.resetAndDestroy();
    }
    this.#pairs.clear();
  }

  #relay(near, far) {
    const pair = [near, far];
    this.#pairs.add(pair);
    for (const socket of pair) {
      socket.setNoDelay(true);
      socket.on("error", () => {}); // a reset is this class's business
      socket.once("close", () => {
        this.#pairs.delete(pair);
        for (const end of pair) end.destroy();
      });
    }
    near.pipe(far).pipe(near);
  }
}
