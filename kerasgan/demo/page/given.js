// What a model makes of a picture that is drawn or dropped: other pictures, classes and scores.

import { choice, element, newest, section, slider } from "./elements.js";
import { report } from "./page.js";
import { paletteOf } from "./palettes.js";
import { draw, figure, picture, read } from "./pictures.js";
import { words } from "./words.js";

const VERBS = ["translate", "translate_back", "reconstruct", "degrade", "classify", "anomaly_score", "log_prob"];
const LONGEST = 96; // pixels of a side that a model of any size is given: more takes seconds
const BRUSH = 1 / 14; // of the side: a pen's width in handwritten digits

export function showGiven(model, main) {
  const verbs = VERBS.filter((verb) => model.has(verb));
  if (!verbs.length) return;
  const [, height, width, channels] = model.about.verbs[verbs[0]].inputs.images.shape;
  const isFixed = typeof height === "number";
  const input = { model, channels, isFixed, palette: paletteOf(model.about) };
  input.canvas = element("canvas", {
    id: "input", width: isFixed ? width : LONGEST, height: isFixed ? height : LONGEST, tabindex: 0,
    role: "application", "aria-label": words.drawKeys,
  });
  input.pen = input.canvas.getContext("2d", { willReadFrequently: true });
  const outputs = verbs.map((verb) => output(model, verb));
  input.changed = newest(async (isStale) => {
    const images = read(input.canvas, channels);
    for (const its of outputs) {
      its.show(await model.run(its.verb, { images }));
      if (isStale()) return;
    }
  });
  const easel = element("div", { class: "easel" }, element("div", { class: "stage" }, input.canvas), ...tools(input));
  const hint = input.palette ? words.labelsHint : channels === 1 ? words.digitHint : words.photographHint;
  main.append(section("given", words.given, hint,
    element("div", { class: "given" }, easel, element("div", { class: "outputs" }, ...outputs.map((its) => its.element)))));
  example(input);
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
  return { verb, show: (made) => draw(canvas, made), element: figure(canvas, caption, verb) };
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

function example(input) {
  const { canvas, pen, channels, palette, changed } = input;
  clear(input);
  const [x, y] = [canvas.width / 64, canvas.height / 64];
  if (channels === 1) {
    pen.fillStyle = "white";
    pen.textAlign = "center";
    pen.font = `${52 * y}px sans-serif`;
    pen.fillText("5", canvas.width / 2, 51 * y);
  } else {
    const parts = palette ? palette.example.map(([name, ...place]) => [palette.colours[name], ...place]) : HOUSE;
    for (const [colour, left, top, width, height] of parts) {
      pen.fillStyle = colour;
      pen.fillRect(Math.round(left * x), Math.round(top * y), Math.round(width * x), Math.round(height * y));
    }
  }
  changed();
}

const HOUSE = [["#9cc4e4", 0, 0, 64, 44], ["#6b9a4b", 0, 44, 64, 20], ["#8a3b2a", 12, 14, 40, 10], ["#e3d3b0", 14, 24, 36, 28],
  ["#41546b", 19, 28, 8, 8], ["#41546b", 37, 28, 8, 8], ["#5a3a22", 28, 38, 8, 14]];

function tools(input) {
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
  const names = ["brush", "rectangle", "eraser"];
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
  const wipe = () => {
    clear(input);
    input.changed();
  };
  return [
    kinds, ...ink, size.label,
    element("div", { class: "tools" },
      element("button", { type: "button", id: "clear", onclick: wipe }, words.clear),
      element("button", { type: "button", id: "example", onclick: () => example(input) }, words.example), file),
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
    if (state.tool === "rectangle") {
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
function keys({ canvas }, state, stroke, remember) {
  const cross = element("span", { class: "dot" });
  let [x, y] = [canvas.width / 2, canvas.height / 2];
  let corner = null;
  const move = () => {
    cross.style.left = `${(100 * x) / canvas.width}%`;
    cross.style.top = `${(100 * y) / canvas.height}%`;
  };
  canvas.addEventListener("focus", () => {
    if (canvas.matches(":focus-visible")) canvas.after(cross);
    move();
  });
  canvas.addEventListener("blur", () => cross.remove());
  canvas.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (!step && event.key !== " ") return;
    event.preventDefault();
    if (step) {
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
  const { canvas, pen, isFixed, changed } = input;
  if (!isFixed) {
    const share = Math.min(1, LONGEST / Math.max(bitmap.width, bitmap.height));
    canvas.width = Math.max(1, Math.round(bitmap.width * share));
    canvas.height = Math.max(1, Math.round(bitmap.height * share));
  }
  const share = Math.max(canvas.width / bitmap.width, canvas.height / bitmap.height);
  const [width, height] = [bitmap.width * share, bitmap.height * share];
  pen.imageSmoothingQuality = "high";
  pen.drawImage(bitmap, (canvas.width - width) / 2, (canvas.height - height) / 2, width, height);
  changed();
}
