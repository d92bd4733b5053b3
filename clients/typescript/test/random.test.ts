/** Random uses of an app that is ended at random points, with a network that loses requests and responses. */

import assert from "node:assert/strict";
import { it } from "node:test";
import { DeviceError, type Device, type Fetch } from "../src/index.ts";
import { KillableProcess } from "./killable.ts";
import { Setup } from "./setup.ts";

const SEEDS = Number(process.env.COUNTERSIGN_TEST_SEEDS ?? "40");
const STEPS = 20;
const MINUTE = 60_000;

type Step = (device: Device) => Promise<void>;
type Random = (below: number) => number;

/** Return a generator of integers, always the same for a seed. */
function generator(seed: number): Random {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return (state >>> 8) % below;
  };
}

class Walk {
  readonly setup = new Setup();
  readonly random: Random;
  /** Transactions that the user has approved or denied at least once. */
  readonly approved = new Set<string>();
  readonly denied = new Set<string>();
  /** Number of requests before the denial that was the user's last decision. */
  readonly deniedAt = new Map<string, number>();

  constructor(seed: number) {
    this.random = generator(seed);
    this.setup.server.maxPinAttempts = 0;
  }

  /** Enrol two users with a PIN. */
  async begin(): Promise<void> {
    for (const user of ["anna", "bert"]) {
      const { profileId } = await this.setup.enroll(user);
      await this.setup.device.registerPin(profileId, "12345");
    }
  }

  /** Run a step in a process that ends at a random point, or at its end. */
  async step(): Promise<void> {
    const answer: Step = (device) => this.answer(device);
    const steps: Step[] = [
      (device) => this.enroll(device),
      (device) => this.registerPin(device),
      (device) => this.registerFingerprint(device),
      (device) => this.others(device),
      ...Array.from({ length: 6 }, () => answer),
    ];
    const step = steps[this.random(steps.length)]!;
    const process = new KillableProcess(this.random(2) === 0 ? Infinity : 1 + this.random(40));
    const options = process.options(this.setup);
    const fetch = this.unreliable(options.fetch!);
    await process.run(this.setup, () => expected(step(this.setup.restart({ ...options, fetch }))));
    this.setup.server.time += this.random(5) === 0 ? this.random(20) * MINUTE : 0;
  }

  /** Lose every eighth request and every eighth response. */
  unreliable(fetch: Fetch): Fetch {
    return async (url, init) => {
      const fate = this.random(8);
      if (fate === 0) throw new TypeError("offline");
      const response = await fetch(url, init);
      if (fate === 1) throw new TypeError("the response was lost");
      return response;
    };
  }

  async enroll(device: Device): Promise<void> {
    const user = ["anna", "bert"][this.random(2)]!;
    await device.enroll(this.setup.request(this.setup.server.createCode(user)));
  }

  async registerPin(device: Device): Promise<void> {
    const profile = await this.pick(device);
    if (profile === undefined) return;
    const current = profile.pin === "registered" ? { currentPin: this.pin() } : {};
    await device.registerPin(profile.profileId, this.pin(), current);
  }

  async registerFingerprint(device: Device): Promise<void> {
    const profile = await this.pick(device);
    if (profile?.pin === "registered") await device.registerFingerprint(profile.profileId, { pin: this.pin() });
  }

  async answer(device: Device): Promise<void> {
    const profile = await this.pick(device);
    if (profile === undefined) return;
    const method = ["push", "push_with_pin", "push_with_fingerprint"][this.random(3)]!;
    const code = this.random(4) === 0 ? { code: "048231" } : {};
    if (this.random(2) === 0) this.setup.server.start(profile.profileId, { method, ...code });
    const pending = await device.transactions();
    const transaction = pending[this.random(Math.max(1, pending.length))];
    if (transaction === undefined) return;
    const challenge = await device.fetch(transaction);
    if (this.random(3) === 0) {
      this.denied.add(transaction.transactionId);
      this.deniedAt.set(transaction.transactionId, this.setup.server.log.length);
      await device.deny(challenge);
      return;
    }
    const isFingerprint = challenge.type.method === "push_with_fingerprint" && this.random(2) === 0;
    const unlocked = isFingerprint ? ({ fingerprint: true } as const) : { pin: this.pin() };
    const credential = challenge.type.method === "push" ? {} : unlocked;
    if (challenge.type.codeToPhone) {
      assert.equal(await device.fetchCode(challenge, credential), "048231");
      return;
    }
    this.approved.add(transaction.transactionId);
    this.deniedAt.delete(transaction.transactionId);
    await device.approve(challenge, credential);
  }

