// What a model's latents mean: samples, and what lies between them.

import { choice, element, newest, section, slider } from "./elements.js";
import { examples } from "./examples.js";
import { arithmetic, between, drawn, linear, mean, moved, normal, spherical } from "./latents.js";
import { draw, figure, picture } from "./pictures.js";
import { words } from "./words.js";

const SAMPLES = 18;
const EXEMPLARS = 3; // whose mean is taken in arithmetic: results of single ones are not stable (Radford 2016)
const UNBOUNDED = 3; // the threshold from which on nothing is drawn again
const FAR = 3; // standard deviations to each side, along a direction
const PLANE = 0.05; // of a plane's side, that an arrow key moves

// Returns the space, whose take(images) puts a picture into it where the model can encode one; or null without latents.
export async function showLatents(model, main) {
  const drawsSamples = model.has("decode") && model.about.latents.distribution !== undefined;
  if (!drawsSamples && !(model.has("decode") && model.has("encode"))) return null;
  const classes = "labels" in model.about.verbs.decode.inputs ? model.about.class_names : null;
  const space = { model, label: 0, slots: [], active: null, changed: [], cells: [] };
  space.way = drawsSamples ? spherical : linear; // without a prior there is no length that latents should keep
  space.cells = Array.from({ length: SAMPLES }, (_, i) => cell(space, i));

  const samples = drawsSamples ? sampleGrid(space, classes) : encodedGrid(space);
  main.append(samples.section);
  const places = [arc(space), plane(space), sum(space)];
  if (drawsSamples) {
    const response = await fetch(`${model.folder}/directions.json`);
    const directions = response.ok ? await response.json() : [];
    if (directions.length) places.push(along(space, directions));
  }
  main.append(...places.map((place) => place.section));
  activate(space, space.slots[0]);
  await samples.draw();
  space.slots.forEach((slot, i) => fill(space, slot, space.cells[i % SAMPLES]));
  for (const change of space.changed) change();
  if (model.has("encode")) space.take = taking(space);
  return space;
}

// ---- samples --------------------------------------------------------------------------------------------------------

function cell(space, i) {
  const canvas = picture("");
  const button = element("button", { type: "button", class: "sample", "aria-label": words.sample(i + 1) }, canvas);
  const its = { canvas, button, latent: null, wasDragged: false };
  button.addEventListener("click", () => {
    if (its.wasDragged) its.wasDragged = false; // the end of a drag is a click, too
    else pick(space, its);
  });
  drag(space, its);
  return its;
}

function grid({ cells }) {
  return element("div", { class: "grid" }, ...cells.map((its) => its.button));
}

async function set(space, its, latent) {
  draw(its.canvas, await space.model.decode(latent, space.label));
  its.latent = its.canvas.latent = latent;
}

async function encoded(space, images) {
  return (await space.model.run("encode", { images })).data;
}

// Pictures come into the grid one after the other, in place of what is there, and into the place that is chosen.
function taking(space) {
  let count = 0;
  return async (images) => {
    const its = space.cells[count++ % SAMPLES];
    await set(space, its, await encoded(space, images));
    pick(space, its);
  };
}

function encodedGrid(space) {
  const given = examples(SAMPLES, space.model.about.verbs.encode.inputs.images.shape);
  return {
    draw: async () => {
      for (const [i, its] of space.cells.entries()) await set(space, its, await encoded(space, given[i]));
    },
    section: section("samples", words.encoded, words.encodedHint, grid(space)),
  };
}

function sampleGrid(space, classes) {
  let [seed, threshold] = [0, UNBOUNDED];
  const { cells } = space;
  const drawAll = newest(async (isStale) => {
    const next = normal(seed);
    const dimension = space.model.about.latents.dimension;
    const latents = cells.map(() => drawn(next, dimension, threshold < UNBOUNDED ? threshold : Infinity));
    for (const [i, its] of cells.entries()) {
      await set(space, its, latents[i]);
      if (isStale()) return;
    }
  });
  const again = (event) => {
    seed = Number(event.target.value) >>> 0;
    drawAll();
  };
  const number = element("input", { type: "number", id: "seed", min: 0, max: 2 ** 32 - 1, value: seed, onchange: again });
  const others = element("button", {
    type: "button", id: "others", onclick: () => {
      number.value = seed + 1;
      number.dispatchEvent(new Event("change"));
    },
  }, words.others);
  const truncation = slider(words.truncation, { id: "truncation", min: 0.1, max: UNBOUNDED, step: 0.1, value: UNBOUNDED }, (value) => {
    threshold = value;
    drawAll();
  });
  const relabel = (label) => {
    space.label = label;
    drawAll();
    for (const slot of space.slots) slot.redraw();
    for (const change of space.changed) change();
  };
  const labels = classes ? [choice(classes.map((_, i) => i), classes, 0, relabel, "choice labels")] : [];
  return {
    draw: drawAll,
    section: section(
      "samples", words.samples, words.samplesHint, ...labels, grid(space),
      element("div", { class: "tools" }, element("label", {}, `${words.seed} `, number), others, truncation.label),
    ),
  };
}

// ---- slots: places for latents, which samples are put into -----------------------------------------------------------

function slot(space, name, change, most = 1) {
  const canvas = picture("");
  const count = element("span", { class: "count" });
  const button = element("button", { type: "button", class: "slot", "aria-label": name, "aria-pressed": "false" },
    element("span", { class: "name" }, name), canvas, count);
  const its = { name, button, canvas, change, most, latents: [] };
  its.latent = () => mean(its.latents);
  its.redraw = newest(async () => {
    if (its.latents.length) draw(canvas, await space.model.decode(its.latent(), space.label));
    count.textContent = its.latents.length > 1 ? words.meanOf(its.latents.length) : "";
  });
  button.addEventListener("click", () => activate(space, its));
  button.slotOf = its;
  space.slots.push(its);
  return its;
}

