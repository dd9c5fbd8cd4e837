// What a model makes of a picture that is drawn or dropped: other pictures, classes and scores.

import { choice, element, newest, section, slider } from "./elements.js";
import { digit, front, HOUSE } from "./examples.js";
import { report } from "./page.js";
import { paletteOf } from "./palettes.js";
import { figure, picture, read, whole } from "./pictures.js";
import { pieces, putTogether } from "./pieces.js";
import { words } from "./words.js";

const VERBS = ["translate", "translate_back", "reconstruct", "degrade", "classify", "anomaly_score", "log_prob"];
const SIDE = 96; // pixels of the canvas of a model that takes any size
const MOST = 300_000; // pixels of a photograph that is given to it in pieces: half a minute of work
const AROUND = 3; // times a model's own size has a photograph with a hole, at most: in a larger one, too little is around it
const BRUSH = 1 / 14; // of the side: a pen's width in handwritten digits

export async function showGiven(model, main, space) {
  const verbs = VERBS.filter((verb) => model.has(verb));
  if (!verbs.length) return;
  const [, height, width, channels] = model.about.verbs[verbs[0]].inputs.images.shape;
  const input = { model, channels, palette: paletteOf(model.about), note: element("p", { class: "hint", id: "note" }) };
  input.fixed = typeof height === "number" ? { width, height } : null;
  input.reach = input.fixed ? null : (await (await fetch(`${model.folder}/pieces.json`)).json()).reach;
  const fillsHoles = input.fixed !== null && model.has("translate") && model.has("degrade");
  const [columns, rows] = input.fixed ? [width, height] : [SIDE, SIDE];
  input.start = fillsHoles ? { width: AROUND * columns, height: AROUND * rows } : { width: columns, height: rows };
  input.canvas = element("canvas", {
    id: "input", ...input.start, tabindex: 0, role: "application", "aria-label": fillsHoles ? words.holeKeys : words.drawKeys,
  });
  input.pen = input.canvas.getContext("2d", { willReadFrequently: true });
  input.hole = fillsHoles ? hole(input) : null;
  const outputs = verbs.map((verb) => output(model, verb));
  input.changed = newest(async (isStale) => {
    for (const its of outputs) {
      if (its.canvas) await inPieces(input, its, isStale);
      else its.show(await model.run(its.verb, { images: read(input.canvas, channels, input.hole?.area()) }));
      if (isStale()) return;
    }
  });
  const stage = element("div", { class: "stage" }, input.canvas, ...(input.hole ? [input.hole.frame] : []));
  const easel = element("div", { class: "easel" }, stage, input.note, ...tools(input, space));
  main.append(section("given", words.given, hint(input),
    element("div", { class: "given" }, easel, element("div", { class: "outputs" }, ...outputs.map((its) => its.element)))));
  example(input);
}

function hint({ palette, channels, hole, reach }) {
  if (palette) return words.labelsHint;
  if (channels === 1) return words.digitHint;
  if (hole) return words.holeHint;
  return reach === null ? words.photographHint : words.piecesHint;
}

async function inPieces(input, { verb, canvas }, isStale) {
  const { model, hole, reach } = input;
  const all = hole ? hole.area() : whole(input.canvas);
  const parts = reach === null ? [{ kept: all, given: all }] : pieces(all.width, all.height, reach);
  let total = 0;
  await putTogether(model, verb, input, parts, canvas, (n, milliseconds) => {
    total += milliseconds;
    report(n < parts.length ? words.piece(n, parts.length) : words.took(total));
    return !isStale() && input.canvas.isConnected; // another model may have been chosen
  });
}

// ---- what comes out -------------------------------------------------------------------------------------------------

function output(model, verb) {
  const caption = words.verbs[verb];
  if (verb === "classify") return bars(model.about.class_names, caption);
  if (verb === "anomaly_score" || verb === "log_prob") {
    const number = element("output", { id: verb });
    const show = ({ data }) => {
      number.textContent = data[0].toLocaleString(undefined, { maximumSignificantDigits: 4 });
    };
    return { verb, show, element: element("p", { class: "score" }, `${caption}: `, number) };
  }
  const canvas = picture(caption);
  canvas.id = verb;
  return { verb, canvas, element: figure(canvas, caption, verb) };
}

