"""Packages of React Native and Capacitor that the pages of docs/mobile use: their types, and fakes that run in Node."""

# Types of the parts that the pages use, as the packages declare them.
TYPES = """
declare module "expo" {
  export function requireNativeModule<T>(name: string): T;
}
declare module "react-native-keychain" {
  export const ACCESSIBLE: { WHEN_UNLOCKED_THIS_DEVICE_ONLY: "AccessibleWhenUnlockedThisDeviceOnly" };
  export const STORAGE_TYPE: { AES_GCM_NO_AUTH: "KeystoreAESGCM_NoAuth" };
  type Accessible = (typeof ACCESSIBLE)[keyof typeof ACCESSIBLE];
  type StorageType = (typeof STORAGE_TYPE)[keyof typeof STORAGE_TYPE];
  export function getGenericPassword(options: { service: string }): Promise<false | { password: string }>;
  export function setGenericPassword(
    username: string,
    password: string,
    options: { service: string; accessible: Accessible; storage: StorageType },
  ): Promise<false | { service: string }>;
}
declare module "expo-secure-store" {
  export const WHEN_PASSCODE_SET_THIS_DEVICE_ONLY: number;
  interface Options {
    requireAuthentication?: boolean;
    keychainAccessible?: number;
    authenticationPrompt?: string;
  }
  export function getItemAsync(key: string, options: Options): Promise<string | null>;
  export function setItemAsync(key: string, value: string, options: Options): Promise<void>;
  export function deleteItemAsync(key: string, options: Options): Promise<void>;
}
declare module "expo-notifications" {
  interface Token {
    data: unknown;
  }
  type Trigger = { type: "push"; payload?: Record<string, unknown> } | { type: "timeInterval" } | null;
  interface Response {
    notification: { request: { trigger: Trigger; content: { data: Record<string, unknown> } } };
  }
  export function getDevicePushTokenAsync(): Promise<Token>;
  export function addPushTokenListener(listener: (token: Token) => void): unknown;
  export function addNotificationResponseReceivedListener(listener: (response: Response) => void): unknown;
}
declare module "react-native-quick-crypto" {
  type Callback = (error: Error | null, key?: Uint8Array) => void;
  const QuickCrypto: {
    scrypt(
      password: Uint8Array,
      salt: Uint8Array,
      length: number,
      options: { N: number; r: number; p: number; maxmem: number },
      callback: Callback,
    ): void;
  };
  export default QuickCrypto;
}
declare module "@capacitor/core" {
  export function registerPlugin<T>(name: string): T;
  export const CapacitorHttp: {
    request(options: {
      url: string;
      method?: string;
      headers?: Record<string, string>;
      data?: unknown;
      disableRedirects?: boolean;
      readTimeout?: number;
      connectTimeout?: number;
    }): Promise<{ data: any; status: number; headers: Record<string, string> }>;
  };
}
declare module "@capacitor/app" {
  export const App: { addListener(event: "resume", listener: () => void): Promise<unknown> };
}
declare module "@capacitor/push-notifications" {
  export const PushNotifications: {
    addListener(event: "registration", listener: (token: { value: string }) => void): Promise<unknown>;
    addListener(
      event: "pushNotificationActionPerformed",
      listener: (action: { notification: { data: any } }) => void,
    ): Promise<unknown>;
    requestPermissions(): Promise<{ receive: string }>;
    register(): Promise<void>;
  };
}
declare module "@aparajita/capacitor-secure-storage" {
  export enum KeychainAccess {
    whenUnlockedThisDeviceOnly,
  }
  export const SecureStorage: {
    get(key: string, convertDate?: boolean, sync?: boolean): Promise<string | number | null>;
    set(key: string, data: string, convertDate?: boolean, sync?: boolean, access?: KeychainAccess): Promise<void>;
  };
}
declare module "@capgo/capacitor-native-biometric" {
  export enum AccessControl {
    BIOMETRY_CURRENT_SET,
  }
  export const NativeBiometric: {
    setData(options: { key: string; value: string; accessControl: AccessControl }): Promise<void>;
    getSecureData(options: { key: string; reason: string }): Promise<{ value: string }>;
    deleteData(options: { key: string }): Promise<void>;
  };
}
declare function openTransaction(transactionId: string, profileId: string): void;
"""

