/** Public keys of push subscriptions. */

/** Return the public key of a subscription in base64url. */
export function keyOf({ options }: Pick<PushSubscription, "options">): string {
  const bytes = new Uint8Array(options.applicationServerKey ?? new ArrayBuffer());
  return btoa(String.fromCharCode(...bytes))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replaceAll("=", "");
}
