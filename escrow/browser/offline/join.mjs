/**
 * Bundle the offline page's script and style: `node join.mjs OUT`, called by assemble.py.
 *
 * Bundled first as every page is, then joined: what pages load later when a browser lacks something
 * stands in the one file too, as a page opened from a disk can load nothing. OUT gets `script.js`,
 * `style.css` and `notices.txt`, the licences of what went in.
 */

import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";

import { build } from "esbuild";

import { ROOT, bundle } from "../bundle.mjs";

const HERE = path.dirname(fileURLToPath(import.meta.url));
const [out] = process.argv.slice(2);

/** @param {Map<string, string>} parts */
function fromMemory(parts) {
  return {
    name: "from-memory",
    /** @param {import("esbuild").PluginBuild} made */
    setup(made) {
      made.onResolve({ filter: /./ }, (asked) => ({ path: path.basename(asked.path), namespace: "part" }));
      made.onLoad({ filter: /./, namespace: "part" }, (asked) => ({ contents: parts.get(asked.path) }));
    },
  };
}

/** @param {string} name */
function notice(name) {
  const folder = path.join(ROOT, "node_modules", name);
  const { version } = JSON.parse(readFileSync(path.join(folder, "package.json"), "utf8"));
  const file = readdirSync(folder).filter((each) => /^licen[cs]e/i.test(each)).sort()[0];
  return `${name} ${version}\n\n${readFileSync(path.join(folder, file), "utf8").trim()}\n`;
}

const { outputFiles, metafile } = await bundle([
  { in: path.join(HERE, "index.js"), out: "script" },
  { in: path.join(HERE, "style.css"), out: "style" },
]);
const parts = new Map(outputFiles.map((file) => [path.basename(file.path), file.text]));
const [entry] = [...parts.keys()].filter((name) => /^script-\w+\.js$/.test(name));
const [style] = [...parts.keys()].filter((name) => /^style-\w+\.css$/.test(name));
const joined = await build({
  absWorkingDir: ROOT,
  entryPoints: [entry],
  bundle: true,
  format: "iife",
  target: "es2022",
  charset: "utf8",
  minify: true,
  legalComments: "none",
  write: false,
  plugins: [fromMemory(parts)],
  logLevel: "warning",
});
const packages = Object.keys(metafile.inputs)
  .map((input) => /node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(input.replaceAll("\\", "/"))?.[1])
  .filter((name) => name !== undefined);
writeFileSync(path.join(out, "script.js"), joined.outputFiles[0].text.trim());
writeFileSync(path.join(out, "style.css"), (parts.get(style) ?? "").trim());
const notices = [...new Set(packages)].sort().map((name) => notice(name));
writeFileSync(path.join(out, "notices.txt"), notices.join("\n----\n\n"));
