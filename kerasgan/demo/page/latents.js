// Latents: drawn, and what is between them. All are Float32Array.

const GOLDEN = 0x9e3779b9; // 2^32 divided by the golden ratio, which spreads seeds that are near one another
const SKIPPED = 8; // first numbers, which still show the bits of the seed

// Numbers of N(0, 1) from a seed: xorshift (Marsaglia 2003, Xorshift RNGs, section 3) and the transform of Box and Muller.
export function normal(seed) {
  let state = Math.imul(seed + 1, GOLDEN) || 1; // 0 would stay 0
  const uniform = () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32; // above 0
  };
  for (let i = 0; i < SKIPPED; i++) uniform();
  return () => Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform());
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

export function linear(a, b, t) {
  return a.map((value, i) => (1 - t) * value + t * b[i]);
}

// The latent at a share t of the arc from a to b; its length goes evenly from a's to b's. Where there is no arc, for one
// has no length or they have one line, it is the straight one.
export function spherical(a, b, t) {
  const lengths = [length(a), length(b)];
  const cosine = dot(a, b) / (lengths[0] * lengths[1]);
  const angle = Math.acos(Math.min(1, Math.max(-1, cosine)));
  const sine = Math.sin(angle);
  if (!(sine > 1e-6)) return linear(a, b, t);
  const radius = (1 - t) * lengths[0] + t * lengths[1];
  const [of_a, of_b] = [Math.sin((1 - t) * angle) / (sine * lengths[0]), Math.sin(t * angle) / (sine * lengths[1])];
  return a.map((value, i) => radius * (of_a * value + of_b * b[i]));
}

// The latent at (x, y), from 0 to 1, between four: top left, top right, bottom left and bottom right.
export function between([topLeft, topRight, bottomLeft, bottomRight], x, y, way) {
  return way(way(topLeft, bottomLeft, y), way(topRight, bottomRight, y), x);
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
