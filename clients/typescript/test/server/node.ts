/** Run the scenarios in Node. The environment has the server and the credentials of a portal. */

import { it } from "node:test";
import { MemoryKeyStore, MemoryStorage } from "../../src/memory.ts";
import { scenarios, type Configuration } from "./scenarios.ts";

const configuration = JSON.parse(process.env.COUNTERSIGN_TEST_SERVER!) as Configuration;
const platform = () => Promise.resolve({ storage: new MemoryStorage(), keyStore: new MemoryKeyStore() });

for (const [name, scenario] of Object.entries(scenarios)) {
  it(name, () => scenario(configuration, platform));
}
