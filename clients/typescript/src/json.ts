/** Validated access to members of JSON objects from the server. */

export type JsonObject = Record<string, unknown>;

/** A member is missing or has another type. */
export class InvalidMember extends Error {}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Parse text. Throws InvalidMember unless it is a JSON object. */
export function parseObject(text: string): JsonObject {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    value = undefined;
  }
  if (!isObject(value)) throw new InvalidMember("the text is not a JSON object");
  return value;
}

export function object(members: JsonObject, name: string): JsonObject {
  const value = members[name];
  if (!isObject(value)) throw new InvalidMember(`${name} is not an object`);
  return value;
}

export function list(members: JsonObject, name: string): JsonObject[] {
  const value = members[name];
  if (!Array.isArray(value) || !value.every(isObject)) throw new InvalidMember(`${name} is not a list of objects`);
  return value;
}

export function text(members: JsonObject, name: string): string {
  const value = members[name];
  if (typeof value !== "string") throw new InvalidMember(`${name} is not a text`);
  return value;
}

export function integer(members: JsonObject, name: string): number {
  const value = members[name];
  if (typeof value !== "number" || !Number.isSafeInteger(value)) throw new InvalidMember(`${name} is not an integer`);
  return value;
}

/** Return a text of six digits. */
export function digits(members: JsonObject, name: string): string {
  const value = text(members, name);
  if (!/^[0-9]{6}$/.test(value)) throw new InvalidMember(`${name} does not have six digits`);
  return value;
}

export function boolean(members: JsonObject, name: string): boolean {
  const value = members[name];
  if (typeof value !== "boolean") throw new InvalidMember(`${name} is not true or false`);
  return value;
}

/** Return `read(members, name)`, or undefined if the member is missing or null. */
export function optional<T>(
  read: (members: JsonObject, name: string) => T,
  members: JsonObject,
  name: string,
): T | undefined {
  return members[name] === undefined || members[name] === null ? undefined : read(members, name);
}

/** Return true if the object has exactly these members. */
export function hasExactly(members: JsonObject, names: readonly string[]): boolean {
  return Object.keys(members).length === names.length && names.every((name) => Object.hasOwn(members, name));
}
