/** Waiting requests, accounts, and whether pushes arrive. */

import { button, buttons, foreignText, h, picture } from "../dom.ts";
import { plural, t, time, type Key } from "../i18n.ts";
import { pushState } from "../push.ts";
import type { App, Screen } from "../router.ts";

export function homeScreen(app: App): Screen {
  const content = h("div", { class: "stack" });
  const push = h("div", {});
  let drawn = "";
  const update = (): void => {
    const { accounts, configuration, requests, statuses, isOffline } = app.phone;
    const state = JSON.stringify([accounts, configuration, requests, statuses, isOffline]);
    void drawPush(app, push);
    if (state === drawn) return;
    drawn = state;
    const focused = document.activeElement?.id ?? "";
    content.replaceChildren(...parts(app), push);
    if (focused !== "") document.getElementById(focused)?.focus();
  };
  update();
  return { title: t("home_title"), content: [content], isFirst: true, update };
}

function parts(app: App): HTMLElement[] {
  const { accounts, isDataLost, isOffline } = app.phone;
  const add = button(
    t("add"),
    accounts.length === 0 ? "main" : "quiet",
    () => {
      app.go({ name: "add" });
    },
    { id: "add" },
  );
  const scan = button(
    t("otp"),
    "quiet",
    () => {
      app.go({ name: "otp" });
    },
    { id: "otp" },
  );
  const hasActive = app.phone.activeAccounts.length > 0;
  return [
    ...(isDataLost ? [h("p", { class: "notice bad", role: "alert" }, t("notice_lost"))] : []),
    ...(isOffline ? [h("p", { class: "notice late", role: "status" }, t("error_network"))] : []),
    ...(hasActive ? [requestList(app)] : []),
    ...(accounts.length === 0 ? [empty()] : [accountList(app)]),
    buttons(add, hasActive && scan),
  ];
}

function empty(): HTMLElement {
  return h(
    "section",
    { class: "empty" },
    picture("phone"),
    h("h2", {}, t("no_accounts")),
    h("p", {}, t("no_accounts_text")),
  );
}

function requestList(app: App): HTMLElement {
  const { requests } = app.phone;
  const heading = h("h2", { id: "requests" }, t("requests"));
  if (requests.length === 0) {
    const { activeAccounts } = app.phone;
    const isReached = activeAccounts.some(({ profileId }) => noRequestsKey(app, profileId) === undefined);
    const text = h("p", { class: "soft" }, h("b", {}, t("no_requests")), isReached && ` ${t("no_requests_text")}`);
    return h("section", { "aria-labelledby": "requests" }, heading, text);
  }
  const items = requests.map(({ transactionId, profileId, message, timestamp }) => {
    const open = button(
      t("show"),
      "main",
      () => {
        app.go({ name: "request", transactionId, profileId });
      },
      {
        id: `request-${transactionId}`,
        "aria-describedby": `message-${transactionId}`,
      },
    );
    return h(
      "li",
      { class: "card waiting" },
      h("p", { class: "soft" }, `${app.phone.applicationName(profileId)} · ${time(timestamp)}`),
      foreignText("p", message === "" ? t("request_default") : message, {
        id: `message-${transactionId}`,
        class: "message",
      }),
      open,
    );
  });
  const count = h("p", { class: "soft" }, plural("requests", requests.length));
  return h("section", { "aria-labelledby": "requests" }, heading, count, h("ul", {}, ...items));
}

/** Return the text of an account that gets no requests; undefined if it gets some. */
function noRequestsKey(app: App, profileId: string): Key | undefined {
  const requests = app.phone.status(profileId)?.requests ?? "received";
  return { received: undefined, other_device: "requests_elsewhere" as const, off: "requests_off" as const }[requests];
}

function accountList(app: App): HTMLElement {
  const items = app.phone.accounts.map(({ profileId, state }) => {
    const name = app.phone.applicationName(profileId);
    const isLocked = app.phone.status(profileId)?.locked === true;
    const label = state === "active" ? t("manage") : t("show");
    const noRequests = state === "active" ? noRequestsKey(app, profileId) : undefined;
    return h(
      "li",
      { class: "card account" },
      h("span", { class: "avatar", "aria-hidden": "true" }, name.slice(0, 1).toUpperCase()),
      h(
        "span",
        { class: "grow" },
        h("b", {}, name),
        state === "active" ? h("small", {}, t("same_code", { id: profileId })) : h("small", { class: "bad" }, t(state)),
        noRequests !== undefined && h("small", {}, t(noRequests)),
        isLocked && h("small", { class: "bad" }, t("locked", { application: name })),
      ),
      button(
        label,
        "quiet",
        () => {
          app.go({ name: "account", profileId });
        },
        {
          id: `account-${profileId}`,
          "aria-label": `${label}: ${name}`,
        },
      ),
    );
  });
  return h("ul", { "aria-label": t("home_title") }, ...items);
}

async function drawPush(app: App, element: HTMLElement): Promise<void> {
  const kind = app.phone.activeAccounts.length === 0 ? "" : (await pushState(app.phone)).kind;
  if (element.dataset.kind === kind) return;
  element.dataset.kind = kind;
  if (kind === "") {
    element.replaceChildren();
    return;
  }
  const open = button(
    t("push_title"),
    "quiet",
    () => {
      app.go({ name: "push" });
    },
    { id: "push" },
  );
  const text = kind === "on" ? t("push_on") : t("push_off");
  element.replaceChildren(h("p", { class: "row soft" }, h("span", { class: "grow" }, text), open));
}
