/** Start of the app: read the link, open the storage, show the screens, poll for requests. */

import { parseEnrollmentLink, type TransactionReference } from "@countersign/device";
import { updatePush } from "./push.ts";
import { App } from "./router.ts";
import { showProblem } from "./screens/problem.ts";
import { Phone } from "./phone.ts";
import { fetchConfiguration, Store, type Configuration } from "./store.ts";
import { registerWorker } from "./subscriptions.ts";
import type { WorkerMessage } from "./sw.ts";
import { direction, language } from "./language.ts";

// The link contains the enrolment code: it leaves the address bar and the history before anything else happens.
const opened = takeLink();
document.documentElement.lang = language;
document.documentElement.dir = direction;

/** Return the address, and remove the part after `#` from the address bar and the history. */
function takeLink(): string {
  const link = location.href;
  if (location.hash !== "") history.replaceState(history.state, "", location.pathname + location.search);
  return link;
}

async function start(): Promise<void> {
  if (!globalThis.isSecureContext) {
    showProblem("insecure");
    return;
  }
  let store: Store;
  try {
    store = await Store.open();
  } catch {
    showProblem("no_storage");
    return;
  }
  const stored = await store.configuration();
  const request = updateConfiguration(store, stored);
  const configuration = stored ?? (await request);
  if (configuration === undefined) {
    showProblem("offline");
    return;
  }
  const app = new App(await openPhone(configuration, store));
  await run(app, request);
}

/** Load the configuration, and start again if it has changed. */
async function updateConfiguration(
  store: Store,
  stored: Configuration | undefined,
): Promise<Configuration | undefined> {
  try {
    const configuration = await fetchConfiguration();
    await store.saveConfiguration(configuration);
    if (stored !== undefined && stored.server !== configuration.server) location.reload();
    return configuration;
  } catch {
    return undefined;
  }
}

async function openPhone(configuration: Configuration, store: Store): Promise<Phone> {
  const phone = new Phone(configuration, store);
  await phone.load();
  return phone;
}

async function run(app: App, request: Promise<Configuration | undefined>): Promise<void> {
  app.start();
  openLink(app, opened);
  globalThis.addEventListener("hashchange", () => {
    openLink(app, takeLink());
  });
  app.poller.start();
  const configured = request.then((updated) => {
    if (updated !== undefined) app.phone.configure(updated);
  });
  await registerWorker().catch(() => undefined);
  navigator.serviceWorker.addEventListener("message", ({ data }: MessageEvent<WorkerMessage>) => {
    if (data.kind === "open") app.openRequest(data);
    void app.poller.poll();
  });
  await resume(app).catch(() => undefined);
  // The server can have a new key.
  await configured;
  await updatePush(app.phone).catch(() => undefined);
}

function openLink(app: App, url: string): void {
  const link = parseEnrollmentLink(url);
  const reference = parseReference(url);
  if (link !== undefined) app.openLink(link);
  else if (reference !== undefined) app.openRequest(reference);
}

/** Parse the fragment of a tapped notification. */
function parseReference(url: string): TransactionReference | undefined {
  const members = new URLSearchParams(url.split("#")[1] ?? "");
  const [transactionId, profileId] = [members.get("transactionId"), members.get("profileId")];
  return transactionId && profileId ? { transactionId, profileId } : undefined;
}

/** Finish interrupted calls, then read the state of the accounts. */
async function resume(app: App): Promise<void> {
  const resumed = await app.phone.resume();
  if (resumed.some(({ kind, error }) => kind === "answer" && error === undefined)) app.notify("notice_resumed");
  await app.phone.refresh();
}

void start();
