/** A whole deposit, made by the browser's code alone: what enrolling gives to each. */

import { hex, randomBytes, utf8 } from "../../../escrow/browser/platform/bytes.js";
import { Ed25519PrivateKey } from "../../../escrow/browser/platform/ed25519.js";
import { sha256 } from "../../../escrow/browser/protocol/encoding.js";
import * as envelope from "../../../escrow/browser/protocol/envelope.js";
import * as invitation from "../../../escrow/browser/protocol/invitation.js";
import * as keys from "../../../escrow/browser/protocol/keys.js";
import * as kit from "../../../escrow/browser/protocol/kit.js";
import { Custody, Manifest } from "../../../escrow/browser/protocol/manifest.js";
import * as note from "../../../escrow/browser/protocol/note.js";
import * as qr from "../../../escrow/browser/protocol/qr.js";
import * as seal from "../../../escrow/browser/protocol/seal.js";
import { Payload } from "../../../escrow/browser/protocol/share.js";
import * as slip39 from "../../../escrow/browser/protocol/slip39.js";
import * as wrap from "../../../escrow/browser/protocol/wrap.js";

const HOST = "https://escrow.example";
const identifier = () => hex(randomBytes(16));

/** Make a deposit with `needed` of `count` contacts. */
export async function makeDeposit(secret = utf8("correct horse"), needed = 2, count = 3) {
  const [recoveryKey, deposit] = [randomBytes(32), identifier()];
  const shares = await slip39.split(recoveryKey, needed, count);
  const [stranger] = await slip39.split(recoveryKey, needed, count);
  const custodies = shares.map(identifier);
  const contacts = Array.from({ length: count }, (_, i) => {
    const address = `contact${i}@example.org`;
    return new kit.Contact({ name: `Zoë ${i}`, address, nonce: randomBytes(16) });
  });
  const sealed = await envelope.seal(secret, recoveryKey);
  const ownerKey = await keys.ownerKey(recoveryKey, deposit);
  const ledgerKey = await Ed25519PrivateKey.fromPrivateBytes(randomBytes(32));
  const roles = ["customer", ...contacts.map(() => "contact"), "provider"];
  const commitments = [null, ...contacts.map((contact) => contact.commitment()), null];
  const lines = shares.map((share, i) =>
    Custody.ofShare(share, deposit, custodies[i], roles[i], commitments[i]),
  );
  const provider = new seal.PrivateKey(randomBytes(32));
  const manifest = new Manifest({
    kind: "real",
    deposit,
    createdAt: 1_800_000_000,
    label: "Back-up of the café",
    replaces: null,
    contactsNeeded: needed,
    contactsCount: count,
    contactsReplaceTotp: false,
    waitingSeconds: 86_400,
    slip39Id: shares[0].identifier,
    ledgerVkey: new note.Signer({ name: "escrow.example/ledger", key: ledgerKey }).verifier.vkey,
    providerKeySha256: sha256(await provider.publicKey()),
    custodies: await Promise.all(lines),
    envelopeSha256: sha256(sealed),
    ownerKey: keys.publicBytes(ownerKey),
  });
  manifest.check();
  const signature = await manifest.sign(ownerKey);
  const payloads = shares.map(
    (share, i) =>
      new Payload({
        deposit,
        custody: custodies[i],
        role: roles[i],
        words: share.words(),
        manifestHash: manifest.hash,
      }),
  );
  const pieces = { manifest, manifestSignature: signature, host: HOST };
  const { data: kitFile } = new kit.Kit({ payload: payloads[0], ...pieces, envelope: sealed, contacts });
  const others = { payload: payloads[0], ...pieces, envelope: sealed, contacts: [] };
  const password = invitation.Password.generate();
  const inviting = { payload: payloads[1], contact: contacts[0], ...pieces };
  const binding = new seal.Binding({
    deposit,
    custody: custodies[0],
    manifestHash: manifest.hash,
    recovery: identifier(),
    session: identifier(),
  });
  const wrapBinding = new wrap.Binding({
    part: "share",
    deposit,
    custody: custodies[1],
    manifestHash: manifest.hash,
    credentialId: randomBytes(20),
  });
  const sessionKey = seal.PrivateKey.generate();
  const prf = randomBytes(32);
  const checkSeed = keys.checkSeed(shares[0].value, deposit, custodies[0]);
  const check = new qr.Check({ deposit, custody: custodies[0], seed: checkSeed });
  return {
    deposit,
    recoveryKey,
    shares,
    stranger,
    custodies,
    contacts,
    payloads,
    manifest,
    signature,
    envelope: sealed,
    secret,
    kit: kitFile,
    brokenKit: new kit.Kit(others).data,
    card: new kit.Card({ payload: payloads[1], ...pieces, checkpoint: "" }).data,
    password,
    invitation: await new invitation.Invitation(inviting).seal(password),
    provider,
    binding,
    sessionKey,
    sealed: await seal.seal(payloads[0].data, await sessionKey.publicKey(), binding),
    wrapBinding,
    prf,
    wrapped: await wrapBinding.wrap(payloads[1].data, prf),
    shareText: qr.shareText(payloads[0]),
    checkText: check.text,
  };
}
