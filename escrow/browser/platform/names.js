/**
 * How the names of `escrow/protocol/*.py` become those of `escrow/browser/protocol/*.js`.
 *
 * - A module has the same file name. `__init__` has nothing but a docstring and no twin.
 * - Functions, methods, properties, parameters and attributes: `snake_case` becomes `camelCase`.
 *   Classes and constants keep their names. Fields of documents keep theirs on the wire.
 * - A dataclass becomes a class whose constructor takes one object of its fields; trailing keyword
 *   arguments become one object, too. A `classmethod` becomes a static method.
 * - What needs WebCrypto, age or HPKE returns a promise. All else is synchronous, as in Python.
 * - A field that Python keeps out of `repr` is private here, with a getter; what holds a secret has
 *   `wipe()`, which overwrites it.
 * - A name with a leading underscore is nobody else's and has no twin; a type alias is a `@typedef`.
 *
 * tests/browser/test_same_names.py compares both sides by these rules and lists the exceptions.
 */

/** @param {string} name */
export function camelCase(name) {
  return name.replace(/(?<=[a-z0-9])_([a-z0-9])/g, (_, letter) => letter.toUpperCase());
}

/** @param {string} name */
export function snakeCase(name) {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** Name a document's fields as attributes. @param {Record<string, any>} fields @returns {any} */
export function attributes(fields) {
  return Object.fromEntries(Object.entries(fields).map(([key, value]) => [camelCase(key), value]));
}

/** Name an object's attributes as a document's fields. @param {object} object @returns {Record<string, any>} */
export function fields(object) {
  return Object.fromEntries(Object.entries(object).map(([key, value]) => [snakeCase(key), value]));
}
