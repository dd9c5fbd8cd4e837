// The page: a way to choose a model, and what it can do.

import { element } from "./elements.js";
import { showGiven } from "./given.js";
import { showLatents } from "./latent_space.js";
import { Model } from "./model.js";
import { language, words } from "./words.js";

const main = document.querySelector("main");
const status = document.querySelector("#status");

export function report(text) {
  status.textContent = text;
}

window.addEventListener("unhandledrejection", ({ reason }) => report(words.failed(reason.message ?? reason)));

async function show(name) {
  document.title = `${name} · kerasgan`;
  report(words.loading);
  const response = await fetch(`models/${name}/kerasgan.json`);
  if (!response.ok) throw new Error(`models/${name}: ${response.status} ${response.statusText}`);
  const about = await response.json();
  const model = new Model(`models/${name}`, about, (milliseconds) => report(words.took(milliseconds)));
  document.querySelector("#model").replaceChildren(
    words.about(about), " ", element("a", { href: about.paper }, words.paper),
  );
  const place = element("div", { class: "model" }); // of its own: another model may be chosen before this one is shown
  main.replaceChildren(place);
  const space = await showLatents(model, place);
  await showGiven(model, place, space);
}

function chooser(names, chosen) {
  const select = element("select", { id: "models" }, ...names.map((name) => element("option", {}, name)));
  select.value = chosen;
  select.addEventListener("change", () => {
    location.hash = select.value;
  });
  return element("label", {}, `${words.model} `, select);
}

async function start() {
  document.documentElement.lang = language;
  document.querySelector("#privacy").textContent = words.privacy;
  const names = await (await fetch("models.json")).json();
  const named = () => {
    const name = decodeURIComponent(location.hash.slice(1));
    return names.includes(name) ? name : names[0];
  };
  const nav = document.querySelector("nav");
  const open = () => {
    if (names.length > 1) nav.replaceChildren(chooser(names, named()));
    return show(named());
  };
  window.addEventListener("hashchange", open);
  await open();
}

start();
