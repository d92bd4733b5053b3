// Build the app and its service worker to `dist`. `@countersign/device` is bundled from its sources.
import { cp, rm } from "node:fs/promises";
import { build } from "esbuild";

const DEVICE = "../typescript/src";
const OUT = "dist";

await rm(OUT, { recursive: true, force: true });
await cp("static", OUT, { recursive: true });
const options = {
  outdir: OUT,
  bundle: true,
  minify: true,
  target: "es2022",
  charset: "utf8",
  legalComments: "none",
  logLevel: "warning",
  alias: {
    "@countersign/device": `${DEVICE}/index.ts`,
    "@countersign/device/browser": `${DEVICE}/browser.ts`,
    jose: "./node_modules/jose",
  },
};
// `import()` loads another file of the bundle. esbuild's `splitting` would delay the first screen by a shared file.
const otherFile = {
  name: "other-file",
  setup: ({ onResolve }) => {
    onResolve({ filter: /\.ts$/ }, ({ kind, path }) =>
      kind === "dynamic-import" ? { path: path.replace(/ts$/, "js"), external: true } : undefined,
    );
  },
};
await build({ ...options, entryPoints: ["src/app.ts", "src/qr.ts"], format: "esm", plugins: [otherFile] });
await build({ ...options, entryPoints: ["src/sw.ts"], format: "iife" });
await build({ entryPoints: ["static/app.css"], outdir: OUT, minify: true, charset: "utf8", logLevel: "warning" });
