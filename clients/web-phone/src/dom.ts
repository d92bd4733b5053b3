/** Elements without parsed HTML: texts are text nodes, so that no text of a server can become code. */

export type Child = Node | string | undefined | false;
export type Attributes = Record<string, string | number | boolean | EventListener | undefined>;

/** Create an element. Attributes that start with `on` are listeners. */
export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) setAttribute(element, name, value);
  element.append(...children.filter((child) => child !== undefined && child !== false));
  return element;
}

function setAttribute(element: HTMLElement, name: string, value: Attributes[string]): void {
  if (value === undefined || value === false) return;
  if (typeof value === "function") element.addEventListener(name.slice(2), value);
  else element.setAttribute(name, value === true ? "" : String(value));
}

/** Create a button. `style` is one of the classes of app.css. */
export function button(label: string, style: string, onClick: () => unknown, attributes: Attributes = {}): HTMLElement {
  return h("button", { type: "button", class: style, onclick: () => void onClick(), ...attributes }, label);
}

const SHAPES = {
  approved: "M20 34l10 10 20-22",
  denied: "M24 24l24 24M48 24L24 48",
  ended: "M36 20v18l11 7",
  warning: "M36 18v24M36 51v1",
  phone: "M24 12h24v48H24zM33 53h6",
  bell: "M18 48h36l-5-7V31a13 13 0 0 0-26 0v10zM32 54a4.5 4.5 0 0 0 8 0",
} as const;

/** Create a decorative picture. */
export function picture(shape: keyof typeof SHAPES, style = ""): HTMLElement {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  svg.setAttribute("viewBox", "0 0 72 72");
  svg.setAttribute("aria-hidden", "true");
  path.setAttribute("d", SHAPES[shape]);
  svg.append(path);
  const sign = h("div", { class: `sign ${style}` });
  sign.append(svg);
  return sign;
}

/** Group of buttons. */
export const buttons = (...children: Child[]): HTMLElement => h("div", { class: "buttons" }, ...children);

/** Text of a portal, in its own direction. Control characters that could reorder or hide parts of it are visible. */
export function foreignText(tag: "p" | "pre", text: string, attributes: Attributes = {}): HTMLElement {
  return h(tag, { dir: "auto", ...attributes }, visible(text));
}

// Controls except line breaks and tabs, directional formatting, and characters without width.

const INVISIBLE =
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff]/g;

/** Replace characters that are invisible or change the order of others by their code, for example `[U+202E]`. */
export function visible(text: string): string {
  return text
    .replaceAll("\r\n", "\n")
    .replace(INVISIBLE, (character) => `[U+${character.charCodeAt(0).toString(16).toUpperCase().padStart(4, "0")}]`);
}
