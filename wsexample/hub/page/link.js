// The connection to the hub: subscribes, resumes after a break with the last numbers, says what happens.

const FIRST_MS = 500;
const LONGEST_MS = 15000;
const SILENT_MS = 25000;
// A hub takes 256 KiB at once; a topic has 200 octets at most.
const NUMBERS_IN_AN_OP = 1000;

// Behind a slash an epoch has a number that counts owners of a group of hubs.
const lifeOf = (epoch) => epoch.replace(/\/\d+$/, "");

export class Link {
  // told: { data(topic, seq, record), missed(message), conflated(count), state(name, words), token(refusal) -> Promise<string> }
  constructor(url, topics, intervalMs, told) {
    this.url = url;
    this.topics = topics;
    this.intervalMs = intervalMs;
    this.told = told;
    this.seen = new Map();
    this.epoch = null;
    this.token = null;
    this.tries = 0;
    this.lives = 0;
    this.heard = 0;
    this.asked = 0;
    this.open();
    setInterval(() => this.look(), 5000);
  }

  open() {
    this.told.state("connecting", this.tries ? `trying again (${this.tries})` : "connecting");
    const socket = new WebSocket(this.url, ["wsexample.hub.v1+json"]);
    this.socket = socket;
    this.asked = this.heard = Date.now();
    this.refusal = null;
    socket.onmessage = (event) => {
      this.heard = Date.now();
      const found = JSON.parse(event.data);
      for (const message of Array.isArray(found) ? found : [found]) this.take(message);
    };
    socket.onclose = (event) => {
      if (socket === this.socket) this.lost(event);
    };
  }

  async lost(event) {
    this.socket = null;
    if (this.refusal !== null) {
      this.told.state("lost", this.refusal);
      this.token = await this.told.token(this.refusal);
      this.open();
      return;
    }
    this.tries += 1;
    // Full jitter: many pages that lost the same hub come back spread out.
    const wait = Math.random() * Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.min(this.tries, 10));
    this.told.state("lost", event.reason || (event.code === 1006 ? "connection lost" : `closed with ${event.code}`));
    setTimeout(() => this.open(), wait);
  }

  look() {
    const socket = this.socket;
    if (socket === null || socket.readyState !== WebSocket.OPEN) return;
    // Counted from the first ping without an answer, not from the last word: a page in the background is let look once a
    // minute, and a quiet hub has said nothing since then but the answer to the ping before.
    if (this.heard >= this.asked) {
      this.asked = Date.now();
      this.say({ op: "ping" });
    } else if (Date.now() - this.asked > SILENT_MS) {
      socket.close();
      this.lost({ reason: "the hub is silent", code: 1006 });
    }
  }

  say(op) {
    this.socket.send(JSON.stringify(op));
  }

  async take(message) {
    switch (message.op) {
      case "data":
        if (message.seq > (this.seen.get(message.topic) ?? 0)) {
          this.seen.set(message.topic, message.seq);
          this.told.data(message.topic, message.seq, message.record);
        }
        break;
      case "welcome":
        this.told.hub(message);
        this.next = message.epoch;
        this.epoch ??= message.epoch;
        if (message.needs_token) {
          const socket = this.socket;
          this.token ??= await this.told.token("");
          // Where the connection was lost meanwhile the next welcome finds the token.
          if (socket === this.socket && socket.readyState === WebSocket.OPEN) this.say({ op: "auth", token: this.token, id: "auth" });
        } else {
          this.subscribe();
        }
        break;
      case "epoch":
        this.epoch = message.epoch;
        break;
      case "ack":
        if (message.id === "auth") this.subscribe();
        if (message.id === "all") {
          if (lifeOf(this.epoch) !== lifeOf(this.next)) {
            this.epoch = this.next;
            this.seen.clear();
          }
          this.tries = 0;
          this.lives += 1;
          this.told.state("live", "live");
        }
        break;
      case "error":
        if (message.code === "token") this.refusal = message.message;
        else this.told.state("lost", message.message);
        break;
      case "missed":
        if (message.reason === "epoch") this.seen.delete(message.topic);
        else if (message.reason === "fork") this.seen.set(message.topic, message.from_seq - 1);
        else this.seen.set(message.topic, Math.max(this.seen.get(message.topic) ?? 0, message.to_seq));
        this.told.missed(message);
        break;
      case "conflated":
        this.told.conflated(message.count);
        break;
    }
  }

  subscribe() {
    const op = { op: "subscribe", id: "all", topics: this.topics, interval_ms: this.intervalMs };
    if (this.seen.size) {
      // A pattern counts for its topics that have not spoken yet: what they say first during a break comes too.
      const fromTheBeginning = this.topics.filter((topic) => !this.seen.has(topic)).map((topic) => [topic, 0]);
      Object.assign(op, { since: Object.fromEntries(fromTheBeginning), epoch: this.epoch });
      const seen = [...this.seen];
      for (let start = 0; start < seen.length; start += NUMBERS_IN_AN_OP) {
        this.say({ op: "since", numbers: Object.fromEntries(seen.slice(start, start + NUMBERS_IN_AN_OP)) });
      }
    }
    this.say(op);
  }
}
