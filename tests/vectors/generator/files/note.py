"""note.json: verifier keys, signed notes, checkpoints, transparency-log proofs."""

from __future__ import annotations

from typing import Any

from .. import notes, tree
from ..basics import Cases, b64, digits, fixed, flip, public_of, sha256
from ..world import HOST, LEDGER, LEDGER_SEED, LEDGER_VKEY

DESCRIPTION = "Section 12: C2SP signed-note, tlog-checkpoint, tlog-proof"
LEAVES = [fixed(f"note leaf {number}", 32) for number in range(7)]
ROOT = tree.root(LEAVES)
TEXT = notes.checkpoint(LEDGER, 7, ROOT)
NOTE = notes.note(TEXT, (LEDGER, LEDGER_SEED))
NEXT_SEED = fixed("next ledger key", 32)
NEXT_VKEY = notes.vkey(LEDGER, public_of(NEXT_SEED))
WITNESS = ("witness.example", fixed("witness key", 32))
NOT_MINE = notes.note(TEXT, WITNESS)


def add_vkeys(cases: Cases) -> None:
    public = public_of(LEDGER_SEED)
    key_id = notes.key_id(LEDGER, public)
    given = {"name": LEDGER, "key": public}
    cases.good("write vkey", "write_vkey", given, vkey=LEDGER_VKEY)
    given = {"vkey": LEDGER_VKEY}
    cases.good("read vkey", "read_vkey", given, name=LEDGER, key_id=key_id, key=public)
    name, ident, encoded = LEDGER_VKEY.split("+", 2)
    witness = notes.key_id(LEDGER, public, 4)
    short, long = b"\x01" + public[:-1], b"\x01" + public + b"\x00"
    for how, text in {
        "empty": "",
        "without key": f"{name}+{ident}",
        "without name": f"+{ident}+{encoded}",
        "of another name": f"other.example+{ident}+{encoded}",
        "with a space in its name": LEDGER_VKEY.replace("escrow.", "escrow ", 1),
        "with a no-break space in its name": notes.vkey("a\u00a0b", public),
        "with another key id": f"{name}+00000000+{encoded}",
        "with its key id in upper case": f"{name}+{ident.upper()}+{encoded}",
        "with a key id of seven characters": f"{name}+{ident[:-1]}+{encoded}",
        "of another signature type": f"{name}+{witness.hex()}+{b64(bytes([4]) + public)}",
        "with a key one byte short": f"{name}+{ident}+{b64(short)}",
        "with a key one byte long": f"{name}+{ident}+{b64(long)}",
        "with base64url": f"{name}+{ident}+{encoded.replace('+', '-').replace('/', '_')}",
        "with text after it": LEDGER_VKEY + "A",
        "with a line break": LEDGER_VKEY + "\n",
    }.items():
        if text != LEDGER_VKEY:
            cases.bad(f"read vkey {how}", "read_vkey", {"vkey": text}, "malformed_vkey")


