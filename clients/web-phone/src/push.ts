/** Push messages of this browser: permission, subscriptions, and their registration at the server. */

import { EnrollmentDisabled } from "@countersign/device";
import { isApple } from "./browser-name.ts";
import type { Key } from "./i18n.ts";
import type { Phone } from "./phone.ts";
import { findSubscription, subscribe, unregisterOthers } from "./subscriptions.ts";

/** `ask`: the user can turn push on. `impossible`: the reason says what to do. */
export type PushState =
  { readonly kind: "on" } | { readonly kind: "ask" } | { readonly kind: "impossible"; readonly reason: Key };

/** Return the ids of the applications with accounts, by the public key of their push messages. */
function applicationsByKey(phone: Phone): Map<string, string[]> {
  const applications = new Map<string, string[]>();
  for (const id of new Set(phone.activeAccounts.map(({ applicationId }) => applicationId))) {
    const key = phone.application(id)?.pushKey;
    if (key !== undefined) applications.set(key, [...(applications.get(key) ?? []), id]);
  }
  return applications;
}

export async function pushState(phone: Phone): Promise<PushState> {
  const reason = impossibleReason(phone);
  if (reason !== undefined) return { kind: "impossible", reason };
  if (Notification.permission !== "granted") return { kind: "ask" };
  const keys = [...applicationsByKey(phone).keys()];
  const subscriptions = await Promise.all(keys.map((key) => findSubscription(key)));
  const isEnrolled = phone.profiles.some(({ pushEnrolled }) => pushEnrolled);
  return subscriptions.every((subscription) => subscription !== undefined) && isEnrolled
    ? { kind: "on" }
    : { kind: "ask" };
}

function impossibleReason(phone: Phone): Key | undefined {
  const isInstalled = matchMedia("(display-mode: standalone)").matches;
  if (!("PushManager" in globalThis) || !("Notification" in globalThis) || !("serviceWorker" in navigator)) {
    return isApple() && !isInstalled ? "push_install" : "push_missing";
  }
  if (applicationsByKey(phone).size === 0) return "push_no_key";
  return Notification.permission === "denied" ? "push_blocked" : undefined;
}

/** Ask for the permission, subscribe, send the subscriptions. Call it from a click. Return the reason of a failure. */
export async function turnOnPush(phone: Phone): Promise<Key | undefined> {
  if ((await Notification.requestPermission()) !== "granted") return "push_blocked";
  const applications = applicationsByKey(phone);
  for (const [key, ids] of applications) {
    let subscription: PushSubscription;
    try {
      subscription = await subscribe(key, [...applications.keys()]);
    } catch {
      return "push_failed";
    }
    await sendSubscription(phone, ids, subscription);
  }
  return phone.profiles.some(({ pushEnrolled }) => pushEnrolled) ? undefined : "push_no_key";
}

/** Send a subscription for the accounts that the server does not have it for. Applications can have no push. */
async function sendSubscription(
  phone: Phone,
  applicationIds: string[],
  subscription: PushSubscription,
  options: { only?: string[] } = {},
): Promise<void> {
  const token = JSON.stringify(subscription);
  for (const id of applicationIds) {
    try {
      await phone.call(() => phone.devices.of(id).setPushToken(token, options));
    } catch (error) {
      if (!(error instanceof EnrollmentDisabled)) throw error;
    }
  }
}

/**
 * After an enrolment and at each start: send the subscriptions, which the browser may have changed.
 *
 * If the user has turned push on for another application, it is on for a new one, too. At a start, an account that gets
 * no requests stays without push: support staff can have revoked it, or the user has another device. `enrolled` is the
 * account of an enrolment.
 */
export async function updatePush(phone: Phone, enrolled?: string): Promise<void> {
  if (impossibleReason(phone) !== undefined || Notification.permission !== "granted") return;
  const applications = applicationsByKey(phone);
  const keys = [...applications.keys()];
  const isOn = phone.profiles.some(({ pushEnrolled }) => pushEnrolled);
  const receivers = phone.statuses.filter(({ requests }) => requests === "received").map(({ profileId }) => profileId);
  const only = enrolled === undefined ? receivers : [...receivers, enrolled];
  for (const [key, ids] of applications) {
    const subscription = (await findSubscription(key)) ?? (isOn ? await subscribe(key, keys) : undefined);
    if (subscription !== undefined) await sendSubscription(phone, ids, subscription, { only });
  }
  await unregisterOthers(keys);
}
