// The pieces: ours comes by itself, hers from her kit, a contact's by a call.

import { NotNow } from "../../client/errors.js";
import * as recover from "../../client/recover.js";
import { copyOf, fill, one, showIf } from "../../ui/dom.js";
import { complain, onSend } from "../../ui/forms.js";
import { PieceForm } from "../../ui/piece.js";
import { sentence } from "../../ui/problems.js";
import { grouped } from "../../ui/widgets.js";
import { say } from "../../ui/words.js";
import { showSecret } from "./secret.js";
import { client, form, memory, state, steps } from "./state.js";

/** @typedef {import("../../client/collecting.js").Collection} Collection */
/** @typedef {import("../../protocol/manifest.js").Custody} Custody */

const pieces = form("pieces");
const calling = form("call");
const kit = new PieceForm(pieces);
/** The call that is shown: what an earlier one still brings is not. */
let present = 0;

/** Begin with a fresh key, which ends what another page has begun, and show what is missing. */
export async function collect() {
  const { running, piece } = state;
  state.target = await recover.targetOf(client, memory, running, { piece });
  const begun = await recover.begin(client, state.target, running, piece);
  state.collection?.wipe();
  state.collection = begun;
  one("[data-helpers]").replaceChildren(...state.target.helpers.map(helper));
  showIf(pieces, { helpers: state.target.helpers.length > 0 });
  steps.go("pieces");
  steps.close();
  try {
    if (piece !== null) await begun.add(piece);
    await takeOurs();
    await isHere();
  } catch (error) {
    // Said where she is now, not on the step that she came from.
    show("");
    complain(pieces, sentence(error, "call"));
  }
}

/** @returns {Collection} */
function collection() {
  if (state.collection === null) throw new NotNow("session_over");
  return state.collection;
}

/** Take the provider's piece, unless contacts have to release first: then it comes after theirs. */
async function takeOurs() {
  const { target, running } = state;
  const found = collection();
  if (target === null || found.custodies.includes(target.provider.custody)) return;
  const contactsFirst = recover.contactsFirst(running);
  if (contactsFirst && !target.helpers.some((line) => found.custodies.includes(line.custody))) return;
  show("waiting");
  try {
    await found.take(target.provider);
  } catch (error) {
    if (!(error instanceof NotNow) || error.code !== "no_release") throw error;
    // Her kit and a contact open it as well; and it can be asked for once more.
  }
}

/** Show what is here; with enough of it, bring the key back. */
async function isHere() {
  const found = collection();
  if (!found.isEnough) return show("");
  show("opening");
  state.recovered = await found.combine();
  state.piece = null;
  showSecret();
}

/** @param {"" | "waiting" | "opening"} busy */
function show(busy) {
  const { target } = state;
  const here = new Set(collection().custodies);
  const ours = target !== null && here.has(target.provider.custody);
  const hers = target !== null && target.manifest.ofRole("customer").some((line) => here.has(line.custody));
  fill(pieces, {
    busy: busy ? say(`busy.${busy}`) : "",
    ours: say(ours ? "piece.here" : "piece.missing"),
    hers: say(hers ? "piece.here" : "piece.missing"),
  });
  showIf(pieces, { "ask-ours": !ours && busy === "", kit: !hers });
  for (const line of target?.helpers ?? []) {
    const item = one(`[data-custody="${line.custody}"]`, pieces);
    fill(item, { there: here.has(line.custody) ? say("piece.here") : "" });
    one("button", item).hidden = here.has(line.custody);
  }
}

/** @param {Custody} line */
function nameOf(line) {
  return state.target?.custodies.get(line.custody)?.name ?? say("contact");
}

/** @param {Custody} line */
function helper(line) {
  const item = copyOf("helper");
  item.dataset.custody = line.custody;
  fill(item, { name: nameOf(line), call: say("call", { who: nameOf(line) }) });
  one("button", item).addEventListener("click", () => call(line));
  return item;
}

/** @param {Custody} line */
async function call(line) {
  const mine = ++present;
  complain(pieces, "");
  try {
    const begun = await collection().call(line);
    if (mine !== present) return;
    fill(calling, { who: nameOf(line), digits: "" });
    showIf(calling, { waiting: true, reading: false });
    complain(calling, "");
    steps.go("call");
    const digits = await begun.reveal();
    if (mine !== present) return;
    fill(calling, { digits: grouped(digits) });
    showIf(calling, { waiting: false, reading: true });
    await begun.released();
    if (mine !== present) return;
    await collection().take(line);
    fill(calling, { digits: "" });
    steps.go("pieces");
    await takeOurs();
    await isHere();
  } catch (error) {
    if (mine !== present) return;
    const where = steps.current === "call" ? calling : pieces;
    complain(where, sentence(error, "call"));
  }
}

function endCall() {
  present += 1;
  fill(calling, { digits: "" });
  steps.go("pieces");
}

/** @param {HTMLFormElement} from */
async function addKit(from) {
  const { deposit } = state.deposit;
  const found = await kit.read(client, { role: "customer", deposit });
  await collection().add(found);
  from.reset();
  await takeOurs();
  await isHere();
}

onSend(pieces, addKit, "kit");
one("[data-act=ask-ours]", pieces).addEventListener("click", async () => {
  complain(pieces, "");
  try {
    await takeOurs();
    await isHere();
  } catch (error) {
    complain(pieces, sentence(error, "call"));
  }
});
one("[data-act=end-call]", calling).addEventListener("click", endCall);
