/**
 * Bundle what the browser loads: `node build.mjs OUT INPUTS`, called by build.py.
 *
 * An entry is a folder of pages/ with an index.js, or a style sheet of style/; nothing else needs to
 * be told about a new one. A file is named after its content, so that it can be kept for ever. OUT
 * gets those files, `manifest.json` for the server (INPUTS; each entry with the files that it loads,
 * itself first) and `escrow.json` for everybody, served at /.well-known/escrow.json: the SHA-256 of
 * every file. The same sources give the same bytes in any folder.
 */

import { createHash } from "node:crypto";
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";

import { ROOT, bundle, loaded } from "./bundle.mjs";

const HERE = path.dirname(fileURLToPath(import.meta.url));
const [out, inputs] = process.argv.slice(2);

function entryPoints() {
  const pages = readdirSync(path.join(HERE, "pages"), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => ({ in: path.join(HERE, "pages", name, "index.js"), out: name }));
  const styles = readdirSync(path.join(HERE, "style"))
    .filter((name) => name.endsWith(".css"))
    .map((name) => ({ in: path.join(HERE, "style", name), out: path.parse(name).name }));
  return [...pages, ...styles];
}

/** @param {Uint8Array} bytes */
function sha256(bytes) {
  return createHash("sha256").update(bytes).digest("hex");
}

/** Join the licences of what went into the bundles. @param {string[]} used */
function licences(used) {
  const packages = new Set();
  for (const input of used) {
    const found = /node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(input.replaceAll("\\", "/"));
    if (found) packages.add(found[1]);
  }
  const texts = [...packages].sort().map((name) => {
    const folder = path.join(ROOT, "node_modules", name);
    const { version } = JSON.parse(readFileSync(path.join(folder, "package.json"), "utf8"));
    const file = readdirSync(folder).filter((each) => /^licen[cs]e/i.test(each)).sort()[0];
    return `${name} ${version}\n\n${readFileSync(path.join(folder, file), "utf8").trim()}\n`;
  });
  return texts.join("\n----\n\n");
}

const result = await bundle(entryPoints());

/** @type {Record<string, Uint8Array>} */
const files = {};
for (const file of result.outputFiles) files[path.basename(file.path)] = file.contents;
const notices = Buffer.from(licences(Object.keys(result.metafile.inputs)), "utf8");
files[`licences-${sha256(notices).slice(0, 8)}.txt`] = notices;

/** @type {Record<string, string[]>} */
const entries = {};
for (const [file, { entryPoint }] of Object.entries(result.metafile.outputs)) {
  if (!entryPoint || /(^|\/)node_modules\//.test(entryPoint)) continue; // a package loaded later
  const name = path.basename(file).replace(/-[A-Z0-9]+(?=\.\w+$)/, "");
  entries[name] = loaded(result.metafile, file);
}
const names = Object.keys(files).sort();
const site = {
  format: "escrow/v1/site",
  files: names.map((name) => ({ path: `/assets/${name}`, sha256: sha256(files[name]) })),
};
files["escrow.json"] = Buffer.from(`${JSON.stringify(site, null, 1)}\n`);
files["manifest.json"] = Buffer.from(`${JSON.stringify({ inputs, entries, files: names }, null, 1)}\n`);
for (const [name, contents] of Object.entries(files)) writeFileSync(path.join(out, name), contents);
