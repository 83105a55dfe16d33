// The page of a hub: a watch list, the chosen symbol's chart and book, what went wrong; drawn at most five times a second.

import { draw as drawChart, clock } from "/page/chart.js";
import { draw as drawLadder } from "/page/ladder.js";
import { Link } from "/page/link.js";
import { Instrument, decimals, size, written } from "/page/market.js";

const DRAW_MS = 200;
const STALE_MS = 60000;
const MOST_EVENTS = 200;
const $ = (id) => document.getElementById(id);

const instruments = new Map();
const rows = new Map();
const counts = { records: 0, missed: 0, conflated: 0, before: 0, lag: null };
let chosen = null;
let wanted = "";
let isDirty = true;

const link = new Link(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/v1/stream`, [">"], DRAW_MS, {
  hub: (message) => {
    $("hub").textContent = message.hub;
    document.title = `${message.hub} – live`;
  },
  state: (name, words) => {
    $("mark").dataset.state = name;
    $("state").textContent = words;
    if (name === "lost") note(words, "gap");
  },
  data: take,
  missed: (message) => {
    if (message.reason === "history") counts.missed += message.to_seq - message.from_seq + 1;
    const numbers = `${message.from_seq} to ${message.to_seq}`;
    const words = { epoch: "the hub has begun anew", fork: `${numbers} count no more, what counts follows` };
    note(`${message.topic}: ${words[message.reason] ?? `${numbers} are gone`}`, "gap");
  },
  conflated: (count) => {
    counts.conflated += count;
    note(`this page was slow: ${count} records were passed over`, "gap");
  },
  token: askToken,
});

function take(topic, seq, record) {
  counts.records += 1;
  isDirty = true;
  if (record.kind === "gap" || record.kind === "connection") {
    event(record);
    return;
  }
  if (record.exchange_ns !== null && record.exchange_ns !== undefined) counts.lag = (record.received_ns - record.exchange_ns) / 1e6;
  const id = `${record.venue} ${record.symbol}`;
  let instrument = instruments.get(id);
  if (!instrument) {
    if (!["quote", "trade", "bar", "ticker", "book", "board"].includes(record.kind)) return;
    instrument = new Instrument(record.venue, record.symbol);
    instruments.set(id, instrument);
    rows.set(id, row(instrument));
    chosen ??= id;
  }
  instrument.take(record);
  instrument.isNew = true;
}

function event(record) {
  if (record.kind === "gap") {
    const seconds = ((record.to_ns - record.from_ns) / 1e9).toFixed(1);
    for (const one of instruments.values()) {
      if (one.venue === record.venue && (!record.symbol || one.symbol === record.symbol)) one.gap(record.from_ns / 1e6, record.to_ns / 1e6);
    }
    note(`${record.venue} ${record.symbol}: gap of ${seconds} s${record.filled ? ", filled" : ""}: ${record.reason}`, "gap", record.received_ns);
  } else {
    note(`${record.venue}: ${record.detail || record.event}`, "", record.received_ns);
  }
}

function note(words, kind, atNs) {
  const line = document.createElement("li");
  line.className = kind;
  const time = document.createElement("time");
  time.textContent = clock(atNs ? atNs / 1e6 : Date.now());
  line.append(time, words);
  $("events").prepend(line);
  while ($("events").children.length > MOST_EVENTS) $("events").lastChild.remove();
}

// -- the watch list

function row(instrument) {
  const made = document.createElement("tr");
  made.tabIndex = -1;
  for (const kind of ["", "name", "n", "n", "n", "n", "n wide", "n wide"]) {
    const cell = document.createElement("td");
    cell.className = kind;
    made.append(cell);
  }
  made.cells[0].textContent = instrument.symbol;
  made.cells[0].title = `${instrument.venue} ${instrument.symbol}`;
  made.addEventListener("click", () => choose(instrument.id));
  $("watch").tBodies[0].append(made);
  $("empty").hidden = true;
  return made;
}

function fill(instrument, made) {
  const price = instrument.last ?? instrument.mid;
  const places = Math.max(...[price, instrument.bid, instrument.ask].filter((one) => one !== null).map(decimals), 0);
  const change = instrument.change;
  const cells = made.cells;
  cells[1].textContent = instrument.name;
  const isMid = instrument.last === null && price !== null;
  cells[2].textContent = written(price, places);
  cells[2].title = isMid ? "middle of bid and ask: no trade has come" : "";
  cells[2].className = `n ${isMid ? "mid " : ""}${instrument.move > 0 ? "up" : instrument.move < 0 ? "down" : ""}`;
  cells[3].textContent = change === null ? "–" : `${change > 0 ? "+" : ""}${change.toFixed(2)} %`;
  cells[3].className = `n ${change > 0 ? "up" : change < 0 ? "down" : ""}`;
  cells[4].textContent = written(instrument.bid, places);
  cells[5].textContent = written(instrument.ask, places);
  cells[6].textContent = size(instrument.volume);
  cells[7].textContent = clock(instrument.at);
}

function shown() {
  return [...instruments.values()].filter((one) => `${one.venue} ${one.symbol} ${one.name}`.toLowerCase().includes(wanted));
}

function choose(id) {
  chosen = id;
  isDirty = true;
  paint();
  rows.get(id)?.scrollIntoView({ block: "nearest" });
}

function paint() {
  const now = Date.now();
  for (const [id, made] of rows) {
    const instrument = instruments.get(id);
    made.classList.toggle("stale", now - instrument.at > STALE_MS);
    made.setAttribute("aria-selected", String(id === chosen));
    made.hidden = !`${instrument.venue} ${instrument.symbol} ${instrument.name}`.toLowerCase().includes(wanted);
    if (instrument.isNew) {
      fill(instrument, made);
      instrument.isNew = false;
    }
  }
  const instrument = instruments.get(chosen);
  $("chosen").textContent = instrument ? `${instrument.symbol} ${instrument.name}`.trim() : "–";
  drawChart($("chart"), instrument);
  drawLadder($("ladder"), instrument);
  $("topics").textContent = link.seen.size.toLocaleString("en-US");
  $("records").textContent = counts.records.toLocaleString("en-US");
  $("missed").textContent = (counts.missed + counts.conflated).toLocaleString("en-US");
  $("missed").classList.toggle("bad", counts.missed + counts.conflated > 0);
  $("lag").textContent = counts.lag === null ? "–" : `${counts.lag.toFixed(0)} ms`;
  $("reconnects").textContent = String(Math.max(link.lives - 1, 0));
}

setInterval(() => {
  if (isDirty) paint();
  isDirty = false;
}, DRAW_MS);
setInterval(() => {
  $("rate").textContent = (counts.records - counts.before).toLocaleString("en-US");
  counts.before = counts.records;
  isDirty = true;
}, 1000);
addEventListener("resize", () => { isDirty = true; });

// -- the keyboard

$("filter").addEventListener("input", (event) => {
  wanted = event.target.value.trim().toLowerCase();
  const found = shown();
  if (found.length && !found.some((one) => one.id === chosen)) chosen = found[0].id;
  paint();
});
addEventListener("keydown", (event) => {
  if ($("token").open || event.ctrlKey || event.metaKey || event.altKey) return;
  const isTyping = event.target === $("filter");
  if (event.key === "/" && !isTyping) {
    event.preventDefault();
    $("filter").focus();
  } else if (event.key === "Escape") {
    $("filter").value = wanted = "";
    $("filter").blur();
    paint();
  } else if (event.key === "ArrowDown" || event.key === "ArrowUp" || (!isTyping && (event.key === "j" || event.key === "k"))) {
    event.preventDefault();
    const found = shown();
    const place = found.findIndex((one) => one.id === chosen);
    const step = event.key === "ArrowDown" || event.key === "j" ? 1 : -1;
    if (found.length) choose(found[Math.min(Math.max(place + step, 0), found.length - 1)].id);
  }
});

// -- the token: kept in this page alone, gone with it

function askToken(refusal) {
  const dialog = $("token");
  $("refusal").textContent = refusal;
  if (!dialog.open) $("secret").value = ""; // what is being typed stays
  return new Promise((resolve) => {
    dialog.onclose = () => resolve($("secret").value.trim());
    if (!dialog.open) dialog.showModal();
  });
}
