// Lint an API description with the rules of Redocly and Spectral: `node lint.js FILE`.
// Exits with 1 if there is a finding. The packages need no network and send nothing.
import { readFileSync } from "node:fs";
import { createConfig, formatProblems, lint } from "@redocly/openapi-core";
import spectralCore from "@stoplight/spectral-core";
import rulesets from "@stoplight/spectral-rulesets";

// Rules that the description cannot fulfil.
const REDOCLY_OFF = {
  // No licence has been chosen yet.
  "info-license": "off",
  "info-license-strict": "off",
};
const SPECTRAL_OFF = {
  // A self-hosted server: its operator is the contact.
  "info-contact": "off",
};

async function lintWithRedocly(file) {
  const config = await createConfig({ extends: ["recommended"], rules: REDOCLY_OFF, telemetry: "off" });
  const problems = await lint({ ref: file, config });
  formatProblems(problems, { format: "stylish", totals: { errors: 0, warnings: 0, ignored: 0 }, version: "" });
  return problems.length;
}

async function lintWithSpectral(file) {
  const spectral = new spectralCore.Spectral();
  spectral.setRuleset({ extends: [[rulesets.oas, "recommended"]], rules: SPECTRAL_OFF });
  const results = await spectral.run(JSON.parse(readFileSync(file, "utf8")));
  for (const result of results) {
    console.log(`${result.path.join(".")}: ${result.code}: ${result.message}`);
  }
  return results.length;
}

const file = process.argv[2];
const findings = (await lintWithRedocly(file)) + (await lintWithSpectral(file));
console.log(`${findings} findings`);
process.exitCode = findings ? 1 : 0;
