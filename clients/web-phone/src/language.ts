/** Language of the texts. */

export const LANGUAGES = ["en", "nl", "de", "fr"] as const;
export type Language = (typeof LANGUAGES)[number];

const RIGHT_TO_LEFT = new Set<string>(["ar", "fa", "he", "ur"]);

/** Return the first of the user's languages in which there are texts. */
function choose(): Language {
  const languages = navigator.languages.map((tag) => tag.toLowerCase().split("-")[0]);
  return languages.map((name) => LANGUAGES.find((each) => each === name)).find((each) => each !== undefined) ?? "en";
}

export const language = choose();
export const direction = RIGHT_TO_LEFT.has(language) ? "rtl" : "ltr";
