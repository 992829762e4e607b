"""Checking a provider's custody report without the service, and saying what it shows.

Everything stands in the file: see `escrow.custodyreport`. The ledger's key is the one that is named
with --ledger-key; without it the report's own is taken and its digits are shown, to be compared.
"""

from __future__ import annotations

from typing import Any

from escrow import custodyreport
from escrow.custodyreport import BadLine, Line, Verdict
from escrow.i18n import N_, Translator
from escrow.protocol.encoding import grouped
from escrow.protocol.errors import ProtocolError
from escrow.protocol.note import Verifier
from escrow_cli.attesting import check_attested
from escrow_cli.context import Cli
from escrow_cli.errors import Refused, Usage
from escrow_cli.events import in_words
from escrow_cli.reporting import ALTERED, FAILED, REASONS
from escrow_cli.status import state_name
from escrow_cli.verify import who_of

_REASONS = REASONS | {
    "unverified_note": N_("The state of the ledger in the report is not signed by this key."),
    "wrong_history": N_("The entries do not belong together: one is missing, twice or elsewhere."),
    "wrong_summary": N_("What the report says does not follow from its entries."),
}


def verify(cli: Cli, data: bytes, ledger_key: str | None) -> None:
    """Check a report and say what it shows; raises Refused with the reason, Usage for a key."""
    if ledger_key is not None:
        _check_key(ledger_key)
    try:
        verdict = custodyreport.check(data, ledger_key)
        for line in verdict.lines:
            _check_signatures(line)
    except ProtocolError as error:
        raise _refused(error) from None
    _say(cli, verdict, is_pinned=ledger_key is not None)
    cli.terminal.document(document(verdict))


def _check_key(vkey: str) -> None:
    try:
        Verifier.parse(vkey)
    except ProtocolError:
        raise Usage(
            N_("This is not a ledger key."),
            N_("It looks like host/ledger+01234567+…, and the provider publishes it."),
            reason="malformed_vkey",
        ) from None


def _check_signatures(line: Line) -> None:
    """Check every proof of a piece by its holder's signature, where the description is there."""
    if line.manifest is None:
        return
    try:
        for event in line.events.values():
            if event.type == "custody attested":
                check_attested(line.manifest, event)
    except ProtocolError as error:
        raise BadLine(line.deposit, error) from None


def _refused(error: ProtocolError) -> Refused:
    cause = error.cause if isinstance(error, BadLine) else error
    # Whatever of it cannot be read, the file is not as it was made.
    code = "malformed_report" if cause.code.startswith("malformed") else cause.code
    hint = ALTERED
    if isinstance(error, BadLine):
        hint = N_("Deposit {deposit}: altered, or damaged. Ask for the original file.")
    return Refused(
        _REASONS.get(code, FAILED),
        hint,
        reason=cause.code,
        code=cause.code,
        deposit=getattr(error, "deposit", ""),
    )


def _say(cli: Cli, verdict: Verdict, *, is_pinned: bool) -> None:
    t, answer = cli.t, cli.terminal.answer
    for line in verdict.lines:
        _say_line(cli, line)
    many = t.ngettext(
        "{n} entry checked: it stands in the ledger of {size} entries.",
        "{n} entries checked: they stand in the ledger of {size} entries.",
        verdict.count,
        size=verdict.checkpoint.size,
    )
    answer(many)
    if not is_pinned:
        answer(
            t.gettext(
                "The ledger key is the report’s own, with the digits {digits}. Compare them with "
                "what the provider publishes, or give the key as --ledger-key.",
                digits=grouped(verdict.verifier.key_digits()),
            )
        )
    if any(line.manifest is None for line in verdict.lines):
        answer(t.gettext("The holders’ signatures stand only in the report on a single key."))
    answer(t.gettext("A report shows what is in it. It cannot show what was left out."))


def _say_line(cli: Cli, line: Line) -> None:
    t, answer = cli.t, cli.terminal.answer
    state = state_name(t, line.told.state)
    number = len(line.events)
    answer(
        t.ngettext(
            "{deposit}: {state}, {n} entry",
            "{deposit}: {state}, {n} entries",
            number,
            deposit=line.deposit,
            state=state,
        )
    )
    for piece in custodyreport.summary(line.told, line.roles):
        answer(f"  {who_of(cli, piece['role'], None)}: {_of_piece(t, piece)}")
    if line.manifest is not None:
        for index, event in line.events.items():
            who = who_of(cli, line.roles.get(str(event.custody), "provider"), None)
            answer(f"  {index:>8}  {t.datetime(event.at)}  {in_words(t, event.type, who)}")


def _of_piece(t: Translator, piece: dict[str, Any]) -> str:
    dates = {"share_at": N_("shown on {date}"), "check_at": N_("checked on {date}")}
    shown = [
        t.gettext(words, date=t.date(piece[name]))
        for name, words in dates.items()
        if piece[name] is not None
    ]
    return ", ".join([state_name(t, piece["state"]), *shown])


def document(verdict: Verdict) -> dict[str, Any]:
    """Return what `--json` says of a report."""
    return {
        "host": verdict.host,
        "made_at": verdict.made_at,
        "by": verdict.by,
        "about": verdict.about,
        "ledger_key_digits": verdict.verifier.key_digits(),
        "size": verdict.checkpoint.size,
        "root": verdict.checkpoint.root.hex(),
        "entries": verdict.count,
        "deposits": [
            {
                "deposit": line.deposit,
                "account": line.told.account,
                "state": line.told.state,
                "pieces": custodyreport.summary(line.told, line.roles),
                "signatures": line.manifest is not None,
                "entries": [
                    {"index": index, "at": event.at, "type": event.type}
                    for index, event in line.events.items()
                ],
            }
            for line in verdict.lines
        ],
    }
