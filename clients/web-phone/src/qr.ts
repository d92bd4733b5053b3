/** Decoder of QR codes, in a file of its own: only browsers without BarcodeDetector load it, with the camera. */

export { default as decode } from "qr/decode.js";
