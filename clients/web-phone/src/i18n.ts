/** Texts in the language of the browser. */

import { language, type Language } from "./language.ts";
import { de } from "./messages/de.ts";
import { en } from "./messages/en.ts";
import { fr } from "./messages/fr.ts";
import { nl } from "./messages/nl.ts";

export type Key = keyof typeof en;
export type Messages = Readonly<Record<Key, string>>;

const CATALOGUES: Readonly<Record<Language, Messages>> = { en, nl, de, fr };
/** Locale of dates and numbers: the user's region, if its language is the one of the texts. */
const locale = navigator.languages.find((tag) => tag.toLowerCase().startsWith(language)) ?? language;
const messages = CATALOGUES[language];

/** Return a text, with its placeholders replaced: `{name}`. */
export function t(key: Key, values: Readonly<Record<string, string | number>> = {}): string {
  return messages[key].replace(/\{(\w+)\}/g, (placeholder, name: string) => String(values[name] ?? placeholder));
}

/** Return the text of a quantity. The keys end with `_one` and `_other`. */
export function plural(key: "attempts" | "requests" | "digits", count: number): string {
  const form = new Intl.PluralRules(language).select(count) === "one" ? "one" : "other";
  return t(`${key}_${form}`, { count: new Intl.NumberFormat(locale).format(count) });
}

/** Return the time of a timestamp in ms, with the date if it is not today. */
export function time(timestamp: number): string {
  const date = new Date(timestamp);
  const isToday = date.toDateString() === new Date().toDateString();
  const options = isToday ? ({ timeStyle: "short" } as const) : ({ dateStyle: "medium", timeStyle: "short" } as const);
  return new Intl.DateTimeFormat(locale, options).format(date);
}

/** Return a duration in words: seconds below two minutes, otherwise minutes. */
export function duration(seconds: number): string {
  const [value, unit] = seconds < 120 ? [seconds, "second"] : [Math.floor(seconds / 60), "minute"];
  return new Intl.NumberFormat(locale, { style: "unit", unit, unitDisplay: "long" }).format(value);
}

/** Return a duration for a countdown: `4:05`. */
export function countdown(seconds: number): string {
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}
