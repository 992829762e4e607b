/** Answer questions of a Python test: a JSON line with an operation in, a JSON line out. */

import { createInterface } from "node:readline";

import { hex, randomBytes } from "../../../escrow/browser/platform/bytes.js";
import { ProtocolError } from "../../../escrow/browser/protocol/errors.js";
import { Invitation, Password } from "../../../escrow/browser/protocol/invitation.js";
import { parsePiece } from "../../../escrow/browser/protocol/kit.js";
import { makeDeposit } from "./deposit.js";
import { raw } from "./operations/registry.js";
import { OPERATIONS, comparable } from "./walk.js";

/** @type {Record<string, import("./operations/registry.js").Operation>} */
const MORE = {
  make_deposit: async ({ secret, needed, count }) => {
    const made = await makeDeposit(raw(secret), needed, count);
    const { password } = made;
    return {
      deposit: made.deposit,
      recovery_key: made.recoveryKey,
      words: made.shares.map((share) => share.words()),
      kit: made.kit,
      card: made.card,
      envelope: made.envelope,
      invitation: made.invitation,
      password: [password.fragment, password.digits],
      session_seed: made.sessionKey.seed,
      sealed: made.sealed,
      sealed_to: made.binding,
      wrapped: made.wrapped,
      prf: made.prf,
      credential_id: made.wrapBinding.credentialId,
      share_qr: made.shareText,
      check_qr: made.checkText,
      manifest_code: made.manifest.code(),
    };
  },
  seal_invitation: async ({ invitation, fragment, digits }) => {
    const found = await Invitation.parse(raw(invitation));
    return { sealed: await found.seal(Password.parse(fragment, digits)) };
  },
  parse_piece: async ({ data }) => ({ data: (await parsePiece(raw(data))).data }),
  session_key: async () => {
    const seed = hex(randomBytes(32));
    return { seed, ...(await OPERATIONS.seal_public_key({ seed })) };
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  const { operation, input } = JSON.parse(line);
  let answer;
  try {
    const output = await (MORE[operation] ?? OPERATIONS[operation])(input);
    answer = { output: comparable(output ?? {}) };
  } catch (error) {
    const isOurs = error instanceof ProtocolError;
    answer = isOurs ? { error: error.code } : { fell_over: String(/** @type {any} */ (error)?.stack) };
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
