/**
 * The offline page: pieces in, the key out, from a disk and with the network cut.
 *
 * One step at a time: collect the pieces, then the envelope if no kit file brought it, then the key.
 * What is collected lives in this module's variables, never in any storage; shares are overwritten
 * when the key is there, the key when it is cleared or the page is left.
 */

import { equal, utf8, wipe } from "../platform/bytes.js";
import { BadShare, ProtocolError } from "../protocol/errors.js";
import { codesInPicture, watchCamera } from "../ui/scan.js";
import { all, copyOf, fill, filled, on, one, sentence } from "./dom.js";
import * as pieces from "./pieces.js";
import { BadPiece } from "./pieces.js";
import { PageError, explained, placeOf } from "./problems.js";
import * as result from "./result.js";
import { makeFields } from "./words.js";

const MAX_FILE_BYTES = 40_000_000; // a photo; the pieces themselves are far smaller
const ROLES = ["customer", "contact", "provider"];
const ENVELOPE = "escrow1e:";
// Seen in passing by a camera: it is said, and the camera goes on.
const IN_PASSING = new Map([
  ["duplicate_share", "same-again"],
  ["check_code_given", "check_code_given"],
  ["malformed_qr", "malformed_qr"],
]);

/** @typedef {"collect" | "envelope" | "opening" | "result"} Step */

let language = "en";
/** @type {Step} */
let step = "collect";
/** @type {pieces.Piece[]} */
let have = [];
/** @type {Uint8Array[]} all that were given: which is the right one shows when they are opened */
let envelopes = [];
/** @type {result.Found | null} */
let found = null;
/** @type {AbortController | null} */
let watching = null;
/** @type {import("../ui/wordfields.js").WordFields | null} */
let fields = null;

// What is seen

/** Write the whole page in a language; what was typed stays. @param {string} wanted */
function write(wanted) {
  const typed = fields?.values() ?? [];
  const others = new Map(inputs().map((field) => [field.name, field.value]));
  const way = all("[data-way]").find((each) => !each.hidden)?.dataset.way;
  stopCamera();
  language = wanted;
  document.documentElement.lang = wanted;
  const template = one(`template[data-language="${wanted}"]`);
  document.title = template.dataset.title ?? "";
  one("#page").replaceChildren(copyOf(`template[data-language="${wanted}"]`));
  one("[data-licences]").textContent = copyOf("template[data-notices]").textContent;
  fields = makeFields();
  fields.restore(typed);
  for (const field of inputs()) field.value = others.get(field.name) ?? "";
  bind();
  if (found) result.present(found, language);
  refresh();
  if (way === "words") open("words");
}

/** @returns {(HTMLInputElement | HTMLTextAreaElement)[]} */
function inputs() {
  return /** @type {HTMLInputElement[]} */ (all("#page [name]"));
}

/** Show what belongs to the step, and what is here. */
function refresh() {
  for (const part of all("[data-only]")) {
    part.hidden = !part.dataset.only?.split(" ").includes(step);
  }
  open(step === "envelope" ? "text" : "");
  fill(one('[data-heading="collect"]'), { number: have.length + 1 });
  one("[data-first]").hidden = have.length > 0;
  const contacts = pieces.contactsOf(have);
  const isMany = contacts !== null && contacts.needed > 1 && contacts.have < contacts.needed;
  one("[data-contacts]").hidden = !isMany;
  one("[data-next]").hidden = have.length === 0 || isMany;
  if (contacts) fill(one("[data-contacts]"), { have: contacts.have, needed: contacts.needed });
  const isAnything = have.length > 0 || envelopes.length > 0;
  if (!isAnything) one("[data-have]").hidden = true;
  if (isAnything) one("[data-before]").hidden = true;
  list();
}

