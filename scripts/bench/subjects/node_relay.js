// A relay as the documentation of ws has it: each record is written once and sent to every client;
// with an interval each client has the newest of every topic and a timer that sends it.
"use strict";
const fs = require("fs");
const { WebSocketServer } = require("ws");

const { told_fd, burst, rate, interval_ms } = JSON.parse(process.argv[2]);
const SYMBOLS = 50;
const clients = new Map();
const seqs = new Map();

const server = new WebSocketServer({ host: "127.0.0.1", port: 0, backlog: 1024 }, () =>
  console.log(`PORT ${server.address().port}`),
);
server.on("connection", (ws) => {
  let timer;
  ws.on("error", () => ws.terminate());
  ws.on("close", () => {
    clearInterval(timer);
    clients.delete(ws);
  });
  ws.once("message", () => {
    ws.send('{"op":"ack"}');
    const newest = new Map();
    clients.set(ws, newest);
    if (!interval_ms) return;
    timer = setInterval(() => {
      if (!newest.size) return;
      ws.send(`[${[...newest.values()].join(",")}]`);
      newest.clear();
    }, interval_ms);
  });
});

function write(one) {
  const symbol = `S${one % SYMBOLS}`;
  const topic = `load.${symbol}.quote`;
  const seq = (seqs.get(topic) ?? 0) + 1;
  seqs.set(topic, seq);
  const now_ns = Date.now() * 1e6;
  const record = {
    kind: "quote", venue: "load", symbol, exchange_ns: now_ns, received_ns: now_ns,
    bid_price: 100 + (one % 7) / 100, bid_size: 300.0, ask_price: 100.05 + (one % 7) / 100, ask_size: 200.0,
    bid_exchange: null, ask_exchange: null, conditions: [], tape: null,
  };
  return [topic, JSON.stringify({ op: "data", topic, seq, record })];
}

function publish(number) {
  for (let one = number; one < number + burst; one++) {
    const [topic, text] = write(one);
    if (interval_ms) {
      for (const newest of clients.values()) newest.set(topic, text);
    } else {
      const data = Buffer.from(text);
      for (const ws of clients.keys()) ws.send(data, { binary: false });
    }
  }
}

const period_ms = (burst * 1000) / rate;
let number = 0;
let due_ms;

function turn() {
  publish(number);
  number += burst;
  due_ms = Math.max(due_ms + period_ms, performance.now() - period_ms);
  setTimeout(turn, Math.max(due_ms - performance.now(), 0));
}

fs.read(told_fd, Buffer.alloc(1), 0, 1, null, () => {
  due_ms = performance.now();
  turn();
});
