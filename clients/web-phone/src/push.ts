/** Push messages of this browser: permission, subscription, and its registration at the server. */

import { EnrollmentDisabled } from "@countersign/device";
import { isApple } from "./browser-name.ts";
import type { Key } from "./i18n.ts";
import type { Phone } from "./phone.ts";

/** `ask`: the user can turn push on. `impossible`: the reason says what to do. */
export type PushState =
  { readonly kind: "on" } | { readonly kind: "ask" } | { readonly kind: "impossible"; readonly reason: Key };

interface TrustedTypes {
  createPolicy(
    name: string,
    rules: { createScriptURL: (url: string) => string },
  ): { createScriptURL(url: string): string };
}

/** Register the service worker. The policy of the page allows only its script. */
export async function registerWorker(): Promise<void> {
  if (!("serviceWorker" in navigator)) return;
  const { trustedTypes } = globalThis as { trustedTypes?: TrustedTypes };
  const script = "sw.js";
  const policy = trustedTypes?.createPolicy("countersign", { createScriptURL: () => script });
  await navigator.serviceWorker.register(policy?.createScriptURL(script) ?? script, { updateViaCache: "none" });
}

/** Return the public key of the push messages, or a reason: a browser supports one key. */
function pushKey(phone: Phone): { key?: string; reason?: Key } {
  const keys = new Set(
    phone.activeAccounts.flatMap(({ applicationId }) => phone.application(applicationId)?.pushKey ?? []),
  );
  const [key] = keys;
  if (key === undefined) return { reason: "push_no_key" };
  return keys.size > 1 ? { reason: "push_different" } : { key };
}

export async function pushState(phone: Phone): Promise<PushState> {
  const reason = impossibleReason(phone);
  if (reason !== undefined) return { kind: "impossible", reason };
  if (Notification.permission !== "granted") return { kind: "ask" };
  const registration = await navigator.serviceWorker.getRegistration();
  const subscription = await registration?.pushManager.getSubscription();
  const isEnrolled = phone.profiles.some(({ pushEnrolled }) => pushEnrolled);
  return subscription && isEnrolled ? { kind: "on" } : { kind: "ask" };
}

function impossibleReason(phone: Phone): Key | undefined {
  const isInstalled = matchMedia("(display-mode: standalone)").matches;
  if (!("PushManager" in globalThis) || !("Notification" in globalThis) || !("serviceWorker" in navigator)) {
    return isApple() && !isInstalled ? "push_install" : "push_missing";
  }
  const { key, reason } = pushKey(phone);
  if (key === undefined) return reason;
  return Notification.permission === "denied" ? "push_blocked" : undefined;
}

/** Ask for the permission, subscribe, send the subscription. Call it from a click. Return the reason of a failure. */
export async function turnOnPush(phone: Phone): Promise<Key | undefined> {
  if ((await Notification.requestPermission()) !== "granted") return "push_blocked";
  const { key, reason } = pushKey(phone);
  if (key === undefined) return reason;
  let subscription: PushSubscription;
  try {
    subscription = await subscribe(key);
  } catch {
    return "push_failed";
  }
  await sendSubscription(phone, subscription);
  return phone.profiles.some(({ pushEnrolled }) => pushEnrolled) ? undefined : "push_no_key";
}

async function subscribe(key: string): Promise<PushSubscription> {
  const { pushManager } = await navigator.serviceWorker.ready;
  const options = { userVisibleOnly: true, applicationServerKey: key };
  try {
    return await pushManager.subscribe(options);
  } catch (error) {
    // A subscription with another key exists: the server has a new one.
    const old = await pushManager.getSubscription();
    if (old === null || !(error instanceof DOMException && error.name === "InvalidStateError")) throw error;
    await old.unsubscribe();
    return pushManager.subscribe(options);
  }
}

/** Send the subscription for all accounts that the server does not have it for. Applications can have no push. */
async function sendSubscription(phone: Phone, subscription: PushSubscription): Promise<void> {
  const token = JSON.stringify(subscription);
  try {
    await phone.call(() => phone.device.setPushToken(token));
  } catch (error) {
    if (!(error instanceof EnrollmentDisabled)) throw error;
  }
}

/** After an enrolment and at each start: send an existing subscription, which the browser may have changed. */
export async function updatePush(phone: Phone): Promise<void> {
  if (impossibleReason(phone) !== undefined || Notification.permission !== "granted") return;
  const registration = await navigator.serviceWorker.getRegistration();
  const subscription = await registration?.pushManager.getSubscription();
  if (subscription) await sendSubscription(phone, subscription);
}
