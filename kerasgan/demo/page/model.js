// A model: its verbs from arrays to arrays, run by the worker.

const worker = new Worker(new URL("worker.js", import.meta.url), { type: "module" });
const asked = new Map();
let count = 0;

worker.addEventListener("message", ({ data: { number, error, ...result } }) => {
  const { resolve, reject } = asked.get(number);
  asked.delete(number);
  if (error === undefined) resolve(result);
  else reject(new Error(error));
});
worker.addEventListener("error", (event) => {
  for (const { reject } of asked.values()) reject(new Error(event.message ?? "worker.js"));
  asked.clear();
});

export class Model {
  constructor(folder, about, timed) {
    this.folder = folder;
    this.about = about;
    this.timed = timed;
  }

  has(verb) {
    return verb in this.about.verbs;
  }

  // inputs: {name: {data, shape}}. Returns {data, shape, milliseconds}.
  async run(verb, inputs) {
    const { file, inputs: wanted } = this.about.verbs[verb];
    const typed = Object.entries(inputs).map(([name, its]) => [name, { ...its, dtype: wanted[name].dtype }]);
    const number = count++;
    const result = await new Promise((resolve, reject) => {
      asked.set(number, { resolve, reject });
      const url = new URL(`${this.folder}/${file}`, document.baseURI).href;
      worker.postMessage({ number, file: url, inputs: Object.fromEntries(typed) });
    });
    this.timed(result.milliseconds);
    return result;
  }

  // The picture that one latent makes, of a class where the model takes one.
  decode(latent, label) {
    const inputs = { latents: { data: latent, shape: [1, latent.length] } };
    if ("labels" in this.about.verbs.decode.inputs) inputs.labels = { data: Int32Array.of(label), shape: [1] };
    return this.run("decode", inputs);
  }
}