/** List what is here, each with a button that removes it. */
function list() {
  const rows = have.map((piece) => row(sentence(piece.role), describe(piece), () => remove(piece)));
  for (const envelope of envelopes) rows.push(row(sentence("the-envelope"), "", () => removeEnvelope(envelope)));
  one("[data-list]").replaceChildren(...rows);
  const here = ROLES.map((role) => Number(have.some((piece) => piece.role === role)));
  one("[data-figure]").replaceChildren(copyOf(`template[data-picture="${here.join("")}"]`));
}

/** @param {string} title @param {string} from @param {() => void} drop */
function row(title, from, drop) {
  const line = copyOf("#page template[data-piece]");
  one("[data-role]", line).textContent = title;
  one("[data-from]", line).textContent = from;
  const button = one("[data-remove]", line);
  button.setAttribute("aria-label", filled(sentence("remove"), { piece: title }));
  button.addEventListener("click", drop);
  return line;
}

/** @param {pieces.Piece} piece */
function describe({ manifest, name }) {
  if (!manifest) return name;
  const date = result.dateOf(manifest, language);
  return `${filled(sentence("about"), { label: manifest.label, date })}, ${name}`;
}

/** @param {Step} next @param {boolean} [isQuiet] */
function go(next, isQuiet = false) {
  step = next;
  refresh();
  if (!isQuiet) one(`[data-heading="${next}"]`).focus();
}

/** Open one way of giving something, or none. @param {string} way */
function open(way) {
  for (const each of all("[data-way]")) {
    const isHere = each.dataset.only?.split(" ").includes(step) ?? true;
    each.hidden = each.dataset.way !== way || !isHere;
  }
  one("[data-ways]").hidden = way === "words" || way === "camera";
}

/** @param {string} text */
function say(text) {
  one("[data-status]").textContent = text;
}

function hideProblem() {
  one("[data-problem]").hidden = true;
  say("");
}

/** @param {unknown} error */
function complain(error) {
  const [problem, hint] = explained(error);
  const box = one("[data-problem]");
  one("[data-text]", box).textContent = problem;
  one("[data-hint]", box).textContent = hint;
  box.hidden = false;
  say("");
  box.focus();
}

// What is given

/** Name what has no file of its own. */
function nextName() {
  return filled(sentence("piece"), { number: have.length + 1 });
}

/** Do something that may be refused; whatever happens, nothing given before is lost. @param {() => Promise<void>} act */
async function attempt(act) {
  hideProblem();
  try {
    await act();
  } catch (error) {
    complain(error);
  }
}

/** Take a piece that fits. @param {pieces.Piece} piece */
async function keep(piece) {
  try {
    await pieces.checkAdded(have, piece);
  } catch (error) {
    piece.wipe();
    throw error;
  }
  have.push(piece);
  say(filled(sentence("is-in"), { piece: sentence(piece.role) }));
}

/** @param {pieces.Piece} piece */
function remove(piece) {
  piece.wipe();
  have = have.filter((each) => each !== piece);
  hideProblem();
  say(filled(sentence("removed"), { piece: sentence(piece.role) }));
  go("collect");
}

/** Take one more, unless it is here. @param {Uint8Array} envelope */
function keepEnvelope(envelope) {
  if (!envelopes.some((each) => equal(each, envelope))) envelopes.push(envelope);
  say(filled(sentence("is-in"), { piece: sentence("the-envelope") }));
}

/** @param {Uint8Array} envelope */
function removeEnvelope(envelope) {
  envelopes = envelopes.filter((each) => each !== envelope);
  hideProblem();
  say(filled(sentence("removed"), { piece: sentence("the-envelope") }));
  go(pieces.isEnough(have) ? "envelope" : "collect");
}

/** Take what a code says. @param {string} name @param {string} text */
async function takeText(name, text) {
  if (text.startsWith(ENVELOPE) || step === "envelope") {
    keepEnvelope(await pieces.envelopeOfFile(utf8(text)));
    return;
  }
  await keep(await pieces.pieceOfQr(name, text));
}

