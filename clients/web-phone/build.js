// Build the app and its service worker to `dist`. `@countersign/device` is bundled from its sources.
import { cp, rm } from "node:fs/promises";
import { build } from "esbuild";

const DEVICE = "../typescript/src";
const OUT = "dist";

await rm(OUT, { recursive: true, force: true });
await cp("static", OUT, { recursive: true });
await build({
  entryPoints: { app: "src/app.ts", sw: "src/sw.ts" },
  outdir: OUT,
  bundle: true,
  minify: true,
  format: "iife",
  target: "es2022",
  charset: "utf8",
  legalComments: "none",
  logLevel: "warning",
  alias: {
    "@countersign/device": `${DEVICE}/index.ts`,
    "@countersign/device/browser": `${DEVICE}/browser.ts`,
    jose: "./node_modules/jose",
  },
});
await build({ entryPoints: ["static/app.css"], outdir: OUT, minify: true, charset: "utf8", logLevel: "warning" });
