// Reading of JSON from the server. A value of another type than expected is an error.

export type Json = Readonly<Record<string, unknown>>;

/** A member is missing or has another type. */
export class InvalidMember extends Error {}

export function isObject(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function object(data: Json, name: string): Json {
  const value = data[name];
  if (!isObject(value)) throw new InvalidMember(name);
  return value;
}

export function string(data: Json, name: string): string {
  const value = data[name];
  if (typeof value !== "string") throw new InvalidMember(name);
  return value;
}

export function number(data: Json, name: string): number {
  const value = data[name];
  if (typeof value !== "number") throw new InvalidMember(name);
  return value;
}

export function boolean(data: Json, name: string): boolean {
  const value = data[name];
  if (typeof value !== "boolean") throw new InvalidMember(name);
  return value;
}

export function list(data: Json, name: string): Json[] {
  const value = data[name];
  if (!Array.isArray(value) || !value.every(isObject)) throw new InvalidMember(name);
  return value;
}

export function strings(data: Json, name: string): string[] {
  const value = data[name];
  if (!Array.isArray(value) || !value.every((item) => typeof item === "string")) throw new InvalidMember(name);
  return value;
}

/** Read a member if it is present and not null. */
export function optional<T>(read: (data: Json, name: string) => T, data: Json, name: string): T | undefined {
  return data[name] === undefined || data[name] === null ? undefined : read(data, name);
}
