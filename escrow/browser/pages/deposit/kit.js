// Showing the kit: its check code now and then, the whole of it where an enrolment was not finished.

import { attestShare } from "../../client/attesting.js";
import { finishWithKit } from "../../client/enrol.js";
import { openLedger } from "../../client/ledgerkeys.js";
import { CheckForm } from "../../ui/checkcode.js";
import { one } from "../../ui/dom.js";
import { onSend, typed } from "../../ui/forms.js";
import { PieceForm } from "../../ui/piece.js";
import { client, memory } from "./line.js";

/** @typedef {{ deposit: string, custody: string, isFinished: () => boolean }} Where */

const whole = /** @type {HTMLFormElement} */ (one("[data-whole]"));
const check = /** @type {HTMLFormElement} */ (one("[data-check]"));

/**
 * Make the two forms work; `done` is told what was shown: "check" or "finish".
 * @param {Where} where
 * @param {(name: string) => Promise<void>} done
 */
export function prepare(where, done) {
  const kit = new PieceForm(whole);
  const code = new CheckForm(check);
  onSend(check, async () => {
    await code.send(client, memory, where.custody);
    check.reset();
    await done("check");
  }, "kit");
  onSend(whole, async () => {
    const found = await kit.read(client, { role: "customer", deposit: where.deposit });
    try {
      if (where.isFinished()) await prove(found);
      else await finishWithKit(client, memory, found, typed(whole, "digits"));
    } finally {
      found.wipe();
    }
    const name = where.isFinished() ? "check" : "finish";
    whole.reset();
    await done(name);
  }, "kit");
}

/** @param {import("../../client/piece.js").Piece} kit */
async function prove({ manifest, payload }) {
  const { ledger } = await openLedger(client, memory, manifest.ledgerVkey);
  await attestShare(client, ledger, manifest, payload);
}