/** Take a file: a picture of codes, a kit, a card, an envelope, or text. @param {File} file */
async function takeFile(file) {
  if (file.size > MAX_FILE_BYTES) throw new BadPiece(file.name, new PageError("unreadable_file"));
  if (file.type.startsWith("image/")) {
    await takePicture(file);
    return;
  }
  const data = new Uint8Array(await file.arrayBuffer());
  if (step === "envelope" || pieces.isEnvelope(data)) {
    keepEnvelope(await pieces.envelopeOfFile(data).finally(() => wipe(data)));
  } else {
    await keep(await pieces.pieceOfFile(file.name, data));
  }
}

/** @param {File} file */
async function takePicture(file) {
  let texts;
  try {
    texts = await codesInPicture(file);
  } catch {
    throw new BadPiece(file.name, new PageError("unreadable_file"));
  }
  const wanted = wantedOf(texts);
  if (!wanted.length) throw new BadPiece(file.name, new PageError("no_code"));
  for (const text of wanted) await takeText(file.name, text);
}

/**
 * Choose from the codes of one picture: a paper has more than one, and only the large one is a piece.
 * Without that one, the others are handed on to be refused.
 * @param {readonly string[]} texts
 */
function wantedOf(texts) {
  const ofEnvelope = texts.filter((text) => text.startsWith(ENVELOPE));
  const ofPieces = texts.filter((text) => text.startsWith("escrow1s:"));
  if (step === "envelope") return ofEnvelope.length ? ofEnvelope.slice(0, 1) : texts.slice(0, 1);
  const wanted = [...ofEnvelope.slice(0, 1), ...ofPieces];
  return wanted.length ? wanted : texts.slice(0, 1);
}

/** @param {FileList | null} files */
async function takeFiles(files) {
  for (const file of files ?? []) {
    try {
      await takeFile(file);
    } catch (error) {
      if (error instanceof DOMException) throw new BadPiece(file.name, new PageError("unreadable_file"));
      throw error instanceof ProtocolError && !(error instanceof BadPiece)
        ? new BadPiece(file.name, error)
        : error;
    }
  }
}

/** @param {Event} event */
function onFiles(event) {
  const input = /** @type {HTMLInputElement} */ (event.target);
  void attempt(async () => {
    try {
      await takeFiles(input.files);
    } finally {
      input.value = "";
      refresh();
    }
    await goOn();
  });
}

async function useCamera() {
  stopCamera();
  hideProblem();
  const watch = new AbortController();
  watching = watch;
  open("camera");
  const button = one('[data-act="stop"]');
  button.focus();
  try {
    if (!navigator.mediaDevices) throw new PageError("no_camera");
    await watchCamera(one("video"), watch.signal, takeSeen);
  } catch (error) {
    complain(error instanceof DOMException ? cameraError(error) : error);
  }
  if (watching !== watch) return;
  watching = null;
  const isTaken = !watch.signal.aborted && one("[data-problem]").hidden;
  refresh();
  if (isTaken) await attempt(goOn);
}

/** @param {DOMException} error */
function cameraError(error) {
  return new PageError(error.name === "NotAllowedError" ? "camera_refused" : "no_camera");
}

/** Take what the camera sees; true when something new was taken. @param {string[]} texts */
async function takeSeen(texts) {
  const before = have.length + (step === "envelope" ? envelopes.length : 0);
  for (const text of wantedOf(texts)) {
    try {
      await takeText(nextName(), text);
    } catch (error) {
      const passing = IN_PASSING.get(codeOf(error));
      if (!passing) throw error;
      say(sentence(passing));
    }
  }
  return have.length + (step === "envelope" ? envelopes.length : 0) > before;
}

function stopCamera() {
  watching?.abort();
  watching = null;
}

