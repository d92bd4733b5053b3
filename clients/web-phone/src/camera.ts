/** QR codes from the camera: BarcodeDetector where the browser has it, otherwise a decoder in TypeScript. */

import { h } from "./dom.ts";
import { t, type Key } from "./i18n.ts";

interface Detector {
  detect(source: CanvasImageSource): Promise<{ readonly rawValue: string }[]>;
}
interface DetectorClass {
  new (options: { formats: string[] }): Detector;
  getSupportedFormats(): Promise<string[]>;
}

/** Larger images take longer and are not recognized better. */
const MAX_SIZE = 800;
const INTERVAL = 150;

export const hasCamera = (): boolean => "mediaDevices" in navigator;

/** Video of the camera. `onText` gets each recognized text once; `onError` a reason. */
export class Scanner {
  readonly element = h("video", { muted: true, playsinline: true, "aria-label": t("camera") });
  readonly #onText: (text: string) => void;
  readonly #onError: (reason: Key) => void;
  #stream: MediaStream | undefined;
  #isStopped = false;
  #last = "";

  constructor(onText: (text: string) => void, onError: (reason: Key) => void) {
    this.#onText = onText;
    this.#onError = onError;
  }

  async start(): Promise<void> {
    try {
      const video = { facingMode: "environment", width: { ideal: 1280 }, height: { ideal: 720 } };
      this.#stream = await navigator.mediaDevices.getUserMedia({ video, audio: false });
    } catch (error) {
      const isDenied = error instanceof DOMException && error.name === "NotAllowedError";
      this.#onError(isDenied ? "camera_denied" : "camera_none");
      return;
    }
    if (this.#isStopped) {
      this.stop();
      return;
    }
    this.element.muted = true;
    this.element.srcObject = this.#stream;
    await this.element.play().catch(() => undefined);
    let read: Reader;
    try {
      read = await createReader();
    } catch {
      this.#onError("error_network");
      return;
    }
    await this.#scan(read);
  }

  /** Turn the camera off. */
  stop(): void {
    this.#isStopped = true;
    for (const track of this.#stream?.getTracks() ?? []) track.stop();
    this.element.srcObject = null;
  }

  async #scan(read: Reader): Promise<void> {
    while (!this.#isStopped) {
      const text = this.element.videoWidth > 0 ? await read(this.element).catch(() => undefined) : undefined;
      if (text !== undefined && text !== this.#last) {
        this.#last = text;
        this.#onText(text);
      }
      await new Promise((resolve) => setTimeout(resolve, INTERVAL));
    }
  }
}

type Decode = (typeof import("./qr.ts"))["decode"];
type Reader = (video: HTMLVideoElement) => Promise<string | undefined>;

async function createReader(): Promise<Reader> {
  const { BarcodeDetector: Class } = globalThis as { BarcodeDetector?: DetectorClass };
  const formats = (await Class?.getSupportedFormats().catch(() => [])) ?? [];
  if (Class !== undefined && formats.includes("qr_code")) {
    const detector = new Class({ formats: ["qr_code"] });
    return async (video) => (await detector.detect(video))[0]?.rawValue;
  }
  const { decode } = await import("./qr.ts");
  const canvas = h("canvas");
  const context = canvas.getContext("2d", { willReadFrequently: true });
  return (video) => Promise.resolve(context === null ? undefined : decodeImage(decode, context, video));
}

function decodeImage(
  decode: Decode,
  context: CanvasRenderingContext2D,
  video: HTMLVideoElement,
): string | undefined {
  const { canvas } = context;
  const scale = Math.min(1, MAX_SIZE / Math.max(video.videoWidth, video.videoHeight));
  canvas.width = Math.round(video.videoWidth * scale);
  canvas.height = Math.round(video.videoHeight * scale);
  context.drawImage(video, 0, 0, canvas.width, canvas.height);
  const { data, width, height } = context.getImageData(0, 0, canvas.width, canvas.height);
  try {
    return decode({ data, width, height });
  } catch {
    // Most images contain no QR code.
    return undefined;
  }
}
