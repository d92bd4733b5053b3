/** Calls that run one after the other. */

/** Run after all earlier calls with this name. */
export type Lock = <T>(name: string, run: () => Promise<T>) => Promise<T>;

/** Lock inside of one instance. */
export class Mutex {
  readonly #last = new Map<string, Promise<unknown>>();

  readonly run: Lock = (name, run) => {
    const result = (this.#last.get(name) ?? Promise.resolve()).then(run, run);
    this.#last.set(name, result);
    const release = (): void => {
      if (this.#last.get(name) === result) this.#last.delete(name);
    };
    result.then(release, release);
    return result;
  };
}