function bars(names, caption) {
  const rows = names.map((name) => {
    const meter = element("meter", { min: 0, max: 1, value: 0 });
    const share = element("span", { class: "share" });
    return { meter, share, row: element("label", { class: "bar" }, element("span", {}, name), meter, share) };
  });
  const show = ({ data }) => {
    const largest = Math.max(...data);
    const exponentials = Array.from(data, (logit) => Math.exp(logit - largest));
    const total = exponentials.reduce((sum, value) => sum + value, 0);
    rows.forEach(({ meter, share, row }, i) => {
      meter.value = exponentials[i] / total;
      share.textContent = `${(100 * meter.value).toFixed(1)} %`;
      row.classList.toggle("best", data[i] === largest);
    });
  };
  return { verb: "classify", show, element: element("div", { id: "classify" }, element("h3", {}, caption), ...rows.map((its) => its.row)) };
}

// ---- what goes in ---------------------------------------------------------------------------------------------------

function clear({ canvas, pen, channels, palette }) {
  pen.fillStyle = palette ? palette.colours.background : channels === 1 ? "black" : "white";
  pen.fillRect(0, 0, canvas.width, canvas.height);
}

function resize(input, { width, height }, note = "") {
  Object.assign(input.canvas, { width, height });
  input.note.textContent = note;
  input.hole?.move(width / 2, height / 2);
}

function example(input) {
  const { canvas, pen, channels, palette, changed } = input;
  resize(input, input.start);
  clear(input);
  if (palette) front(pen, palette.example.map(([name, ...place]) => [palette.colours[name], ...place]));
  else if (channels === 1) digit(pen, "5");
  else front(pen, HOUSE);
  changed();
}

function tools(input, space) {
  const { canvas, channels, palette } = input;
  const state = { tool: "brush", size: Math.max(1, BRUSH * canvas.width), colour: "white" };
  const ink = [];
  if (palette) {
    const names = Object.keys(palette.colours);
    state.colour = palette.colours.window;
    const texts = names.map((name) => element("span", {}, element("i", { style: `background:${palette.colours[name]}` }), words.colours[name]));
    ink.push(choice(names, texts, "window", (name) => {
      state.colour = palette.colours[name];
    }, "choice palette"));
  } else if (channels === 3) {
    state.colour = "#aa3322";
    const colour = element("input", { type: "color", value: state.colour });
    colour.addEventListener("input", () => {
      state.colour = colour.value;
    });
    ink.push(element("label", {}, `${words.colour} `, colour));
  }
  if (palette) state.tool = "rectangle";
  if (input.hole) state.tool = "hole";
  const names = [...(input.hole ? ["hole"] : []), "brush", "rectangle", "eraser"];
  const kinds = choice(names, names.map((name) => words.tools[name]), state.tool, (name) => {
    state.tool = name;
  });
  const size = slider(words.size, { min: 1, max: Math.round(canvas.width / 4), step: 0.5, value: state.size }, (value) => {
    state.size = value;
  });
  const file = element("input", { type: "file", accept: "image/*", "aria-label": words.open });
  file.addEventListener("change", () => place(input, file.files[0]));
  drawing(input, state);
  dropping(input);
  const taking = space?.take
    ? [element("button", { type: "button", id: "take", onclick: () => space.take(read(canvas, channels)) }, words.take)] : [];
  const wipe = () => {
    clear(input);
    input.changed();
  };
  return [
    kinds, ...ink, size.label,
    element("div", { class: "tools" },
      element("button", { type: "button", id: "clear", onclick: wipe }, words.clear),
      element("button", { type: "button", id: "example", onclick: () => example(input) }, words.example), ...taking, file),
  ];
}

function drawing(input, state) {
  const { canvas, pen, palette, channels } = input;
  const empty = palette ? palette.colours.wall : channels === 1 ? "black" : "white";
  let last = null; // where the pointer was; with a rectangle, where it began
  let before = null; // the picture without the rectangle that is being drawn
  const at = (event) => {
    const { left, top, width, height } = canvas.getBoundingClientRect();
    return [((event.clientX - left) / width) * canvas.width, ((event.clientY - top) / height) * canvas.height];
  };
  const stroke = (from, to) => {
    pen.strokeStyle = pen.fillStyle = state.tool === "eraser" ? empty : state.colour;
    if (state.tool === "hole") {
      input.hole.move(...to);
    } else if (state.tool === "rectangle") {
      const [left, right] = [from[0], to[0]].sort((a, b) => a - b);
      const [top, bottom] = [from[1], to[1]].sort((a, b) => a - b);
      pen.putImageData(before, 0, 0);
      pen.fillRect(Math.floor(left), Math.floor(top), Math.ceil(right) - Math.floor(left), Math.ceil(bottom) - Math.floor(top));
    } else {
      pen.lineCap = "round";
      pen.lineWidth = state.size;
      pen.beginPath();
      pen.moveTo(...from);
      pen.lineTo(...to);
      pen.stroke();
    }
    input.changed();
  };
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    last = at(event);
    before = pen.getImageData(0, 0, canvas.width, canvas.height);
    stroke(last, last);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!last) return;
    const here = at(event);
    stroke(last, here);
    if (state.tool !== "rectangle") last = here;
  });
  for (const end of ["pointerup", "pointercancel"]) {
    canvas.addEventListener(end, () => {
      last = null;
    });
  }
  keys(input, state, stroke, () => {
    before = pen.getImageData(0, 0, canvas.width, canvas.height);
  });
}

