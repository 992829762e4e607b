/**
 * Bundle a test's entry as the build does: `node bundle.mjs OUT NAME=FILE …`. Prints, as JSON, which
 * file each became and how many bytes, gzipped, it loads before it runs and what it may load later.
 */

import { writeFileSync } from "node:fs";
import path from "node:path";
import { gzipSync } from "node:zlib";

import { bundle, loaded } from "../../escrow/browser/bundle.mjs";

const [out, ...given] = process.argv.slice(2);
const entries = given.map((each) => each.split("="));
const result = await bundle(entries.map(([name, file]) => ({ in: path.resolve(file), out: name })));
/** @type {Record<string, number>} */
const sizes = {};
for (const { path: file, contents } of result.outputFiles) {
  writeFileSync(path.join(out, path.basename(file)), contents);
  sizes[path.basename(file)] = gzipSync(contents, { level: 9 }).length;
}
/** @type {Record<string, { file: string, first: number, packages: string[] }>} */
const found = {};
for (const [name] of entries) {
  const outputs = Object.keys(result.metafile.outputs);
  const file = outputs.find((each) => path.basename(each).startsWith(`${name}-`)) ?? "";
  const first = loaded(result.metafile, file);
  const inputs = outputs
    .filter((each) => first.includes(path.basename(each)))
    .flatMap((each) => Object.keys(result.metafile.outputs[each].inputs));
  found[name] = {
    file: path.basename(file),
    first: first.reduce((sum, each) => sum + sizes[each], 0),
    packages: [...new Set(inputs.map((each) => /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(each)?.[1] ?? "escrow"))],
  };
}
process.stdout.write(JSON.stringify(found));
