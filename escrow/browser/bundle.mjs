/**
 * How esbuild bundles: for build.mjs, and for tests that bundle something else in the same way.
 */

import path from "node:path";
import { fileURLToPath } from "node:url";

import { build } from "esbuild";

const HERE = path.dirname(fileURLToPath(import.meta.url));
export const ROOT = path.dirname(path.dirname(HERE));
/** What stands in for parts of the library age-encryption: see the files. @type {Record<string, string>} */
const INSTEAD = {
  "@noble/post-quantum/hybrid.js": "absent.js",
  "@noble/curves/nist.js": "absent.js",
  "@noble/curves/ed25519.js": "late_curve.js",
};

const lighterAge = {
  name: "lighter-age",
  /** @param {import("esbuild").PluginBuild} made */
  setup(made) {
    made.onResolve({ filter: /^@noble\// }, ({ path: wanted, importer }) => {
      const instead = /[/\\]age-encryption[/\\]/.test(importer) && INSTEAD[wanted];
      return instead ? { path: path.join(HERE, "platform", instead) } : undefined;
    });
  },
};

/**
 * Bundle entries, `out` being the name of the file; nothing is written.
 * @param {{ in: string, out: string }[]} entryPoints
 */
export function bundle(entryPoints) {
  return build({
    absWorkingDir: ROOT,
    entryPoints,
    outdir: "out",
    bundle: true,
    splitting: true,
    format: "esm",
    target: "es2022",
    charset: "utf8",
    minify: true,
    legalComments: "none", // they stand in licences-….txt
    entryNames: "[name]-[hash]",
    chunkNames: "part-[hash]",
    metafile: true,
    write: false,
    preserveSymlinks: true,
    plugins: [lighterAge],
    logLevel: "warning",
  });
}

/**
 * Name the files that a file loads before it runs, itself first; what it may load later is left out.
 * @param {import("esbuild").Metafile} metafile @param {string} file
 */
export function loaded({ outputs }, file) {
  const found = new Set([file]);
  for (const name of found) {
    for (const { path: other, kind } of outputs[name].imports) {
      if (kind === "import-statement") found.add(other);
    }
  }
  return [...found].map((name) => path.basename(name));
}
