/** scrypt (RFC 7914) with PBKDF2 of WebCrypto, which has no scrypt. */

import type { Bytes } from "./encoding.ts";

export interface ScryptParameters {
  /** Cost: a power of 2. The memory is 128 * N * r bytes. */
  readonly N: number;
  readonly r: number;
  readonly p: number;
  /** Length of the result in bytes. */
  readonly length: number;
}

/** Blocks between two pauses: some 20 ms. */
const BLOCKS_PER_PAUSE = 4096;

/** Derive a key from a password. `pause` is awaited regularly, so that the app can draw its screens meanwhile. */
export async function scrypt(
  password: Uint8Array,
  salt: Uint8Array,
  { N, r, p, length }: ScryptParameters,
  pause: () => Promise<void> = () => Promise.resolve(),
): Promise<Bytes> {
  const bytes = await pbkdf2(password, salt, 128 * r * p);
  const blocks = toWords(bytes);
  const mixer = new Mixer(N, r);
  for (let index = 0; index < p; index += 1) {
    await mixer.mix(blocks.subarray(index * 32 * r, (index + 1) * 32 * r), pause);
  }
  mixer.clear();
  const result = await pbkdf2(password, toBytes(blocks), length);
  blocks.fill(0);
  return result;
}

async function pbkdf2(password: Uint8Array, salt: Uint8Array, length: number): Promise<Bytes> {
  const key = await crypto.subtle.importKey("raw", Uint8Array.from(password), "PBKDF2", false, ["deriveBits"]);
  const algorithm = { name: "PBKDF2", hash: "SHA-256", salt: Uint8Array.from(salt), iterations: 1 };
  return new Uint8Array(await crypto.subtle.deriveBits(algorithm, key, length * 8));
}

/** Read little-endian words, on every platform. */
function toWords(bytes: Bytes): Int32Array {
  const view = new DataView(bytes.buffer);
  return Int32Array.from({ length: bytes.length / 4 }, (_value, index) => view.getInt32(index * 4, true));
}

function toBytes(words: Int32Array): Bytes {
  const view = new DataView(new ArrayBuffer(words.length * 4));
  words.forEach((word, index) => {
    view.setInt32(index * 4, word, true);
  });
  return new Uint8Array(view.buffer);
}

/** scryptROMix with its memory. */
class Mixer {
  readonly #words: number;
  readonly #mask: number;
  readonly #memory: Int32Array;
  readonly #scratch: Int32Array;

  constructor(N: number, r: number) {
    this.#words = 32 * r;
    this.#mask = N - 1;
    this.#memory = new Int32Array(N * this.#words);
    this.#scratch = new Int32Array(this.#words);
  }