/** @param {Event} event */
function onWords(event) {
  event.preventDefault();
  const words = wordFields();
  void attempt(async () => {
    const empty = words.firstEmpty();
    if (empty !== null) {
      words.markWrong(empty, filled(sentence("empty-word"), { number: empty }));
      return;
    }
    const [number, code] = ["number", "code"].map((name) => valueOf(name));
    try {
      await keep(await pieces.pieceOfWords(nextName(), words.typedWords(), number, code));
    } catch (error) {
      pointAtWord(error);
      throw error;
    }
    words.restore([]);
    for (const field of inputs()) field.value = "";
    await goOn();
  });
}

function wordFields() {
  if (!fields) throw new TypeError("no fields");
  return fields;
}

/** Mark the word that is wrong. @param {unknown} error */
function pointAtWord(error) {
  const cause = error instanceof BadPiece ? error.cause : error;
  if (!(cause instanceof BadShare) || cause.word === null) return;
  if (cause.code === "unknown_word") wordFields().mark(cause.word, cause.proposals);
  else wordFields().markWrong(cause.word, placeOf(cause));
}

/** @param {string} name */
function valueOf(name) {
  return inputs().find((field) => field.name === name)?.value ?? "";
}

/** @param {Event} event */
function onText(event) {
  event.preventDefault();
  void attempt(async () => {
    keepEnvelope(await pieces.envelopeOfFile(utf8(valueOf("text").trim())));
    await goOn();
  });
}

// What comes of it

/** Go to what is still needed, and open the key when nothing is. */
async function goOn() {
  if (!pieces.isEnough(have)) {
    go("collect");
    return;
  }
  if (!envelopes.length && !have.some((piece) => piece.envelope)) {
    go("envelope");
    return;
  }
  go("opening", true);
  try {
    found = await pieces.combine(have, envelopes);
  } catch (error) {
    const isOfEnvelope = pieces.isOfEnvelope(error);
    if (isOfEnvelope) envelopes = []; // each was tried
    go(isOfEnvelope && !have.some((piece) => piece.envelope) ? "envelope" : "collect", true);
    throw error;
  }
  forgetPieces();
  result.present(found, language);
  say("");
  go("result");
}

/** @param {unknown} error */
function codeOf(error) {
  return error instanceof ProtocolError ? error.code : "";
}

function forgetPieces() {
  for (const piece of have) piece.wipe();
  have = [];
  envelopes = [];
}

/** Overwrite everything and begin again. */
function clear() {
  stopCamera();
  forgetPieces();
  result.forget(found);
  found = null;
  step = "collect";
  for (const field of inputs()) field.value = "";
  fields?.restore([]);
}

function bind() {
  on("[data-switch]", "click", (event) => {
    write(/** @type {HTMLElement} */ (event.currentTarget).dataset.switch ?? "en");
    one(`[data-switch="${language}"]`).focus();
  });
  on("[data-file]", "change", onFiles);
  on('[data-act="camera"]', "click", () => void useCamera());
  on('[data-act="stop"]', "click", () => {
    stopCamera();
    refresh();
    one('[data-act="camera"]').focus();
  });
  on('[data-act="words"]', "click", () => {
    hideProblem();
    open("words");
    one("[data-words] input").focus();
  });
  on('[data-act="back"]', "click", () => {
    open("");
    one('[data-act="words"]').focus();
  });
  on('form[data-way="words"]', "submit", onWords);
  on('form[data-way="text"]', "submit", onText);
  on('[data-act="clear"]', "click", () => {
    clear();
    write(language);
    say(sentence("cleared"));
    one("h1").focus();
  });
}

function languageOfBrowser() {
  const known = all("template[data-language]").map((each) => each.dataset.language ?? "");
  const wanted = navigator.languages.map((each) => each.toLowerCase().split("-")[0]);
  return wanted.find((each) => known.includes(each)) ?? known[0];
}

write(languageOfBrowser());
if (!globalThis.crypto?.subtle) complain(new PageError("old_browser"));
// Nothing is left in a page that the browser keeps for the way back.
addEventListener("pagehide", clear);
addEventListener("pageshow", (event) => {
  if (event.persisted) write(language);
});
