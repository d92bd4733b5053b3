/** Screens and the way between them. The address never changes: it must not contain codes or ids. */

import type { Challenge, EnrollmentLink, TransactionReference } from "@countersign/device";
import { h } from "./dom.ts";
import { t, type Key } from "./i18n.ts";
import type { Phone } from "./phone.ts";
import { Poller } from "./poller.ts";
import { accountScreen, removeScreen } from "./screens/account.ts";
import { addScreen, confirmScreen } from "./screens/add.ts";
import { authenticatorScreen } from "./screens/authenticators.ts";
import { homeScreen } from "./screens/home.ts";
import { otpScreen } from "./screens/otp.ts";
import { pinScreen } from "./screens/pin.ts";
import { pushScreen } from "./screens/push.ts";
import { fraudScreen, requestScreen } from "./screens/request.ts";
import { resultScreen, type Result } from "./screens/result.ts";

export interface Screen {
  readonly title: string;
  readonly content: readonly HTMLElement[];
  /** Without it, the screen has a button to go back. */
  readonly isFirst?: boolean;
  /** The accounts or requests have changed. */
  update?(): void;
  stop?(): void;
}

type ScreenName = keyof typeof SCREENS;

/** State of the browser's history. It is stored on the disk: it contains no code and no text of a request. */
export interface Route {
  readonly name: ScreenName;
  readonly profileId?: string;
  readonly transactionId?: string;
  readonly authenticator?: string;
}

const SCREENS = {
  home: homeScreen,
  add: addScreen,
  confirm: confirmScreen,
  account: accountScreen,
  remove: removeScreen,
  pin: pinScreen,
  authenticator: authenticatorScreen,
  push: pushScreen,
  request: requestScreen,
  fraud: fraudScreen,
  result: resultScreen,
  otp: otpScreen,
} as const satisfies Record<string, (app: App, route: never) => Screen>;

export class App {
  readonly phone: Phone;
  readonly poller: Poller;
  /** Link that waits for the user's confirmation. */
  link: EnrollmentLink | undefined;
  /** Open challenges by transaction. */
  readonly challenges = new Map<string, Challenge>();
  result: Result | undefined;
  /** PIN that was set a moment ago, for the other authenticators. Their screen removes it. */
  newPin: string | undefined;
  readonly #main = document.getElementById("main") ?? document.body;
  readonly #live = document.getElementById("live") ?? document.body;
  #screen: Screen | undefined;
  #route: Route = { name: "home" };

  constructor(phone: Phone) {
    this.phone = phone;
    this.poller = new Poller(phone, (requests) => {
      const [request] = requests;
      if (request !== undefined) this.announce(t("new_request", { message: request.message }));
    });
    const brand = document.getElementById("brand");
    if (brand !== null) brand.textContent = phone.configuration.name;
    phone.onChange(() => this.#screen?.update?.());
    globalThis.addEventListener("popstate", ({ state }: PopStateEvent) => {
      this.#render((state as Route | null) ?? { name: "home" });
    });
  }

  start(): void {
    this.replace({ name: "home" });
  }

  /** Show a screen. `back` returns to the current one. */
  go(route: Route): void {
    history.pushState(route, "");
    this.#render(route);
  }

  /** Show a screen instead of the current one. */
  replace(route: Route): void {
    history.replaceState(route, "");
    this.#render(route);
  }

  home(): void {
    this.replace({ name: "home" });
    void this.poller.poll();
  }

  openLink(link: EnrollmentLink): void {
    this.link = link;
    this.#leave({ name: "confirm" });
  }

  openRequest({ transactionId, profileId }: TransactionReference): void {
    if (this.#route.transactionId === transactionId) return;
    this.#leave({ name: "request", transactionId, profileId });
  }

  #leave(route: Route): void {
    if (this.#route.name === "home") this.go(route);
    else this.replace(route);
  }

  /** Read a text to users of screen readers. */
  announce(text: string): void {
    this.#live.textContent = text;
  }

  /** Show a text for some seconds, and read it. */
  notify(key: Key): void {
    this.announce(t(key));
    const notice = h("p", { class: "notice good toast", "aria-hidden": "true" }, t(key));
    this.#main.before(notice);
    setTimeout(() => {
      notice.remove();
    }, 6000);
  }

  #render(route: Route): void {
    this.#screen?.stop?.();
    this.#route = route;
    const screen = SCREENS[route.name](this, route);
    this.#screen = screen;
    const heading = h("h1", { tabindex: -1 }, screen.title);
    const back = h(
      "button",
      {
        type: "button",
        class: "back",
        onclick: () => {
          this.back();
        },
      },
      t("back"),
    );
    this.#main.replaceChildren(...(screen.isFirst === true ? [] : [back]), heading, ...screen.content);
    document.title = `${screen.title} · ${this.phone.configuration.name}`;
    heading.focus({ preventScroll: true });
    scrollTo(0, 0);
  }

  /** Change the title of the current screen, when its content is known. */
  retitle(title: string): void {
    const heading = this.#main.querySelector("h1");
    if (heading !== null) heading.textContent = title;
    document.title = `${title} · ${this.phone.configuration.name}`;
  }

  /** Return to the screen before, or without one to the first. */
  back(): void {
    if (history.length > 1 && history.state !== null) history.back();
    else this.home();
  }
}
