/** Service worker: shows pushes, opens their requests, replaces the push token, and shows a page without a network. */

import { parsePush } from "@countersign/device";
import { Devices } from "./devices.ts";
import { direction, language, type Language } from "./language.ts";
import { Store } from "./store.ts";
import { keyOf } from "./vapid.ts";

interface ExtendableEvent extends Event {
  waitUntil(work: Promise<unknown>): void;
}
interface FetchEvent extends ExtendableEvent {
  readonly request: Request;
  respondWith(response: Promise<Response>): void;
}
interface PushEvent extends ExtendableEvent {
  readonly data: { text(): string } | null;
}
interface NotificationEvent extends ExtendableEvent {
  readonly notification: Notification;
}
interface PushSubscriptionChangeEvent extends ExtendableEvent {
  readonly oldSubscription?: PushSubscription | null;
  readonly newSubscription?: PushSubscription | null;
}
interface WindowClient {
  readonly url: string;
  readonly visibilityState: string;
  focus(): Promise<unknown>;
  postMessage(message: unknown): void;
}
interface Worker {
  readonly location: Location;
  readonly registration: ServiceWorkerRegistration;
  readonly clients: {
    claim(): Promise<void>;
    matchAll(options: { type: "window"; includeUncontrolled: boolean }): Promise<WindowClient[]>;
    openWindow(url: string): Promise<unknown>;
  };
  skipWaiting(): Promise<void>;
  addEventListener(type: string, listener: (event: never) => void): void;
}
const worker = globalThis as unknown as Worker;
/** URL of the app. The scope of a registration for the pushes of an additional key is below it. */
const ROOT = new URL("./", worker.location.href).href;

/** Message to the pages. `open`: the user has tapped the notification. */
export interface WorkerMessage {
  readonly kind: "pushed" | "open";
  readonly transactionId: string;
  readonly profileId: string;
}

/** Text of a push without one. */
const UNNAMED: Readonly<Record<Language, string>> = {
  en: "Approve this request?",
  nl: "Dit verzoek goedkeuren?",
  de: "Diese Anfrage bestätigen?",
  fr: "Approuver cette demande ?",
};
const CACHE = "offline";
const OFFLINE = ["offline.html", "app.css", "icons/icon.svg"];

worker.addEventListener("install", (event: ExtendableEvent) => {
  event.waitUntil(worker.registration.scope === ROOT ? install() : worker.skipWaiting());
});

async function install(): Promise<void> {
  const cache = await caches.open(CACHE);
  await cache.addAll(OFFLINE.map((path) => new Request(path, { cache: "reload" })));
  await worker.skipWaiting();
}

worker.addEventListener("activate", (event: ExtendableEvent) => {
  event.waitUntil(worker.clients.claim());
});

worker.addEventListener("fetch", (event: FetchEvent) => {
  const { request } = event;
  const path = request.url.slice(ROOT.length);
  if (request.mode === "navigate") event.respondWith(fetchOr("offline.html", request));
  else if (OFFLINE.includes(path)) event.respondWith(fetchOr(path, request));
});

/** Return the response of the server, or without a network the stored one. */
async function fetchOr(path: string, request: Request): Promise<Response> {
  try {
    return await fetch(request);
  } catch (error) {
    const stored = await caches.match(path);
    if (stored === undefined) throw error;
    return stored;
  }
}

worker.addEventListener("push", (event: PushEvent) => {
  event.waitUntil(show(event.data?.text()));
});

/** Show one notification for each transaction. Browsers require one for each push. */
async function show(payload: string | undefined): Promise<void> {
  const push = parsePush(payload);
  const title = (await (await Store.open()).configuration())?.name ?? "Countersign";
  const { registration } = worker;
  const appearance = {
    icon: "icons/icon-192.png",
    badge: "icons/badge-96.png",
    lang: language,
    dir: direction,
  } as const;
  if (push === undefined) {
    await registration.showNotification(title, { ...appearance, body: UNNAMED[language], tag: "unknown" });
    return;
  }
  const { transactionId, profileId, message } = push;
  await registration.showNotification(title, {
    ...appearance,
    body: message === "" ? UNNAMED[language] : message,
    dir: "auto",
    tag: transactionId,
    data: { transactionId, profileId },
    requireInteraction: true,
  });
  await send({ kind: "pushed", transactionId, profileId });
}

async function send(message: WorkerMessage): Promise<WindowClient[]> {
  const pages = await worker.clients.matchAll({ type: "window", includeUncontrolled: true });
  const own = pages.filter(({ url }) => url.startsWith(ROOT));
  for (const page of own) page.postMessage(message);
  return own;
}

worker.addEventListener("notificationclick", (event: NotificationEvent) => {
  event.notification.close();
  event.waitUntil(open(event.notification.data as { transactionId: string; profileId: string } | null));
});

/** Open the request in a page of this app, or in a new one. */
async function open(request: { transactionId: string; profileId: string } | null): Promise<void> {
  const pages = request === null ? [] : await send({ kind: "open", ...request });
  const page = pages.find(({ visibilityState }) => visibilityState === "visible") ?? pages[0];
  if (page !== undefined) {
    await page.focus();
    return;
  }
  const fragment = request === null ? "" : `#${new URLSearchParams(request).toString()}`;
  await worker.clients.openWindow(ROOT + fragment);
}

worker.addEventListener("pushsubscriptionchange", (event: PushSubscriptionChangeEvent) => {
  event.waitUntil(replaceSubscription(event));
});

/** Replace the push token of all applications with its key. If this fails, the next start of the app repeats it. */
async function replaceSubscription(event: PushSubscriptionChangeEvent): Promise<void> {
  const store = await Store.open();
  const configuration = await store.configuration();
  if (configuration === undefined) return;
  const { pushManager } = worker.registration;
  const key = event.oldSubscription?.options.applicationServerKey;
  const subscription =
    event.newSubscription ??
    (await pushManager.getSubscription()) ??
    (key ? await pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: key }) : undefined);
  if (subscription === undefined) return;
  const devices = new Devices(configuration.server, store);
  const pushKey = keyOf(subscription);
  for (const application of configuration.applications.filter((each) => each.pushKey === pushKey)) {
    await devices.of(application.id).setPushToken(JSON.stringify(subscription));
  }
}