# Keys of a device in software, as the native module of the pages stores them in hardware.
KEYS = """
import { createPublicKey, diffieHellman, generateKeyPairSync, sign } from "node:crypto";

const pairs = new Map();
const encode = (bytes) => Buffer.from(bytes).toString("base64url");
const exported = ({ publicKey }) => {
  const { kty, crv, x, y } = publicKey.export({ format: "jwk" });
  return { kty, crv, x, y };
};
const options = { namedCurve: "P-256" };

export const keys = {
  generate(id) {
    if (!pairs.has(id)) pairs.set(id, [generateKeyPairSync("ec", options), generateKeyPairSync("ec", options)]);
    const [signing, encryption] = pairs.get(id).map(exported);
    return { signing, encryption };
  },
  sign: (id, data) => encode(sign("sha256", Buffer.from(data, "base64url"), pairs.get(id)[0].privateKey)),
  deriveSharedSecret(id, x, y) {
    const publicKey = createPublicKey({ key: { kty: "EC", crv: "P-256", x, y }, format: "jwk" });
    return encode(diffieHellman({ privateKey: pairs.get(id)[1].privateKey, publicKey }));
  },
  delete: (id) => void pairs.delete(id),
};
"""
FAKES = {
    "expo": """
import { keys } from "keys";
export const requireNativeModule = (name) => {
  if (name !== "CountersignKeys") throw new Error(name);
  return new Proxy(keys, { get: (target, method) => async (...values) => target[method](...values) });
};
""",
    "react-native-keychain": """
const items = new Map();
export const ACCESSIBLE = { WHEN_UNLOCKED_THIS_DEVICE_ONLY: "device" };
export const STORAGE_TYPE = { AES_GCM_NO_AUTH: "aes" };
export const getGenericPassword = async ({ service }) => items.get(service) ?? false;
export const setGenericPassword = async (username, password, { service, accessible, storage }) => {
  if (accessible !== "device" || storage !== "aes") throw new Error("not protected");
  items.set(service, { username, password });
  return { service };
};
""",
    "expo-secure-store": """
const items = new Map();
export const WHEN_PASSCODE_SET_THIS_DEVICE_ONLY = 1;
const check = (key, { requireAuthentication, keychainAccessible }) => {
  if (!/^[\\w.-]+$/.test(key)) throw new Error("invalid key: " + key);
  if (!requireAuthentication || keychainAccessible !== 1) throw new Error("not protected");
};
export const getItemAsync = async (key, options) => (check(key, options), items.get(key) ?? null);
export const setItemAsync = async (key, value, options) => (check(key, options), void items.set(key, value));
export const deleteItemAsync = async (key, options) => (check(key, options), void items.delete(key));
""",
    "react-native-quick-crypto": """
export { scrypt } from "node:crypto";
import { scrypt } from "node:crypto";
export default { scrypt };
""",
    "@capacitor/core": """
import { keys } from "keys";
export const registerPlugin = (name) => {
  if (name !== "CountersignKeys") throw new Error(name);
  return {
    generate: async ({ id }) => keys.generate(id),
    sign: async ({ id, data }) => ({ value: keys.sign(id, data) }),
    deriveSharedSecret: async ({ id, x, y }) => ({ value: keys.deriveSharedSecret(id, x, y) }),
    delete: async ({ id }) => keys.delete(id),
  };
};
export const CapacitorHttp = {
  async request({ url, method, headers, data }) {
    const body = data === undefined ? undefined : JSON.stringify(data);
    const response = await fetch(url, { method, headers, body });
    const text = await response.text();
    const isJson = (response.headers.get("Content-Type") ?? "").startsWith("application/json");
    return {
      data: isJson ? JSON.parse(text) : text,
      status: response.status,
      headers: Object.fromEntries(response.headers),
    };
  },
};
""",
    "@aparajita/capacitor-secure-storage": """
const items = new Map();
export const KeychainAccess = { whenUnlockedThisDeviceOnly: 1 };
export const SecureStorage = {
  get: async (key, _convertDate, sync) => (sync === false ? items.get(key) ?? null : undefined),
  async set(key, data, _convertDate, sync, access) {
    if (sync !== false || access !== 1) throw new Error("not protected");
    items.set(key, data);
  },
};
""",
    "@capgo/capacitor-native-biometric": """
const items = new Map();
export const AccessControl = { BIOMETRY_CURRENT_SET: 1 };
export const NativeBiometric = {
  async setData({ key, value, accessControl }) {
    if (accessControl !== 1) throw new Error("not protected");
    items.set(key, value);
  },
  async getSecureData({ key }) {
    if (!items.has(key)) throw new Error("no protected data");
    return { value: items.get(key) };
  },
  deleteData: async ({ key }) => void items.delete(key),
};
""",
}
