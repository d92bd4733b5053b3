import tseslint from "typescript-eslint";

// The page's policy requires Trusted Types: the app never parses HTML and never runs a string as code.
const SINKS = ["innerHTML", "outerHTML", "insertAdjacentHTML", "srcdoc", "write", "writeln", "eval"];

export default tseslint.config(
  { ignores: ["dist", "node_modules", "*.js"] },
  {
    files: ["**/*.ts"],
    extends: [tseslint.configs.strictTypeChecked, tseslint.configs.stylisticTypeChecked],
    languageOptions: { parserOptions: { project: "./tsconfig.json", tsconfigRootDir: import.meta.dirname } },
    linterOptions: { reportUnusedDisableDirectives: "error" },
    rules: {
      "max-len": ["error", { code: 120 }],
      "max-lines": ["error", 400],
      "max-lines-per-function": ["error", 60],
      complexity: ["error", 10],
      eqeqeq: "error",
      "no-console": "error",
      "no-eval": "error",
      "no-restricted-globals": ["error", "sessionStorage"],
      "no-restricted-properties": ["error", ...SINKS.map((property) => ({ property }))],
      "@typescript-eslint/switch-exhaustiveness-check": "error",
      "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true }],
    },
  },
  { files: ["src/messages/*.ts"], rules: { "max-len": "off" } },
);
