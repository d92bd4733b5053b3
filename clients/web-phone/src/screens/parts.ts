/** Parts of several screens. */

import { button, buttons, h, type Child } from "../dom.ts";
import { describe } from "../errors.ts";
import { t } from "../i18n.ts";

/** Text that appears when something fails. Screen readers read it at once. */
export class Problem {
  readonly element = h("p", { class: "notice bad", role: "alert", hidden: true });

  show(text: string): void {
    this.element.textContent = text;
    this.element.hidden = text === "";
  }

  clear(): void {
    this.show("");
  }
}

/** Run an action. The controls are disabled meanwhile, and an error is shown. Return true if it succeeded. */
export async function attempt(area: HTMLElement, problem: Problem, run: () => Promise<void>): Promise<boolean> {
  if (area.ariaBusy === "true") return false;
  problem.clear();
  area.ariaBusy = "true";
  try {
    await run();
    return true;
  } catch (error) {
    problem.show(describe(error));
    return false;
  } finally {
    area.ariaBusy = null;
  }
}

let fields = 0;

export interface Field {
  readonly element: HTMLElement;
  readonly input: HTMLInputElement;
}

/** Create a text field with its label and an optional hint. */
export function field(label: string, attributes: Record<string, string | number | boolean>, hint = ""): Field {
  fields += 1;
  const id = `field-${fields}`;
  const described = hint === "" ? {} : { "aria-describedby": `${id}-hint` };
  const common = { id, autocomplete: "off", spellcheck: "false", autocapitalize: "off", ...described };
  const input = h("input", { ...common, ...attributes });
  const element = h(
    "div",
    { class: "field" },
    h("label", { for: id }, label),
    input,
    hint !== "" && h("p", { id: `${id}-hint`, class: "soft" }, hint),
  );
  return { element, input };
}

/** Create a form whose button and Enter run `submit`. */
export function form(label: string, submit: () => unknown, ...children: Child[]): HTMLFormElement {
  const onsubmit = (event: Event): void => {
    event.preventDefault();
    void submit();
  };
  return h(
    "form",
    { onsubmit, novalidate: true },
    ...children,
    buttons(h("button", { type: "submit", class: "main" }, label)),
  );
}

export interface Choice {
  readonly element: HTMLElement;
  readonly value: () => string;
}

/** Create a list of values. With one value, it is not shown. */
export function choice(label: string, values: readonly (readonly [string, string])[]): Choice {
  fields += 1;
  const id = `field-${fields}`;
  const select = h("select", { id }, ...values.map(([value, text]) => h("option", { value }, text)));
  const element = h("div", { class: "field", hidden: values.length < 2 }, h("label", { for: id }, label), select);
  return { element, value: () => select.value };
}

export const doneButton = (home: () => void): HTMLElement => buttons(button(t("done"), "main", home));
