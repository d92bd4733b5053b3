/** Add an account: by camera, by link, or by a typed code. */

import { parseEnrollmentLink, type EnrollmentLink } from "@countersign/device";
import { hasCamera, Scanner } from "../camera.ts";
import { button, buttons, h } from "../dom.ts";
import { t } from "../i18n.ts";
import { updatePush } from "../push.ts";
import type { App, Screen } from "../router.ts";
import { attempt, choice, field, form, Problem } from "./parts.ts";

export function addScreen(app: App): Screen {
  const problem = new Problem();
  const camera = cameraPart(problem, (text) => {
    const link = parseEnrollmentLink(text);
    if (link === undefined) problem.show(t("camera_other"));
    else openLink(app, link, problem);
  });
  const content = [
    h("p", {}, t("add_intro")),
    ...(camera === undefined ? [] : [camera.element]),
    problem.element,
    linkForm(app, problem),
    h("h2", {}, t("add_type")),
    codeForm(app, problem),
  ];
  return { title: t("add_title"), content, stop: () => camera?.stop() };
}

/** A button that turns the camera on. Without a camera, return undefined. */
export function cameraPart(
  problem: Problem,
  onText: (text: string) => void,
): { element: HTMLElement; stop: () => void } | undefined {
  if (!hasCamera()) return undefined;
  let scanner: Scanner | undefined;
  const element = h("div", { class: "camera" });
  const stop = (): void => {
    scanner?.stop();
    scanner = undefined;
    element.replaceChildren(start);
  };
  const start = button(t("add_camera"), "main", () => {
    problem.clear();
    scanner = new Scanner(onText, (reason) => {
      stop();
      problem.show(t(reason));
    });
    const end = button(t("close"), "quiet", () => {
      stop();
      start.focus();
    });
    element.replaceChildren(scanner.element, h("p", { class: "soft", role: "status" }, t("camera_hint")), end);
    end.focus();
    void scanner.start();
  });
  element.append(start);
  return { element, stop };
}

function openLink(app: App, link: EnrollmentLink, problem: Problem): void {
  if (isAllowed(app, link)) app.openLink(link);
  else problem.show(t("link_other"));
}

/** The policy of the page allows connections to one server. */
const isAllowed = (app: App, { server, applicationId }: EnrollmentLink): boolean =>
  server === app.phone.configuration.server && app.phone.application(applicationId) !== undefined;

function linkForm(app: App, problem: Problem): HTMLElement {
  const { element, input } = field(t("add_link"), { type: "url", inputmode: "url" }, t("add_link_hint"));
  return form(
    t("continue"),
    () => {
      const link = parseEnrollmentLink(input.value);
      if (link === undefined) problem.show(t("add_link_wrong"));
      else openLink(app, link, problem);
    },
    element,
  );
}

function codeForm(app: App, problem: Problem): HTMLElement {
  const { server, applications } = app.phone.configuration;
  const application = choice(
    t("application"),
    applications.map(({ id, name }) => [id, name]),
  );
  const { element, input } = field(t("code"), { type: "text", maxlength: 100 });
  return form(
    t("continue"),
    () => {
      const code = input.value.trim();
      if (code === "") problem.show(t("code_wrong"));
      else openLink(app, { server, applicationId: application.value(), code }, problem);
    },
    h("p", { class: "soft" }, `${t("server")}: `, h("bdi", {}, server)),
    application.element,
    element,
  );
}

/** Confirmation: a link of somebody else must not add an account without a question. */
export function confirmScreen(app: App): Screen {
  const { link } = app;
  if (link === undefined || !isAllowed(app, link)) {
    return { title: t("add_title"), content: [h("p", { class: "notice bad", role: "alert" }, t("link_other"))] };
  }
  const name = app.phone.application(link.applicationId)?.name ?? link.applicationId;
  const problem = new Problem();
  const area = buttons(
    button(t("add"), "main", () =>
      attempt(area, problem, async () => {
        app.announce(t("adding"));
        await enroll(app, link);
      }),
    ),
    button(t("cancel"), "quiet", () => {
      app.link = undefined;
      app.home();
    }),
  );
  const content = [
    h("p", {}, t("add_confirm_text", { application: name })),
    h("p", { class: "soft" }, `${t("server")}: `, h("bdi", {}, link.server)),
    problem.element,
    area,
  ];
  return { title: t("add_confirm_title"), content };
}

/** Enrol, then show what the application requires: the PIN, the fingerprint, push. */
async function enroll(app: App, link: EnrollmentLink): Promise<void> {
  const { profileId } = await app.phone.enroll(link);
  app.link = undefined;
  // Without these two, the account works: it is shown, and the next start repeats them.
  await app.phone.refresh().catch(() => undefined);
  void updatePush(app.phone, profileId).catch(() => undefined);
  const pin = app.phone.status(profileId)?.authenticators.find(({ type }) => type === "pin");
  if (pin?.allowed === true && !pin.registered) app.replace({ name: "pin", profileId });
  else app.replace({ name: "push" });
}
