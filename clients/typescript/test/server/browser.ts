/** Run the scenarios in a browser. esbuild bundles this file; the test calls `run`. */

import { IndexedDbKeyStore, IndexedDbStorage, openDatabase } from "../../src/browser.ts";
import { scenarios, type Configuration } from "./scenarios.ts";

const platform = async () => {
  const database = await openDatabase(crypto.randomUUID());
  return { storage: new IndexedDbStorage(database), keyStore: new IndexedDbKeyStore(database) };
};

Object.assign(globalThis, {
  names: Object.keys(scenarios),
  run: (name: string, configuration: Configuration) => scenarios[name]!(configuration, platform),
});