  async others(device: Device): Promise<void> {
    const profile = await this.pick(device);
    const calls = [
      () => device.resume(),
      () => device.resume(),
      () => device.enrollments(),
      () => device.setPushToken(`push-token-${this.random(3)}`),
      () => (profile === undefined ? Promise.resolve() : device.unenroll(profile.profileId)),
    ];
    await calls[this.random(calls.length)]!();
  }

  async pick(device: Device) {
    const profiles = await device.profiles();
    return profiles[this.random(Math.max(1, profiles.length))];
  }

  pin(): string {
    return ["12345", "67890"][this.random(2)]!;
  }

  /** The next start with a reliable network leaves a device that works, and nothing else. */
  async check(): Promise<void> {
    const { server } = this.setup;
    const device = this.setup.restart();
    await device.resume();
    for (const user of ["anna", "bert"]) {
      const { profileId } = await device.enroll(this.setup.request(server.createCode(user)));
      await device.registerPin(profileId, "12345");
      const { challenge } = await this.setup.challenge({ profileId } as never, { method: "push_with_pin" });
      this.approved.add(challenge.transactionId);
      assert.equal(await device.approve(challenge, { pin: "12345" }), "authenticated");
    }
    server.time += 16 * MINUTE;
    await this.setup.restart().resume();
    this.assertDecisions();
    this.assertNothingIsLeft();
  }

  assertDecisions(): void {
    const { log, transactions } = this.setup.server;
    for (const { id, status, answers } of transactions.values()) {
      if (status === "authenticated") {
        assert.ok(this.approved.has(id), "approved without the user");
        const [message] = [...answers].find(([, { body }]) => body.status === status)!;
        const arrived = log.findIndex(({ body }) => body.includes(message));
        assert.ok(arrived < (this.deniedAt.get(id) ?? Infinity), "an approval was sent after the denial");
      }
      if (status === "not_authenticated") assert.ok(this.denied.has(id), "denied without the user");
    }
  }

  assertNothingIsLeft(): void {
    const { storage, keyStore, server } = this.setup;
    const state = JSON.parse(storage.values.get("countersign:device:https://auth.example.com")!);
    const tokens = JSON.parse(storage.values.get("countersign:tokens") ?? "{}");
    const { profiles, ...rest } = state;
    assert.deepEqual([...keyStore.keys.keys()].sort(), profiles.map((each: any) => each.keyId).sort());
    assert.deepEqual(Object.keys(tokens).sort(), profiles.flatMap((each: any) => Object.values(each.tokens)).sort());
    const lists = Object.values(rest).filter(Array.isArray);
    assert.deepEqual(lists, [[], [], [], [], [], []]);
    const registrations = server.log.filter(({ path }) => path.endsWith("/authenticators"));
    assert.equal(new Set(registrations.map(({ body }) => body)).size, registrations.length);
  }
}

/** Only the documented errors are thrown. */
async function expected(run: Promise<void>): Promise<void> {
  try {
    await run;
  } catch (error) {
    if (!(error instanceof DeviceError)) throw error;
  }
}

it(`random uses leave a device that works, with ${SEEDS} seeds`, async () => {
  let approvals = 0;
  for (let seed = 1; seed <= SEEDS; seed += 1) {
    const walk = new Walk(seed);
    try {
      await walk.begin();
      for (let step = 0; step < STEPS; step += 1) await walk.step();
      await walk.check();
    } catch (error) {
      throw new Error(`seed ${seed}`, { cause: error });
    }
    approvals += walk.approved.size;
  }
  assert.ok(approvals > 3 * SEEDS, `${approvals} approvals`);
});