  async mix(block: Int32Array, pause: () => Promise<void>): Promise<void> {
    const words = this.#words;
    for (let index = 0; index <= this.#mask; index += 1) {
      this.#memory.set(block, index * words);
      blockMix(block, this.#scratch);
      if (index % BLOCKS_PER_PAUSE === 0) await pause();
    }
    for (let index = 0; index <= this.#mask; index += 1) {
      const start = ((block[words - 16] ?? 0) & this.#mask) * words;
      for (let word = 0; word < words; word += 1) {
        block[word] = (block[word] ?? 0) ^ (this.#memory[start + word] ?? 0);
      }
      blockMix(block, this.#scratch);
      if (index % BLOCKS_PER_PAUSE === 0) await pause();
    }
  }

  clear(): void {
    this.#memory.fill(0);
    this.#scratch.fill(0);
  }
}

/** scryptBlockMix: mix the 2r chunks of a block in place. */
function blockMix(block: Int32Array, scratch: Int32Array): void {
  const words = block.length;
  const half = words / 2;
  const state = block.slice(words - 16);
  for (let start = 0, even = 0; start < words; start += 16) {
    salsa8(state, block, start);
    // Chunks with an even number go to the first half.
    const target = (start / 16) % 2 === 0 ? even : half + even;
    scratch.set(state, target);
    if ((start / 16) % 2 === 1) even += 16;
  }
  block.set(scratch);
}

/** Salsa20/8: XOR 16 words of the block into the state, and apply 8 rounds. */
// eslint-disable-next-line complexity -- it counts each default of an array element
function salsa8(state: Int32Array, block: Int32Array, start: number): void {
  for (let index = 0; index < 16; index += 1) {
    state[index] = (state[index] ?? 0) ^ (block[start + index] ?? 0);
  }
  let x0 = state[0] ?? 0, x1 = state[1] ?? 0, x2 = state[2] ?? 0, x3 = state[3] ?? 0;
  let x4 = state[4] ?? 0, x5 = state[5] ?? 0, x6 = state[6] ?? 0, x7 = state[7] ?? 0;
  let x8 = state[8] ?? 0, x9 = state[9] ?? 0, x10 = state[10] ?? 0, x11 = state[11] ?? 0;
  let x12 = state[12] ?? 0, x13 = state[13] ?? 0, x14 = state[14] ?? 0, x15 = state[15] ?? 0;
  for (let round = 0; round < 8; round += 2) {
    x4 ^= rotate(x0 + x12, 7); x8 ^= rotate(x4 + x0, 9);
    x12 ^= rotate(x8 + x4, 13); x0 ^= rotate(x12 + x8, 18);
    x9 ^= rotate(x5 + x1, 7); x13 ^= rotate(x9 + x5, 9);
    x1 ^= rotate(x13 + x9, 13); x5 ^= rotate(x1 + x13, 18);
    x14 ^= rotate(x10 + x6, 7); x2 ^= rotate(x14 + x10, 9);
    x6 ^= rotate(x2 + x14, 13); x10 ^= rotate(x6 + x2, 18);
    x3 ^= rotate(x15 + x11, 7); x7 ^= rotate(x3 + x15, 9);
    x11 ^= rotate(x7 + x3, 13); x15 ^= rotate(x11 + x7, 18);
    x1 ^= rotate(x0 + x3, 7); x2 ^= rotate(x1 + x0, 9);
    x3 ^= rotate(x2 + x1, 13); x0 ^= rotate(x3 + x2, 18);
    x6 ^= rotate(x5 + x4, 7); x7 ^= rotate(x6 + x5, 9);
    x4 ^= rotate(x7 + x6, 13); x5 ^= rotate(x4 + x7, 18);
    x11 ^= rotate(x10 + x9, 7); x8 ^= rotate(x11 + x10, 9);
    x9 ^= rotate(x8 + x11, 13); x10 ^= rotate(x9 + x8, 18);
    x12 ^= rotate(x15 + x14, 7); x13 ^= rotate(x12 + x15, 9);
    x14 ^= rotate(x13 + x12, 13); x15 ^= rotate(x14 + x13, 18);
  }
  state[0] = (state[0] ?? 0) + x0; state[1] = (state[1] ?? 0) + x1;
  state[2] = (state[2] ?? 0) + x2; state[3] = (state[3] ?? 0) + x3;
  state[4] = (state[4] ?? 0) + x4; state[5] = (state[5] ?? 0) + x5;
  state[6] = (state[6] ?? 0) + x6; state[7] = (state[7] ?? 0) + x7;
  state[8] = (state[8] ?? 0) + x8; state[9] = (state[9] ?? 0) + x9;
  state[10] = (state[10] ?? 0) + x10; state[11] = (state[11] ?? 0) + x11;
  state[12] = (state[12] ?? 0) + x12; state[13] = (state[13] ?? 0) + x13;
  state[14] = (state[14] ?? 0) + x14; state[15] = (state[15] ?? 0) + x15;
}

const rotate = (word: number, bits: number): number => (word << bits) | (word >>> (32 - bits));