// With a keyboard: arrows move a cross, Space sets a dot there, and Enter the two corners of a rectangle.
function keys({ canvas, hole, changed }, state, stroke, remember) {
  const cross = element("span", { class: "dot" });
  let [x, y] = [canvas.width / 2, canvas.height / 2];
  let corner = null;
  const move = () => {
    cross.style.left = `${(100 * x) / canvas.width}%`;
    cross.style.top = `${(100 * y) / canvas.height}%`;
  };
  canvas.addEventListener("focus", () => {
    if (canvas.matches(":focus-visible") && state.tool !== "hole") canvas.after(cross);
    move();
  });
  canvas.addEventListener("blur", () => cross.remove());
  canvas.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (!step && event.key !== " ") return;
    event.preventDefault();
    if (state.tool === "hole") {
      if (step) hole.step(...step);
      changed();
    } else if (step) {
      x = Math.min(canvas.width, Math.max(0, x + step[0]));
      y = Math.min(canvas.height, Math.max(0, y + step[1]));
      move();
    } else if (state.tool === "rectangle" && !corner) {
      corner = [x, y];
    } else {
      remember();
      stroke(corner ?? [x, y], [x, y]);
      corner = null;
    }
  });
}

function dropping(input) {
  for (const name of ["dragover", "drop"]) {
    document.addEventListener(name, (event) => {
      if (!input.canvas.isConnected) return;
      event.preventDefault();
      if (name === "drop") place(input, event.dataTransfer.files[0]);
    });
  }
}

// Put a picture of any size onto the canvas: its middle, where the model takes one size alone.
async function place(input, file) {
  if (!file) return;
  let bitmap;
  try {
    bitmap = await createImageBitmap(file);
  } catch {
    report(words.noPicture(file.name));
    return;
  }
  const { canvas, pen, changed } = input;
  const size = sizeOf(input, bitmap);
  const isSmaller = size !== input.start && size.width < bitmap.width;
  const tell = input.reach === null ? words.smaller : words.smallerForTime;
  resize(input, size, isSmaller ? tell(file.name, bitmap, size) : "");
  const share = Math.max(canvas.width / bitmap.width, canvas.height / bitmap.height);
  const [width, height] = [bitmap.width * share, bitmap.height * share];
  pen.imageSmoothingQuality = "high";
  pen.drawImage(bitmap, (canvas.width - width) / 2, (canvas.height - height) / 2, width, height);
  changed();
}

// The size at which a photograph is shown to a model.
function sizeOf({ start, fixed, hole, reach }, { width, height }) {
  if (fixed && !hole) return start;
  const least = fixed ? Math.max(fixed.width / width, fixed.height / height) : 0;
  const most = fixed ? AROUND * least : reach === null ? SIDE / Math.max(width, height) : Math.sqrt(MOST / (width * height));
  const share = Math.max(least, Math.min(1, most));
  return { width: Math.max(1, Math.round(width * share)), height: Math.max(1, Math.round(height * share)) };
}

// What a model of one size sees of a photograph, with the hole that it fills: it can be moved about there.
function hole({ canvas, fixed, model }) {
  const edge = 50 * (1 - (model.about.hyperparameters?.hole ?? 1));
  const frame = element("span", { class: "frame" }, element("span", { style: `inset: ${edge}%` }));
  const area = { left: 0, top: 0, ...fixed };
  const within = (start, length, all) => Math.min(all - length, Math.max(0, Math.round(start)));
  const move = (x, y) => {
    area.left = within(x - area.width / 2, area.width, canvas.width);
    area.top = within(y - area.height / 2, area.height, canvas.height);
    for (const [side, all] of Object.entries({ left: "width", top: "height", width: "width", height: "height" })) {
      frame.style[side] = `${(100 * area[side]) / canvas[all]}%`;
    }
  };
  const step = (x, y) => move(area.left + area.width / 2 + x, area.top + area.height / 2 + y);
  return { frame, move, step, area: () => ({ ...area }) };
}
