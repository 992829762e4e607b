"""keys.json: everything that is derived from the recovery key, a share value, a check seed."""

from ..basics import Cases, digits, fixed, flip, grouped, hkdf, pae, public_of, raw, sha256, sign
from ..world import ALONE, LEDGER_VKEY, MAIN

DESCRIPTION = "Section 4: derived keys; section 7: check code; signatures of Ed25519"
ORDER = 2**252 + 27742317777372353535851937790883648493


def add_derivation(cases: Cases) -> None:
    for deposit in (MAIN, ALONE):
        given = {"deposit": deposit.id}
        context = sha256(pae("escrow/v1/context", raw(deposit.id)))
        cases.good(f"context: {deposit.name}", "context", given, context=context)
        given = {"deposit": deposit.id, "recovery_key": deposit.recovery_key}
        seed = hkdf(deposit.recovery_key, context, pae("escrow/v1/key/owner"))
        cases.good(f"owner key: {deposit.name}", "owner_key", given, seed=seed, key=public_of(seed))
        for custody in deposit.custodies:
            name = f"{deposit.name}, {custody.role} {custody.member}"
            given = {"deposit": deposit.id, "custody": custody.id, "value": custody.share.value}
            seed = custody.release_seed
            cases.good(f"release key: {name}", "release_key", given, seed=seed, key=public_of(seed))
            cases.good(f"check seed: {name}", "check_seed", given, check_seed=custody.check_seed)
            given = {"deposit": deposit.id, "custody": custody.id, "check_seed": custody.check_seed}
            seed = custody.attest_seed
            cases.good(f"attest key: {name}", "attest_key", given, seed=seed, key=public_of(seed))


def add_check_code(cases: Cases) -> None:
    largest = (b"\xff" * 16, "340282366920938463463374607431768211455")
    for name, seed in {
        "a seed": MAIN.customer.check_seed,
        "zero": bytes(16),
        "small": bytes(15) + b"\x07",
        "largest": largest[0],
    }.items():
        text = str(int.from_bytes(seed, "big")).zfill(40)
        cases.good(f"check code: {name}", "check_code", {"check_seed": seed}, digits=text)
        given = {"digits": text}
        cases.good(f"read check code: {name}", "read_check_code", given, check_seed=seed)
    good = str(int.from_bytes(MAIN.customer.check_seed, "big")).zfill(40)
    cases.good(
        "read check code: in groups of four",
        "read_check_code",
        {"digits": grouped(good)},
        check_seed=MAIN.customer.check_seed,
    )
    for name, text in {
        "39 digits": good[1:],
        "41 digits": "0" + good,
        "2^128": str(2**128).zfill(40),
        "all nines": "9" * 40,
        "a letter": "O" + good[1:],
        "a sign": "+" + good[1:],
        "an underscore": good[:5] + "_" + good[6:],
        "digits of another script": good[:-1] + "\u0663",
        "a superscript": good[:-1] + "\u00b2",
        "nothing": "",
    }.items():
        cases.bad(
            f"read check code: {name}", "read_check_code", {"digits": text}, "wrong_check_code"
        )


def add_signatures(cases: Cases) -> None:
    seed, message = fixed("signer", 32), b"what the signer built itself"
    key, signature = public_of(seed), sign(seed, message)
    good = {"key": key, "message": message, "signature": signature}
    given = {"seed": seed, "message": message}
    cases.good("sign", "sign", given, signature=signature)
    cases.good("verify", "verify", good)
    half, scalar = signature[:32], int.from_bytes(signature[32:], "little")
    for name, change in {
        "first bit of the signature": {"signature": flip(signature)},
        "last byte of the signature": {"signature": flip(signature, -1)},
        "scalar past the order of the group": {
            "signature": half + (scalar + ORDER).to_bytes(32, "little")
        },
        "signature one byte short": {"signature": signature[:-1]},
        "signature one byte long": {"signature": signature + b"\x00"},
        "empty signature": {"signature": b""},
        "signature of zeroes": {"signature": bytes(64)},
        "message changed": {"message": flip(message)},
        "empty message": {"message": b""},
        "another key": {"key": public_of(fixed("another signer", 32))},
        "a key one byte short": {"key": key[:-1]},
        "a key that is no point": {"key": b"\x02" + bytes(31)},
    }.items():
        cases.bad(f"verify: {name}", "verify", good | change, "wrong_signature")


def cases() -> Cases:
    made = Cases(DESCRIPTION)
    add_derivation(made)
    add_check_code(made)
    add_signatures(made)
    text = digits(sha256(LEDGER_VKEY.encode()), 8)
    made.good("ledger digits", "ledger_digits", {"vkey": LEDGER_VKEY}, digits=text)
    return made
