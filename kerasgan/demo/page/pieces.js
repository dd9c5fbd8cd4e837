// A picture that is larger than what a model takes at once: piece by piece, and what becomes of them put together.

import { pixelsOf, read } from "./pictures.js";

const PIECE = 96; // pixels of a side that are kept of a piece: about a second of work
const LARGE = 400; // pixels of a side from which on a picture has more than is shown of it
const MARGIN = 8; // margins are multiples of it, so that a model that halves sizes does so at the same pixels

// The pieces of a picture: {kept, given}, both {left, top, width, height}. So many pixels more are given around what is
// kept as what is made there depends on; at the picture's own border, none: nothing then shows where two pieces meet.
export function pieces(width, height, reach) {
  const margin = Math.ceil(reach / MARGIN) * MARGIN;
  const spans = (side) => Array.from({ length: Math.ceil(side / PIECE) }, (_, i) => {
    const [start, end] = [i * PIECE, Math.min(side, (i + 1) * PIECE)];
    return { start, end, from: Math.max(0, start - margin), to: Math.min(side, end + margin) };
  });
  return spans(height).flatMap((y) => spans(width).map((x) => ({
    kept: { left: x.start, top: y.start, width: x.end - x.start, height: y.end - y.start },
    given: { left: x.from, top: y.from, width: x.to - x.from, height: y.to - y.from },
  })));
}

// Make a canvas what a verb makes of another one, piece by piece; around the pieces it is as that one. `done` is told how
// many are done, and the milliseconds of each; where it returns false, no more are.
export async function putTogether(model, verb, { canvas, channels }, parts, made, done) {
  for (const [i, { kept, given }] of parts.entries()) {
    const { data, shape, milliseconds } = await model.run(verb, { images: read(canvas, channels, given) });
    const [down, right] = [shape[1] / given.height, shape[2] / given.width];
    const pen = made.getContext("2d");
    if (i === 0) {
      made.width = Math.round(canvas.width * right);
      made.height = Math.round(canvas.height * down);
      made.classList.toggle("large", made.width > LARGE);
      pen.drawImage(canvas, 0, 0, made.width, made.height);
    }
    pen.putImageData(
      pixelsOf({ data, shape }), given.left * right, given.top * down, (kept.left - given.left) * right,
      (kept.top - given.top) * down, kept.width * right, kept.height * down,
    );
    if (!done(i + 1, milliseconds)) return;
  }
}
