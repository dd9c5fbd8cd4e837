// Pictures: from arrays onto canvases, from canvases into arrays, and into files.

import { element } from "./elements.js";
import { words } from "./words.js";

export function picture(name) {
  return element("canvas", { width: 1, height: 1, role: "img", "aria-label": name });
}

// data: uint8 [1, height, width, 1 or 3]
export function pixelsOf({ data, shape: [, height, width, channels] }) {
  const pixels = new ImageData(width, height);
  for (let i = 0; i < width * height; i++) {
    for (let c = 0; c < 3; c++) pixels.data[4 * i + c] = data[channels * i + (channels === 1 ? 0 : c)];
    pixels.data[4 * i + 3] = 255;
  }
  return pixels;
}

export function draw(canvas, made) {
  const pixels = pixelsOf(made);
  canvas.width = pixels.width;
  canvas.height = pixels.height;
  canvas.getContext("2d").putImageData(pixels, 0, 0);
}

export const whole = ({ width, height }) => ({ left: 0, top: 0, width, height });

export function read(canvas, channels, { left, top, width, height } = whole(canvas)) {
  const pixels = canvas.getContext("2d").getImageData(left, top, width, height).data;
  const data = new Uint8Array(width * height * channels);
  for (let i = 0; i < width * height; i++) {
    const [r, g, b] = pixels.subarray(4 * i);
    if (channels === 1) data[i] = Math.round(0.299 * r + 0.587 * g + 0.114 * b);
    else data.set([r, g, b], channels * i);
  }
  return { data, shape: [1, height, width, channels] };
}

export function saveButton(canvas, name) {
  const save = () => canvas.toBlob((blob) => {
    const url = URL.createObjectURL(blob);
    element("a", { href: url, download: `${name}.png` }).click();
    URL.revokeObjectURL(url);
  });
  return element("button", { type: "button", class: "save", onclick: save }, words.save);
}

// A picture with its name, and a way to keep it.
export function figure(canvas, caption, name) {
  return element("figure", {}, canvas, element("figcaption", {}, caption, " ", saveButton(canvas, name)));
}