def add_notes(cases: Cases) -> None:
    given = {"text": TEXT, "name": LEDGER, "seed": LEDGER_SEED}
    cases.good("sign", "sign_note", given, note=NOTE)
    both = notes.note(TEXT, (LEDGER, LEDGER_SEED), WITNESS)
    good_notes = {
        "one signature": NOTE,
        "and a witness": both,
        "a witness first": notes.note(TEXT, WITNESS, (LEDGER, LEDGER_SEED)),
        "two ledger keys": notes.note(TEXT, (LEDGER, LEDGER_SEED), (LEDGER, NEXT_SEED)),
        "16 signatures": notes.note(TEXT, *[WITNESS] * 15, (LEDGER, LEDGER_SEED)),
    }
    for name, note in good_notes.items():
        given = {"note": note, "vkey": LEDGER_VKEY}
        cases.good(f"open: {name}", "open_note", given, text=TEXT)
    given = {"note": good_notes["two ledger keys"], "vkey": NEXT_VKEY}
    cases.good("open: two ledger keys, the next one", "open_note", given, text=TEXT)
    empty_line = "first\n\nsecond\n"
    given = {"note": notes.note(empty_line, (LEDGER, LEDGER_SEED)), "vkey": LEDGER_VKEY}
    cases.good("open: an empty line in the text", "open_note", given, text=empty_line)
    signature = NOTE[len(TEXT) + 1 :]
    wrong_id = f"\u2014 {LEDGER} {b64(bytes(4) + bytes(64))}\n"
    changed = notes.note(TEXT.replace("\n7\n", "\n8\n"), (LEDGER, LEDGER_SEED))[len(TEXT) + 1 :]
    for name, note, error in [
        ("another key", notes.note(TEXT, (LEDGER, NEXT_SEED)), "unverified_note"),
        ("a witness alone", NOT_MINE, "unverified_note"),
        ("text changed", NOTE.replace("\n7\n", "\n8\n"), "wrong_signature"),
        ("another text's signature", TEXT + "\n" + changed, "wrong_signature"),
        ("a bad signature before a good one", TEXT + "\n" + changed + signature, "wrong_signature"),
        ("another key id", TEXT + "\n" + wrong_id, "unverified_note"),
        ("another name", NOTE.replace(f"\u2014 {LEDGER}", "\u2014 x.example"), "unverified_note"),
        ("no signatures", TEXT, "malformed_note"),
        ("an empty line and no signatures", TEXT + "\n", "malformed_note"),
        ("no empty line", TEXT + signature, "malformed_note"),
        ("no line break at the end", NOTE[:-1], "malformed_note"),
        ("a line after the signatures", NOTE + "more\n", "malformed_note"),
        ("an empty line at the end", NOTE + "\n", "malformed_note"),
        ("a hyphen for the dash", NOTE.replace("\u2014", "-"), "malformed_note"),
        ("two spaces after the dash", NOTE.replace("\u2014 ", "\u2014  "), "malformed_note"),
        ("a signature that is not base64", NOTE[:-3] + "*=\n", "malformed_note"),
        ("a signature of four bytes", TEXT + f"\n\u2014 {LEDGER} AAAAAA==\n", "malformed_note"),
        (
            "a control character in the text",
            notes.note("a\tb\n", (LEDGER, LEDGER_SEED)),
            "malformed_note",
        ),
        ("a carriage return", NOTE.replace("\n", "\r\n"), "malformed_note"),
        ("a plus sign in a name", NOTE + "\u2014 a+b AAAAAAAA\n", "malformed_note"),
        ("empty", "", "malformed_note"),
        ("101 signatures", notes.note(TEXT, *[(LEDGER, LEDGER_SEED)] * 101), "malformed_note"),
        ("no text", "\n" + notes.signature_line("", LEDGER, LEDGER_SEED), "malformed_note"),
    ]:
        given = {"note": note, "vkey": LEDGER_VKEY}
        cases.bad(f"open: {name}", "open_note", given, error)


def add_checkpoints(cases: Cases) -> None:
    roots = {7: ROOT, 0: sha256(b""), 1: tree.root(LEAVES[:1]), 2**40: fixed("far root", 32)}
    for size, root in roots.items():
        text = notes.checkpoint(LEDGER, size, root)
        given = {"origin": LEDGER, "size": size, "root": root}
        cases.good(f"checkpoint text: {size}", "checkpoint_text", given, text=text)
        note = notes.note(text, (LEDGER, LEDGER_SEED))
        output = given | {"hash": sha256(text.encode())}
        given = {"note": note, "vkey": LEDGER_VKEY}
        cases.good(f"open checkpoint: {size}", "open_checkpoint", given, **output)
    root = b64(ROOT)
    for name, text in {
        "an extension line": TEXT + "more\n",
        "a leading zero": f"{LEDGER}\n07\n{root}\n",
        "a negative size": f"{LEDGER}\n-7\n{root}\n",
        "a size of 17 digits": f"{LEDGER}\n{10**16}\n{root}\n",
        "a signed size": f"{LEDGER}\n+7\n{root}\n",
        "a hexadecimal size": f"{LEDGER}\n0x7\n{root}\n",
        "a size with a space": f"{LEDGER}\n7 \n{root}\n",
        "a size with an underscore": f"{LEDGER}\n1_0\n{root}\n",
        "a size in digits of another script": f"{LEDGER}\n\u0667\n{root}\n",
        "no size": f"{LEDGER}\n{root}\n",
        "a root of 31 bytes": f"{LEDGER}\n7\n{b64(ROOT[:-1])}\n",
        "a root of 33 bytes": f"{LEDGER}\n7\n{b64(ROOT + bytes(1))}\n",
        "a root without padding": f"{LEDGER}\n7\n{root.rstrip('=')}\n",
        "no root": f"{LEDGER}\n7\n",
        "an empty line among extensions": f"{LEDGER}\n7\n{root}\n\nmore\n",
    }.items():
        given = {"note": notes.note(text, (LEDGER, LEDGER_SEED)), "vkey": LEDGER_VKEY}
        cases.bad(f"open checkpoint: {name}", "open_checkpoint", given, "malformed_note")
    other = notes.checkpoint(HOST + "/other", 7, ROOT)
    given = {"note": notes.note(other, (LEDGER, LEDGER_SEED)), "vkey": LEDGER_VKEY}
    cases.bad("open checkpoint: another origin", "open_checkpoint", given, "wrong_origin")
    given = {"note": NOT_MINE, "vkey": LEDGER_VKEY}
    cases.bad("open checkpoint: a witness alone", "open_checkpoint", given, "unverified_note")
    cases.good(
        "ledger digits",
        "ledger_digits",
        {"vkey": LEDGER_VKEY},
        digits=digits(sha256(LEDGER_VKEY.encode()), 8),
    )


