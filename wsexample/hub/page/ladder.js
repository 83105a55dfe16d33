// The order book as traders know it: asks above, bids below, prices in the middle, sizes as bars.

import { decimals, size, written } from "/page/market.js";

const MOST_LEVELS = 10;

export function draw(place, instrument) {
  const asks = instrument ? instrument.asks.slice(0, MOST_LEVELS) : [];
  const bids = instrument ? instrument.bids.slice(0, MOST_LEVELS) : [];
  const most = Math.max(...asks.map(([, amount]) => amount), ...bids.map(([, amount]) => amount), 1e-12);
  const places = Math.max(...[...asks, ...bids].map(([price]) => decimals(price)), 0);
  const cells = [];
  if (instrument?.over) cells.push(cell("over", size(instrument.over)), cell("price", "OVER"), cell("", ""));
  for (const [price, amount] of [...asks].reverse()) {
    cells.push(cell("ask", size(amount), amount / most), cell("price down", written(price, places)), cell("", ""));
  }
  for (const [price, amount] of bids) {
    cells.push(cell("", ""), cell("price up", written(price, places)), cell("bid", size(amount), amount / most));
  }
  if (instrument?.under) cells.push(cell("", ""), cell("price", "UNDER"), cell("bid over", size(instrument.under)));
  place.replaceChildren(...cells);
}

function cell(kind, text, share) {
  const made = document.createElement("div");
  made.className = kind;
  if (share !== undefined) {
    const bar = document.createElement("i");
    bar.style.width = `${(share * 100).toFixed(1)}%`;
    made.append(bar);
  }
  const words = document.createElement("span");
  words.textContent = text;
  made.append(words);
  return made;
}
