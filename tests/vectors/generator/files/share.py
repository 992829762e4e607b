"""share.json: the payload that every custodian holds."""

from __future__ import annotations

from ..basics import Cases, canonical
from ..shapes import add_refusals, add_writing_refusals, few, kind_bytes, kind_choice, kind_id
from ..shares import WORDS, respell, split
from ..world import ALONE, LARGE, MAIN

DESCRIPTION = "Section 7: the share payload"


def add_words(cases: Cases) -> None:
    share = MAIN.customer.share
    good = share.mnemonic()
    listed = good.split()
    swapped = " ".join([listed[1], listed[0], *listed[2:]])
    groups = split("short share", bytes(range(16)), [(1, 1), (1, 1)])
    plain = split("plain share", MAIN.recovery_key, [(1, 1), (1, 1)], extendable=False)
    slow = split("slow share", MAIN.recovery_key, [(1, 1), (1, 1)], exponent=1)
    padded = respell(share, {4: WORDS.index(listed[4]) | 0x100})
    for name, text in {
        "empty": "",
        "32 words": " ".join(listed[:-1]),
        "34 words": good + " academic",
        "two spaces": good.replace(" ", "  ", 1),
        "a space in front": " " + good,
        "a space at the end": good + " ",
        "a line break": good.replace(" ", "\n", 1),
        "a capital letter": good[0].upper() + good[1:],
        "an unknown word": " ".join(["sleutel", *listed[1:]]),
        "two words swapped": swapped,
        "128 bits": groups[0][0].mnemonic(),
        "not extendable": plain[0][0].mnemonic(),
        "exponent 1": slow[0][0].mnemonic(),
        "padding bits set": padded,
    }.items():
        data = canonical(MAIN.payload_document(MAIN.customer) | {"words": text})
        cases.bad(
            f"read: words: {name}", "parse_share", {"share": data}, "malformed_share", "words"
        )


def cases() -> Cases:
    made = Cases(DESCRIPTION)
    for deposit in (MAIN, ALONE, LARGE):
        for custody in deposit.custodies[-3:]:
            data = deposit.payload(custody)
            name = f"{deposit.name}, {custody.role} {custody.member}"
            made.good(f"read: {name}", "parse_share", {"share": data}, share=data)
            made.good(f"value: {name}", "share_value", {"share": data}, value=custody.share.value)
    document = MAIN.payload_document(MAIN.customer)
    kinds = [
        (["format"], {"of a kit": "escrow/v1/kit"}),
        (["deposit"], few(kind_id(), 2)),
        (["custody"], few(kind_id(), 2)),
        (["role"], kind_choice()),
        (["words"], {"as a list": document["words"].split(), "as null": None}),
        (["manifest_hash"], few(kind_bytes(32), 4)),
    ]
    add_refusals(made, "parse_share", "share", "malformed_share", document, kinds, "read: ")
    good = MAIN.payload(MAIN.customer)
    add_writing_refusals(made, "parse_share", "share", "malformed_share", good, "read: ")
    padded = {"share": good[:-1] + b" " * 2048 + b"}"}
    made.bad("read: longer than 2048 bytes", "parse_share", padded, "malformed_share", "")
    add_words(made)
    return made
