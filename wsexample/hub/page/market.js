// What is known of each symbol: the newest prices, levels and a bounded row of prices for the chart.

const MOST_POINTS = 1200;

export class Instrument {
  constructor(venue, symbol) {
    this.venue = venue;
    this.symbol = symbol;
    this.name = "";
    this.last = this.bid = this.ask = this.change = this.volume = null;
    this.bids = [];
    this.asks = [];
    this.over = this.under = null;
    this.at = 0;
    this.move = 0;
    this.points = [];
    this.gaps = [];
  }

  get id() {
    return `${this.venue} ${this.symbol}`;
  }

  get mid() {
    return this.bid !== null && this.ask !== null ? (this.bid + this.ask) / 2 : null;
  }

  take(record) {
    const before = this.last ?? this.mid;
    this.at = record.received_ns / 1e6;
    switch (record.kind) {
      case "quote":
        this.best(record.bid_price, record.bid_size, record.ask_price, record.ask_size);
        break;
      case "trade":
        this.last = record.price;
        break;
      case "bar":
        this.last = record.close;
        this.volume = record.volume ?? this.volume;
        break;
      case "ticker":
        this.last = record.last_price;
        this.change = record.change_percent ?? this.change;
        this.volume = record.volume ?? this.volume;
        break;
      case "book":
        this.levels(record.bids, record.asks);
        break;
      case "board":
        this.name = record.name ?? this.name;
        this.last = record.last_price ?? this.last;
        this.change = record.change_percent ?? this.change;
        this.volume = record.volume ?? this.volume;
        this.over = record.asks_above_size;
        this.under = record.bids_below_size;
        if (record.bids.length || record.asks.length) this.levels(record.bids, record.asks);
        else this.best(record.bid_price, record.bid_size, record.ask_price, record.ask_size);
        break;
      default:
        return;
    }
    const now = this.last ?? this.mid;
    if (now === null) return;
    this.move = before === null ? 0 : Math.sign(now - before);
    const point = { at: this.at, last: this.last, mid: this.mid };
    this.points.push(point);
    if (this.points.length > MOST_POINTS) this.points.splice(0, MOST_POINTS / 4);
  }

  best(bid, bidSize, ask, askSize) {
    this.bid = bid;
    this.ask = ask;
    this.bids = bid === null ? [] : [[bid, bidSize ?? 0]];
    this.asks = ask === null ? [] : [[ask, askSize ?? 0]];
  }

  levels(bids, asks) {
    this.bids = bids;
    this.asks = asks;
    this.bid = bids.length ? bids[0][0] : null;
    this.ask = asks.length ? asks[0][0] : null;
  }

  gap(fromMs, toMs) {
    this.gaps.push([fromMs, toMs]);
    if (this.gaps.length > 50) this.gaps.shift();
  }
}

export function decimals(price) {
  // Twelve digits: what is behind them comes of adding and halving binary numbers.
  const [digits, power] = Math.abs(price).toExponential(11).split("e");
  return Math.min(Math.max(digits.replace(/\.?0+$/, "").replace(".", "").length - 1 - Number(power), 0), 20);
}

export function written(price, places) {
  if (price === null || price === undefined) return "–";
  return price.toLocaleString("en-US", { minimumFractionDigits: places, maximumFractionDigits: places });
}

export function size(value) {
  if (value === null || value === undefined) return "–";
  return value.toLocaleString("en-US", Math.abs(value) < 1 ? { maximumSignificantDigits: 4 } : { maximumFractionDigits: 4 });
}
