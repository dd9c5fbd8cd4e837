// Pictures to start from, onto a canvas of any size: digits, and a house of rectangles.

import { element } from "./elements.js";
import { read } from "./pictures.js";

export const HOUSE = [["#9cc4e4", 0, 0, 64, 44], ["#6b9a4b", 0, 44, 64, 20], ["#8a3b2a", 12, 14, 40, 10], ["#e3d3b0", 14, 24, 36, 28],
  ["#41546b", 19, 28, 8, 8], ["#41546b", 37, 28, 8, 8], ["#5a3a22", 28, 38, 8, 14]];

export function digit(pen, its, font = "sans-serif") {
  const { width, height } = pen.canvas;
  pen.fillStyle = "white";
  pen.textAlign = "center";
  pen.font = `${(52 * height) / 64}px ${font}`;
  pen.fillText(its, width / 2, (51 * height) / 64);
}

// parts: [colour, left, top, width, height], in 64ths of the side
export function front(pen, parts) {
  const [x, y] = [pen.canvas.width / 64, pen.canvas.height / 64];
  for (const [colour, left, top, width, height] of parts) {
    pen.fillStyle = colour;
    pen.fillRect(Math.round(left * x), Math.round(top * y), Math.round(width * x), Math.round(height * y));
  }
}

// Several examples of the size that a model takes: digits in two fonts, or the house in other hues.
export function examples(n, [, height, width, channels]) {
  return Array.from({ length: n }, (_, i) => {
    const pen = element("canvas", { width, height }).getContext("2d");
    pen.fillRect(0, 0, width, height);
    pen.filter = channels === 1 ? "none" : `hue-rotate(${(360 * i) / n}deg)`;
    if (channels === 1) digit(pen, String(i % 10), i < 10 ? "sans-serif" : "serif");
    else front(pen, HOUSE);
    return read(pen.canvas, channels);
  });
}
