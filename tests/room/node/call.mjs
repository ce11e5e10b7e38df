// A client in the manner of the guide: it connects without a token in the URL, sends a type and a payload and nothing else,
// takes whoever signals for a peer, and makes one call to one other member. Runs in Node and, as it is, in a page.

/** The signaling half: sections 2, 3 and 6 of the guide. */
export class Signaling {
  #socket;

  /** `wire` is how the server spells: "guide" or "default". `WebSocketOfHost` is the host's own class. */
  constructor(serverUrl, room, { wire = "guide", WebSocketOfHost = globalThis.WebSocket, options } = {}) {
    Object.assign(this, { serverUrl, room, wire, WebSocketOfHost, options });
    this.peers = new Map();
    this.notes = [];
    this.frames = [];
    this.onSignal = () => {};
  }

  /** Resolves with the first packet. */
  connect() {
    const prefix = this.wire === "guide" ? "/compat/guide" : "";
    const url = `${this.serverUrl}${prefix}/api/chat/realtime/${this.room}`;
    this.#socket = this.options ? new this.WebSocketOfHost(url, this.options) : new this.WebSocketOfHost(url);
    this.closed = new Promise((resolve) => {
      this.#socket.onclose = ({ code, reason, wasClean }) => resolve({ code, reason, wasClean });
    });
    return new Promise((resolve, reject) => {
      this.#socket.onerror = () => reject(new Error("the socket failed"));
      this.#socket.onmessage = ({ data }) => {
        const packet = JSON.parse(data);
        this.frames.push(packet);
        this.#hear(packet);
        if (packet.type === "webrtc" && packet.data.participants) resolve(packet.data);
      };
    });
  }

  disconnect() {
    this.#socket.close();
    return this.closed;
  }

  send(packet) {
    if (this.#socket.readyState !== 1) throw new Error("the socket is not open");
    this.#socket.send(JSON.stringify(packet));
  }

  #hear(packet) {
    if (packet.type === "webrtc") {
      this.notes.push(packet.data.message);
      return;
    }
    const [type, id, info] =
      this.wire === "guide"
        ? ["signaling", packet.data?.SenderAccountId, packet.data?.SenderInfo]
        : ["webrtc.signal", packet.data?.senderAccountId, packet.data?.senderInfo];
    if (packet.type !== type) return;
    if (packet.data.type !== "user-left" && !this.peers.has(id)) this.peers.set(id, info.nick || info.name);
    this.onSignal(packet.data, id);
  }
}

/** The call half: sections 4 and 5. One other member, one connection. */
export class Call {
  #pending = [];
  #failed;

  constructor(signaling, { stream, configuration } = {}) {
    this.signaling = signaling;
    this.connection = new RTCPeerConnection(configuration);
    this.failure = new Promise((resolve) => (this.#failed = resolve));
    this.channel = this.connection.createDataChannel("echo", { negotiated: true, id: 1 });
    this.channel.onmessage = ({ data }) => data.startsWith("ask ") && this.channel.send(`answer ${data.slice(4)}`);
    stream?.getTracks().forEach((track) => this.connection.addTrack(track, stream));
    this.connection.onicecandidate = ({ candidate }) =>
      candidate && signaling.send({ type: "ice-candidate", candidate: candidate.toJSON() });
    // One after the other: a candidate must not overtake the description that it belongs to.
    let queue = Promise.resolve();
    signaling.onSignal = (signal) => {
      queue = queue.then(() => this.#take(signal)).catch((error) => this.#failed(String(error)));
    };
  }

  async offer() {
    await this.connection.setLocalDescription();
    this.signaling.send({ type: "offer", offer: this.connection.localDescription.toJSON() });
  }

  async #take({ type, data }) {
    if (type === "offer") {
      await this.connection.setRemoteDescription(data.offer);
      await this.connection.setLocalDescription();
      this.signaling.send({ type: "answer", answer: this.connection.localDescription.toJSON() });
    } else if (type === "answer") {
      await this.connection.setRemoteDescription(data.answer);
    } else if (type === "ice-candidate") {
      this.#pending.push(data.candidate);
    }
    if (this.connection.remoteDescription) {
      for (const candidate of this.#pending.splice(0)) await this.connection.addIceCandidate(candidate);
    }
  }
}
