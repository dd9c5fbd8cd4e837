// Elements of the page.

export function element(tag, attributes = {}, ...children) {
  const its = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) its.addEventListener(name.slice(2), value);
    else if (value === true) its.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) its.setAttribute(name, value);
  }
  its.append(...children);
  return its;
}

export function section(id, title, hint, ...children) {
  const heading = `${id}-title`;
  return element(
    "section", { id, "aria-labelledby": heading },
    element("h2", { id: heading }, title), element("p", { class: "hint" }, hint), ...children,
  );
}

export function slider(text, attributes, change) {
  const range = element("input", { type: "range", ...attributes });
  range.addEventListener("input", () => change(Number(range.value)));
  return { range, label: element("label", { class: "slider" }, element("span", {}, text), range) };
}

// One button of several is pressed.
export function choice(values, texts, chosen, change, className = "choice") {
  const buttons = values.map((value, i) => element("button", {
    type: "button", "aria-pressed": String(value === chosen), onclick: () => {
      for (const other of buttons) other.setAttribute("aria-pressed", String(other === buttons[i]));
      change(value);
    },
  }, texts[i]));
  return element("div", { class: className, role: "group" }, ...buttons);
}

// Work of which only the newest is wanted: while one is done, those that come meanwhile wait, and the last of them is next.
export function newest(work) {
  let waiting = null;
  let busy = false;
  return async (...given) => {
    waiting = given;
    if (busy) return;
    busy = true;
    try {
      while (waiting) {
        const its = waiting;
        waiting = null;
        await work(...its, () => waiting !== null);
      }
    } finally {
      busy = false;
    }
  };
}
