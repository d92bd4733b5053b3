/** Calls that run one after the other, by key. */
export class Mutex {
  readonly #last = new Map<string, Promise<unknown>>();

  /** Run after all earlier calls with this key. */
  run<T>(key: string, run: () => Promise<T>): Promise<T> {
    const result = (this.#last.get(key) ?? Promise.resolve()).then(run, run);
    this.#last.set(key, result);
    const release = (): void => {
      if (this.#last.get(key) === result) this.#last.delete(key);
    };
    result.then(release, release);
    return result;
  }
}