def add_proofs(cases: Cases) -> None:
    path = tree.path(4, LEAVES)
    proof = notes.tlog_proof(4, path, NOTE)
    given = {"index": 4, "proof": path, "note": NOTE}
    cases.good("write proof", "write_tlog_proof", given, text=proof)
    good: dict[str, Any] = {"text": proof, "leaf_data": LEAVES[4], "vkey": LEDGER_VKEY}
    output = {"index": 4, "size": 7, "root": ROOT}
    cases.good("proof", "verify_tlog_proof", good, **output)
    extra = notes.tlog_proof(4, path, NOTE, b"extra")
    cases.good("proof: extra data", "verify_tlog_proof", good | {"text": extra}, **output)
    single = notes.checkpoint(LEDGER, 1, tree.root(LEAVES[:1]))
    alone = notes.tlog_proof(0, [], notes.note(single, (LEDGER, LEDGER_SEED)))
    given = good | {"text": alone, "leaf_data": LEAVES[0]}
    output = {"index": 0, "size": 1, "root": tree.root(LEAVES[:1])}
    cases.good("proof: the only entry", "verify_tlog_proof", given, **output)
    changed = [flip(path[0]), *path[1:]]
    unsigned = notes.tlog_proof(4, path, NOT_MINE)
    for name, change, error in [
        ("another leaf", {"leaf_data": LEAVES[5]}, "wrong_proof"),
        ("another index", {"text": notes.tlog_proof(5, path, NOTE)}, "wrong_proof"),
        ("index past the tree", {"text": notes.tlog_proof(7, path, NOTE)}, "wrong_proof"),
        ("a hash changed", {"text": notes.tlog_proof(4, changed, NOTE)}, "wrong_proof"),
        ("a hash missing", {"text": notes.tlog_proof(4, path[:-1], NOTE)}, "wrong_proof"),
        ("a checkpoint signed by nobody known", {"text": unsigned}, "unverified_note"),
        ("another ledger's key", {"vkey": NEXT_VKEY}, "unverified_note"),
        ("version 2", {"text": proof.replace("@v1", "@v2")}, "malformed_note"),
        ("no index", {"text": proof.replace("index 4\n", "")}, "malformed_note"),
        (
            "index with a leading zero",
            {"text": proof.replace("index 4", "index 04")},
            "malformed_note",
        ),
        ("index below zero", {"text": proof.replace("index 4", "index -4")}, "malformed_note"),
        (
            "64 hashes, more than a tree can have",
            {"text": notes.tlog_proof(4, [*path[:1]] * 64, NOTE)},
            "malformed_note",
        ),
        ("index of 17 digits", {"text": notes.tlog_proof(10**16, path, NOTE)}, "malformed_note"),
        ("no empty line", {"text": proof.replace("\n\n", "\n", 1)}, "malformed_note"),
        (
            "a hash of 31 bytes",
            {"text": notes.tlog_proof(4, [path[0][:-1], *path[1:]], NOTE)},
            "malformed_note",
        ),
        (
            "a hash that is not base64",
            {"text": proof.replace(b64(path[0]), "*" * 44)},
            "malformed_note",
        ),
        (
            "two extra lines",
            {"text": extra.replace("\nindex", "\nextra AAAA\nindex")},
            "malformed_note",
        ),
        (
            "extra that is not base64",
            {"text": extra.replace("extra ZXh0cmE=", "extra *")},
            "malformed_note",
        ),
        ("carriage returns", {"text": proof.replace("\n", "\r\n")}, "malformed_note"),
        ("cut before the checkpoint", {"text": proof[: proof.index("\n\n") + 2]}, "malformed_note"),
        ("empty", {"text": ""}, "malformed_note"),
    ]:
        cases.bad(f"proof: {name}", "verify_tlog_proof", good | change, error)


def cases() -> Cases:
    made = Cases(DESCRIPTION)
    add_vkeys(made)
    add_notes(made)
    add_checkpoints(made)
    add_proofs(made)
    return made
