/** Name of this browser, by which the user recognizes the device, for example `Chrome on Android`. */

interface UserAgentData {
  readonly platform: string;
  readonly brands: readonly { readonly brand: string }[];
}

const BROWSERS = [
  [/SamsungBrowser/, "Samsung Internet"],
  [/Edg(e|A|iOS)?\//, "Edge"],
  [/OPR\//, "Opera"],
  [/Firefox|FxiOS/, "Firefox"],
  [/Chrome|CriOS/, "Chrome"],
  [/Safari/, "Safari"],
] as const;
const SYSTEMS = [
  [/iPhone|iPod/, "iPhone"],
  [/iPad/, "iPad"],
  [/Android/, "Android"],
  [/CrOS/, "ChromeOS"],
  [/Windows/, "Windows"],
  [/Mac/, "Mac"],
  [/Linux/, "Linux"],
] as const;

/** Return true on iPhone and iPad, whose browsers allow push only in an installed app. */
export function isApple(): boolean {
  return find(SYSTEMS) === "iPhone" || system() === "iPad";
}

export function deviceName(): string {
  const { userAgentData } = navigator as { userAgentData?: UserAgentData };
  const brand = userAgentData?.brands.map((each) => each.brand).find((each) => !/Not.?A|Chromium/.test(each));
  const browser = brand?.replace(/^(Google|Microsoft) /, "") ?? find(BROWSERS) ?? "Browser";
  const platform = userAgentData?.platform === "" ? undefined : userAgentData?.platform;
  return `${browser} on ${platform ?? system() ?? "this device"}`.slice(0, 100);
}

/** Safari on iPad reports a Mac. */
const system = (): string | undefined =>
  find(SYSTEMS) === "Mac" && navigator.maxTouchPoints > 1 ? "iPad" : find(SYSTEMS);

const find = (names: readonly (readonly [RegExp, string])[]): string | undefined =>
  names.find(([pattern]) => pattern.test(navigator.userAgent))?.[1];