function activate(space, its) {
  for (const other of space.slots) other.button.setAttribute("aria-pressed", String(other === its));
  space.active = its;
}

function fill(space, its, cell) {
  its.latents = [...its.latents, cell.latent].slice(-its.most);
  its.redraw();
}

function pick(space, cell, into = space.active) {
  if (!cell.latent) return;
  fill(space, into, cell);
  into.change();
  const group = space.slots.filter((other) => other.change === into.change);
  const next = into.most === 1 ? group[(group.indexOf(into) + 1) % group.length] : into;
  activate(space, next);
}

// Dragging is for the mouse; a finger scrolls the page, and picks.
function drag(space, cell) {
  const { button } = cell;
  let target = null;
  const over = ({ clientX, clientY }) => document.elementFromPoint(clientX, clientY)?.closest(".slot") ?? null;
  const mark = (slotButton) => {
    target?.classList.remove("target");
    target = slotButton;
    target?.classList.add("target");
  };
  button.addEventListener("pointerdown", (event) => {
    if (event.pointerType === "mouse") button.setPointerCapture(event.pointerId);
  });
  button.addEventListener("pointermove", (event) => {
    if (button.hasPointerCapture(event.pointerId)) mark(over(event));
  });
  button.addEventListener("pointerup", () => {
    cell.wasDragged = target !== null;
    if (target) pick(space, cell, target.slotOf);
    mark(null);
  });
  button.addEventListener("pointercancel", () => mark(null));
}

// ---- what is between them -------------------------------------------------------------------------------------------

// A picture that is drawn anew whenever what it is made of changes.
function result(space, name, latent) {
  const canvas = picture(name);
  const change = newest(async () => {
    const its = latent();
    const made = await space.model.decode(its, space.label);
    draw(canvas, made);
    canvas.latent = its;
  });
  space.changed.push(change);
  return { canvas, change, figure: figure(canvas, name, name) };
}

function arc(space) {
  let share = 0.5;
  const made = result(space, words.between, () => space.way(from.latent(), to.latent(), share));
  const from = slot(space, words.from, made.change);
  const to = slot(space, words.to, made.change);
  const { label } = slider(words.share, { min: 0, max: 1, step: 0.01, value: share }, (value) => {
    share = value;
    made.change();
  });
  const row = element("div", { class: "row" }, from.button, made.figure, to.button);
  return { section: section("arc", words.arc, space.way === linear ? words.lineHint : words.arcHint, row, label) };
}

function plane(space) {
  let [x, y] = [0.5, 0.5];
  const made = result(space, words.plane, () => between(corners.map((its) => its.latent()), x, y, space.way));
  const corners = words.corners.map((name) => slot(space, name, made.change));
  const dot = element("span", { class: "dot" });
  const pad = element("div", { class: "pad", tabindex: 0, role: "application", "aria-label": words.planeKeys }, made.canvas, dot);
  const go = (newX, newY) => {
    [x, y] = [newX, newY].map((value) => Math.min(1, Math.max(0, value)));
    dot.style.left = `${100 * x}%`;
    dot.style.top = `${100 * y}%`;
    made.change();
  };
  const point = (event) => {
    const { left, top, width, height } = pad.getBoundingClientRect();
    go((event.clientX - left) / width, (event.clientY - top) / height);
  };
  pad.addEventListener("pointerdown", (event) => {
    pad.setPointerCapture(event.pointerId);
    point(event);
  });
  pad.addEventListener("pointermove", (event) => {
    if (pad.hasPointerCapture(event.pointerId)) point(event);
  });
  pad.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (!step) return;
    event.preventDefault();
    go(x + PLANE * step[0], y + PLANE * step[1]);
  });
  const [topLeft, topRight, bottomLeft, bottomRight] = corners.map((its) => its.button);
  const table = element(
    "div", { class: "plane" }, topLeft, topRight,
    element("figure", {}, pad, made.figure.querySelector("figcaption")), bottomLeft, bottomRight,
  );
  return { section: section("plane", words.plane, words.planeHint, table) };
}

function sum(space) {
  const made = result(space, "A − B + C", () => arithmetic(...terms.map((its) => its.latent())));
  const terms = ["A", "B", "C"].map((name) => slot(space, name, made.change, EXEMPLARS));
  const [a, b, c] = terms.map((its) => its.button);
  const clear = () => {
    for (const its of terms) its.latents = its.latents.slice(-1);
    for (const its of terms) its.redraw();
    made.change();
  };
  const row = element("div", { class: "row sum" }, a, "−", b, "+", c, "=", made.figure);
  const last = element("button", { type: "button", onclick: clear }, words.lastAlone);
  return { section: section("sum", "A − B + C", words.sumHint, row, last) };
}

function along(space, directions) {
  const steps = directions.map(() => 0);
  const made = result(space, words.moved, () => moved(start.latent(), directions, steps));
  const start = slot(space, words.start, made.change);
  const sliders = directions.map(({ share }, i) => slider(
    words.direction(i + 1, share), { min: -FAR, max: FAR, step: 0.1, value: 0 }, (value) => {
      steps[i] = value;
      made.change();
    },
  ));
  const reset = () => {
    steps.fill(0);
    for (const { range } of sliders) range.value = 0;
    made.change();
  };
  return {
    section: section(
      "directions", words.directions, words.directionsHint,
      element("div", { class: "row" }, start.button, made.figure), ...sliders.map((its) => its.label),
      element("button", { type: "button", onclick: reset }, words.reset),
    ),
  };
}
