// Latents: drawn, and what is between them. All are Float32Array.

// Numbers of N(0, 1) from a seed: mulberry32 (Tommy Ettinger, public domain), and the Box-Muller transform.
export function normal(seed) {
  let state = seed >>> 0;
  const uniform = () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t = (t + Math.imul(t ^ (t >>> 7), t | 61)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
  return () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
}

// A draw of N(0, I); each number that is farther from 0 than `threshold` is drawn again.
export function drawn(next, dimension, threshold = Infinity) {
  return Float32Array.from({ length: dimension }, () => {
    let number;
    do number = next(); while (Math.abs(number) > threshold);
    return number;
  });
}

const dot = (a, b) => a.reduce((sum, value, i) => sum + value * b[i], 0);
const length = (a) => Math.sqrt(dot(a, a));

// The latent at a share t of the arc from a to b; its length goes evenly from a's to b's. Where there is no arc, for one
// has no length or they have one line, it is the straight one.
export function spherical(a, b, t) {
  const lengths = [length(a), length(b)];
  const cosine = dot(a, b) / (lengths[0] * lengths[1]);
  const angle = Math.acos(Math.min(1, Math.max(-1, cosine)));
  const sine = Math.sin(angle);
  if (!(sine > 1e-6)) return a.map((value, i) => (1 - t) * value + t * b[i]);
  const radius = (1 - t) * lengths[0] + t * lengths[1];
  const [of_a, of_b] = [Math.sin((1 - t) * angle) / (sine * lengths[0]), Math.sin(t * angle) / (sine * lengths[1])];
  return a.map((value, i) => radius * (of_a * value + of_b * b[i]));
}

// The latent at (x, y), from 0 to 1, between four: top left, top right, bottom left and bottom right.
export function between([topLeft, topRight, bottomLeft, bottomRight], x, y) {
  return spherical(spherical(topLeft, bottomLeft, y), spherical(topRight, bottomRight, y), x);
}

export function mean(latents) {
  return latents[0].map((_, i) => latents.reduce((sum, its) => sum + its[i], 0) / latents.length);
}

export function arithmetic(a, b, c) {
  return a.map((value, i) => value - b[i] + c[i]);
}

export function moved(latent, directions, steps) {
  return latent.map((value, i) => directions.reduce((sum, its, k) => sum + steps[k] * its.vector[i], value));
}
