/**
 * Registrations of the service worker, and their push subscriptions.
 *
 * A registration has one subscription, with one public key of a server's push messages. The first key uses the
 * registration of the page. Each other one has its own, whose scope contains no page.
 */

import { keyOf } from "./vapid.ts";

const SCRIPT = "sw.js";
const ROOT = new URL("./", location.href).href;

interface TrustedTypes {
  createPolicy(
    name: string,
    rules: { createScriptURL: (url: string) => string },
  ): { createScriptURL(url: string): string };
}

const { trustedTypes } = globalThis as { trustedTypes?: TrustedTypes };
// The policy of the page allows only this script.
const policy = trustedTypes?.createPolicy("countersign", { createScriptURL: () => SCRIPT });

/** Register the service worker of the page, and update it. */
export async function registerWorker(): Promise<void> {
  if ("serviceWorker" in navigator) await register(ROOT);
}

function register(scope: string): Promise<ServiceWorkerRegistration> {
  return navigator.serviceWorker.register(policy?.createScriptURL(SCRIPT) ?? SCRIPT, {
    updateViaCache: "none",
    scope,
  });
}

const scopeOf = (key: string): string => `${ROOT}push/${key}/`;

async function findRegistration(scope: string): Promise<ServiceWorkerRegistration | undefined> {
  // The browser returns the registration of the page if there is none of its own.
  const found = await navigator.serviceWorker.getRegistration(scope);
  return found?.scope === scope ? found : undefined;
}

/** Return the subscription with a public key, or undefined. */
export async function findSubscription(key: string): Promise<PushSubscription | undefined> {
  for (const scope of [ROOT, scopeOf(key)]) {
    const subscription = await (await findRegistration(scope))?.pushManager.getSubscription();
    if (subscription && keyOf(subscription) === key) return subscription;
  }
  return undefined;
}

/** Subscribe with a public key. `keys` are all keys in use: a subscription with another one is replaced. */
export async function subscribe(key: string, keys: readonly string[]): Promise<PushSubscription> {
  const existing = await findSubscription(key);
  if (existing !== undefined) return existing;
  const page = await navigator.serviceWorker.ready;
  const old = await page.pushManager.getSubscription();
  const isInUse = old !== null && keys.includes(keyOf(old));
  const { pushManager } = isInUse ? await activated(await register(scopeOf(key))) : page;
  const options = { userVisibleOnly: true, applicationServerKey: key };
  if (old !== null && !isInUse) await old.unsubscribe();
  return pushManager.subscribe(options);
}

/** Wait until the worker of a registration is active: before, it cannot have a subscription. */
function activated(registration: ServiceWorkerRegistration): Promise<ServiceWorkerRegistration> {
  const worker = registration.installing ?? registration.waiting;
  if (registration.active !== null || worker === null) return Promise.resolve(registration);
  return new Promise((resolve, reject) => {
    worker.addEventListener("statechange", () => {
      if (worker.state === "activated") resolve(registration);
      if (worker.state === "redundant") reject(new Error("the service worker could not be installed"));
    });
  });
}

/** Remove the registrations of keys that are no longer in use, and their subscriptions. */
export async function unregisterOthers(keys: readonly string[]): Promise<void> {
  const used = [ROOT, ...keys.map(scopeOf)];
  for (const registration of await navigator.serviceWorker.getRegistrations()) {
    if (registration.scope.startsWith(ROOT) && !used.includes(registration.scope)) await registration.unregister();
  }
}

/** Close the notification of a request. */
export async function closeNotification(transactionId: string): Promise<void> {
  for (const registration of await navigator.serviceWorker.getRegistrations()) {
    const notifications = await registration.getNotifications({ tag: transactionId });
    for (const notification of notifications) notification.close();
  }
}
