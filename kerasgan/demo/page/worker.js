// Runs models beside the page, which stays at hand meanwhile.

import * as ort from "./runtime/ort.js";

ort.env.wasm.numThreads = 1; // more would take headers that not every static host can send
ort.env.wasm.wasmPaths = { wasm: new URL("runtime/ort.wasm", import.meta.url).href };

const sessions = new Map();

function session(file) {
  if (!sessions.has(file)) sessions.set(file, ort.InferenceSession.create(file));
  return sessions.get(file);
}

async function answer({ number, file, inputs }) {
  try {
    const its = await session(file);
    const tensors = Object.entries(inputs).map(([name, { dtype, data, shape }]) => [name, new ort.Tensor(dtype, data, shape)]);
    const start = performance.now();
    const results = await its.run(Object.fromEntries(tensors));
    const milliseconds = performance.now() - start;
    const [{ data, dims }] = Object.values(results);
    postMessage({ number, milliseconds, data, shape: dims });
  } catch (error) {
    postMessage({ number, error: String(error.message ?? error) });
  }
}

let before = Promise.resolve();
addEventListener("message", ({ data }) => {
  before = before.then(() => answer(data));
});
