// A price chart on a canvas: last price, middle of the quote behind it, gaps as shaded stretches.

import { decimals, written } from "/page/market.js";

export function draw(canvas, instrument) {
  const ratio = window.devicePixelRatio || 1;
  const width = canvas.clientWidth;
  const height = canvas.clientHeight;
  if (canvas.width !== Math.round(width * ratio)) canvas.width = Math.round(width * ratio);
  if (canvas.height !== Math.round(height * ratio)) canvas.height = Math.round(height * ratio);
  const pen = canvas.getContext("2d");
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  pen.clearRect(0, 0, width, height);
  const style = getComputedStyle(document.documentElement);
  const ink = (name) => style.getPropertyValue(name).trim();
  pen.font = "12px system-ui, sans-serif";
  const points = instrument ? instrument.points : [];
  if (points.length < 2) {
    pen.fillStyle = ink("--soft");
    pen.fillText(instrument ? "waiting for prices" : "choose a symbol", 8, height / 2);
    canvas.setAttribute("aria-label", "No prices yet");
    return;
  }
  const values = points.flatMap((point) => [point.last, point.mid]).filter((value) => value !== null);
  let low = Math.min(...values);
  let high = Math.max(...values);
  const places = Math.max(decimals(low), decimals(high), 2);
  if (low === high) {
    low -= Math.abs(low) * 0.001 || 1;
    high += Math.abs(high) * 0.001 || 1;
  }
  const right = width - pen.measureText(written(high, places)).width - 10;
  const from = points[0].at;
  const to = points[points.length - 1].at;
  const x = (at) => ((at - from) / Math.max(to - from, 1)) * (right - 4) + 2;
  const y = (price) => height - 20 - ((price - low) / (high - low)) * (height - 34);

  pen.fillStyle = ink("--down-bar");
  for (const [begin, end] of instrument.gaps) {
    const left = Math.max(x(begin), 0);
    if (x(end) > 0) pen.fillRect(left, 0, Math.max(x(end) - left, 2), height - 16);
  }
  pen.strokeStyle = ink("--line");
  pen.fillStyle = ink("--soft");
  pen.lineWidth = 1;
  for (let step = 0; step <= 3; step++) {
    const price = low + ((high - low) * step) / 3;
    pen.beginPath();
    pen.moveTo(0, y(price));
    pen.lineTo(right, y(price));
    pen.stroke();
    pen.fillText(written(price, places), right + 6, y(price) + 4);
  }
  line(pen, points, x, y, "mid", ink("--soft"), 1);
  line(pen, points, x, y, "last", ink("--accent"), 1.6);
  pen.fillStyle = ink("--soft");
  pen.fillText(clock(from), 2, height - 4);
  const end = clock(to);
  pen.fillText(end, right - pen.measureText(end).width, height - 4);
  const now = instrument.last ?? instrument.mid;
  canvas.setAttribute("aria-label", `${instrument.symbol}: ${written(now, places)}, between ${written(low, places)} and ${written(high, places)} since ${clock(from)}`);
}

function line(pen, points, x, y, name, color, width) {
  pen.strokeStyle = color;
  pen.lineWidth = width;
  pen.beginPath();
  let drawn = false;
  for (const point of points) {
    if (point[name] === null) continue;
    if (drawn) pen.lineTo(x(point.at), y(point[name]));
    else pen.moveTo(x(point.at), y(point[name]));
    drawn = true;
  }
  pen.stroke();
}

export function clock(ms) {
  return new Date(ms).toLocaleTimeString("en-GB");
}
