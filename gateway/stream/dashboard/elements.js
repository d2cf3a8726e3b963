// Small words for building the page: elements, text, and what is kept between visits (layout only,
// never a key).

import {visible} from "./columns.js";

export const systemIsDark = matchMedia("(prefers-color-scheme: dark)");
export const find = (id) => document.getElementById(id);

export function element(tag, className = "", attributes = {}) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  return node;
}

/** An element that shows `text`, whatever characters it holds. */
export function said(tag, text, className = "", attributes = {}) {
  const node = element(tag, className, attributes);
  node.textContent = text;
  return node;
}

/** One button per name, the chosen one pressed. */
export function chipsOf(names, chosen, onChoose, textOf = visible) {
  return names.map((name) => {
    const chip = said("button", textOf(name), "chip", {
      type: "button", "aria-pressed": String(name === chosen),
    });
    chip.addEventListener("click", () => onChoose(name));
    return chip;
  });
}

/** Offers [value, text] pairs; nodes change only when the offer does. */
export function fillSelect(select, pairs, chosen) {
  const offered = JSON.stringify([pairs, chosen]);
  if (select.dataset.offered === offered) return;
  select.dataset.offered = offered;
  select.replaceChildren(...pairs.map(([value, text]) => {
    const option = said("option", text);
    option.value = value;
    option.selected = value === chosen;
    return option;
  }));
}

export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

export function remember(name, value) {
  try {
    localStorage.setItem(name, JSON.stringify(value));
  } catch {
    // A browser without storage forgets the layout; nothing else is lost.
  }
}

export function recall(name) {
  try {
    return JSON.parse(localStorage.getItem(name));
  } catch {
    return null;
  }
}

/** The canvas fitted to its box in pixels; null while out of sight. */
export function fitCanvas(canvas) {
  const {clientWidth: width, clientHeight: height} = canvas;
  if (width === 0 || height === 0) return null;
  const scale = devicePixelRatio || 1;
  if (canvas.width !== Math.round(width * scale) || canvas.height !== Math.round(height * scale)) {
    canvas.width = Math.round(width * scale);
    canvas.height = Math.round(height * scale);
  }
  const pen = canvas.getContext("2d");
  pen.setTransform(scale, 0, 0, scale, 0, 0);
  pen.clearRect(0, 0, width, height);
  const style = getComputedStyle(canvas);
  const isDark = style.colorScheme === "dark" || (style.colorScheme !== "light" && systemIsDark.matches);
  // A canvas does not know light-dark(): take the side that is shown.
  const colour = (name) => style.getPropertyValue(`--${name}`).match(/#\w+/g)[Number(isDark)];
  pen.font = `11px ${style.fontFamily}`;
  return {pen, width, height, colour};
}
