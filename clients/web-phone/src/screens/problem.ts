/** Screens without a device: the browser cannot be a phone, or the server is not reachable. */

import { button, buttons, h, picture } from "../dom.ts";
import { t } from "../i18n.ts";

const TEXTS = {
  insecure: ["insecure", "insecure_text"],
  no_storage: ["no_storage", "no_storage_text"],
  offline: ["error_network", "error_server"],
} as const;

export function showProblem(problem: keyof typeof TEXTS): void {
  const [title, text] = TEXTS[problem];
  const retry = (): void => {
    location.reload();
  };
  document
    .getElementById("main")
    ?.replaceChildren(
      picture("warning", "bad"),
      h("h1", { tabindex: -1 }, t(title)),
      h("p", {}, t(text)),
      buttons(button(t("retry"), "main", retry)),
    );
}
