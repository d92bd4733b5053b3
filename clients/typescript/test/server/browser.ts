/** Run the scenarios in a browser. esbuild bundles this file; the test calls `run`. */

import { IndexedDbKeyStore, IndexedDbStorage, openDatabase, webLock } from "../../src/browser.ts";
import { Device, parseEnrollmentLink, type StoredKeys } from "../../src/index.ts";
import { scenarios, type Configuration } from "./scenarios.ts";

const platform = async () => {
  const database = await openDatabase(crypto.randomUUID());
  return { storage: new IndexedDbStorage(database), keyStore: new IndexedDbKeyStore(database) };
};

/** Open the device of a database, as a page does. */
async function openDevice(name: string, server: string) {
  const database = await openDatabase(name);
  const storage = new IndexedDbStorage(database);
  const device = new Device({ server, storage, keyStore: new IndexedDbKeyStore(database) });
  return { database, storage, device };
}

/** Enrol with a link, and return the device id. */
async function enroll(name: string, link: string): Promise<string | undefined> {
  const { server, applicationId, code } = parseEnrollmentLink(link)!;
  const { device } = await openDevice(name, server);
  await device.enroll({ code, applicationId, platform: "android", appVersion: "1.0.0", deviceName: "Browser" });
  await device.setPushToken(crypto.randomUUID());
  return device.deviceId();
}

/** Approve the pending transaction. */
async function approve(name: string, server: string): Promise<string> {
  const { device } = await openDevice(name, server);
  const [transaction] = await device.transactions();
  return device.approve(await device.fetch(transaction!));
}

/** Finish interrupted calls, and return the status of the answer. */
async function resume(name: string, server: string): Promise<string | undefined> {
  const { device } = await openDevice(name, server);
  const [resumed] = await device.resume();
  return resumed?.kind === "answer" ? resumed.status : undefined;
}

/** Return whether each private key in a database can be exported. */
async function extractable(name: string): Promise<boolean[]> {
  const database = await openDatabase(name);
  const request = database.transaction("keys").objectStore("keys").getAll();
  await new Promise((resolve) => (request.onsuccess = resolve));
  const keys = request.result as StoredKeys[];
  return keys.flatMap(({ signing, encryption }) => [signing, encryption].map((pair) => pair.privateKey.extractable));
}

/** Add one to a stored number, many times. */
async function count(name: string, times: number): Promise<string | undefined> {
  const storage = new IndexedDbStorage(await openDatabase(name));
  for (let index = 0; index < times; index += 1) {
    await storage.update("count", (value) => String(Number(value ?? "0") + 1));
  }
  return storage.get("count");
}

/** Add one to a stored number with two calls, many times, with the lock of all tabs. */
async function countWithLock(name: string, times: number): Promise<string | undefined> {
  const storage = new IndexedDbStorage(await openDatabase(name));
  for (let index = 0; index < times; index += 1) {
    await webLock("count", async () => {
      const value = await storage.get("count");
      await storage.update("count", () => String(Number(value ?? "0") + 1));
    });
  }
  return storage.get("count");
}

/** Fail inside of a change, and return the error and the value afterwards. */
async function failedChange(name: string): Promise<unknown[]> {
  const storage = new IndexedDbStorage(await openDatabase(name));
  await storage.update("key", () => "before");
  const failed = storage.update("key", () => {
    throw new Error("not changed");
  });
  return [await failed.catch(String), await storage.get("key")];
}

Object.assign(globalThis, {
  names: Object.keys(scenarios),
  run: (name: string, configuration: Configuration) => scenarios[name]!(configuration, platform),
  app: { enroll, approve, resume, extractable, count, countWithLock, failedChange },
});
