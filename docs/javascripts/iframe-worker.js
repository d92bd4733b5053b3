// The search runs in a worker, which browsers do not start for a page that was opened from a file. This class runs the
// script of the worker in a hidden frame instead. With a web server, it is not used.
(() => {
  if (location.protocol !== "file:") return;

  class IFrameWorker extends EventTarget {
    #frame = document.createElement("iframe");
    #started;

    constructor(url) {
      super();
      const address = new URL(url, location.href).href;
      this.#frame.hidden = true;
      this.#frame.srcdoc = "<!doctype html><title></title>";
      this.#started = new Promise((resolve, reject) => {
        this.#frame.addEventListener("load", () => this.#run(address, resolve, reject), { once: true });
      });
      document.body.append(this.#frame);
    }

    postMessage(data) {
      this.#started.then((inner) => inner.dispatchEvent(new inner.MessageEvent("message", { data })));
    }

    terminate() {
      this.#frame.remove();
    }

    #run(address, resolve, reject) {
      const inner = this.#frame.contentWindow;
      inner.postMessage = (data) => this.dispatchEvent(new MessageEvent("message", { data }));
      const script = inner.document.createElement("script");
      script.src = address;
      script.addEventListener("load", () => resolve(inner));
      script.addEventListener("error", reject);
      inner.document.body.append(script);
    }
  }

  window.IFrameWorker = IFrameWorker;
  window.Worker = IFrameWorker;
})();
