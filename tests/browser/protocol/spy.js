/**
 * See every `Uint8Array` that is made while something runs, those of the libraries too: to find
 * secrets that were not overwritten.
 */

const Real = Uint8Array;
const METHODS = /** @type {const} */ (["slice", "map", "toReversed", "toSorted", "filter", "with"]);

/** Begin to look: `seen` gets every array that is made until `end`. */
export function spy() {
  /** @type {Uint8Array[]} */
  const seen = [];
  /** @param {Uint8Array} array */
  const note = (array) => (seen.push(array), array);
  globalThis.Uint8Array = new Proxy(Real, {
    construct: (target, given, caller) =>
      note(Reflect.construct(target, given, caller === globalThis.Uint8Array ? target : caller)),
  });
  const prototype = /** @type {any} */ (Object.getPrototypeOf(Real.prototype));
  const methods = METHODS.map((name) => [name, prototype[name]]);
  for (const [name, real] of methods) {
    prototype[name] = function (/** @type {any[]} */ ...given) {
      return note(real.apply(this, given));
    };
  }
  const end = () => {
    globalThis.Uint8Array = Real;
    for (const [name, real] of methods) prototype[name] = real;
  };
  return { seen, end };
}

/** Run a step and return every array it made. @template T @param {() => Promise<T>} step */
export async function spyOn(step) {
  const { seen, end } = spy();
  try {
    return { result: await step(), seen };
  } finally {
    end();
  }
}

/** @param {Uint8Array[]} seen @param {Record<string, Uint8Array>} secrets */
export function leftovers(seen, secrets) {
  const here = seen.filter((array) => array.length); // handed over to a stream: no longer ours
  const kept = here.map((array) => Buffer.from(array.buffer, array.byteOffset, array.length));
  return Object.entries(secrets)
    .filter(([, secret]) => kept.some((bytes) => bytes.includes(Buffer.from(secret))))
    .map(([name]) => name);
}
