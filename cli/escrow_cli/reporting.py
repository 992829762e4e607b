"""Writing a drill's report, and telling what one shows: on the terminal, as JSON, on paper."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from escrow.i18n import N_, Translator
from escrow.protocol.ledger import Event
from escrow_cli.context import Cli
from escrow_cli.errors import Refused, Usage
from escrow_cli.report import DRILL_FORMAT, Report, Verdict, origin_host, wanted
from escrow_cli.sources import save

if TYPE_CHECKING:
    from escrow.protocol.kit import Contact
    from escrow.protocol.manifest import Manifest
    from escrow_cli.received import Target
    from escrow_cli.report import Proven

ENDINGS = (".json", ".pdf")
FAILED = N_("A check of the report failed ({code}).")
ALTERED = N_("It was altered, or it is damaged. Ask for the original file.")
REASONS = {
    "wrong_kind": N_("The report is not of a deposit and its drill."),
    "empty_report": N_("There is nothing in this report."),
    "wrong_contact": N_("The report names other contacts than the deposit."),
    "drill_incomplete": N_("The report does not show a completed drill."),
    "wrong_origin": N_("The report names another service than the one whose ledger it shows."),
    "wrong_proof": N_("An entry of the report does not stand in the ledger like this."),
    "wrong_signature": N_("A signature in the report does not fit."),
    "unverified_note": N_("A state of the ledger in the report is not signed by its key."),
    "wrong_manifest": N_("The ledger names another description of the deposit than the report."),
    "malformed_report": N_("This is not an intact report."),
}
# i18n: `escrow verify --report` was given another file
NEEDED = N_("Take the file with proofs: of a drill, or the provider’s report on who holds what.")
# What else an admin, a customer or a contact saves.
KINDS = {
    "escrow/v1/kept": N_("it tells what is kept about a customer, without proofs."),
    "escrow/v1/kit": N_("it is a kit."),
    "escrow/v1/card": N_("it is a contact’s card."),
    "escrow/v1/invitation": N_("it is an invitation."),
    "escrow/v1/proposal": N_("it is something to be approved."),
    "escrow/v1/approval": N_("it is an approval."),
}
_FORMAT = re.compile(rb'\s*\{\s*"format"\s*:\s*"([a-z0-9/-]{1,64})"')


@dataclass(frozen=True)
class Dummy:
    """A drill's deposit and the recovery that brought it back."""

    manifest: Manifest
    signature: bytes
    recovery: str


def check_path(path: str) -> None:
    """Refuse a name that cannot become a report, before a drill is begun."""
    if Path(path).suffix not in ENDINGS:
        raise Usage(N_("A report is written to a file ending in .pdf or .json."))
    for name in _paths(path):
        if name.exists():
            raise Usage(N_("{path} exists already."), reason="file_exists", path=name)


def _paths(path: str) -> list[Path]:
    """Beside a PDF goes the JSON: only that can be verified."""
    given = Path(path)
    return [given] if given.suffix == ".json" else [given, given.with_suffix(".json")]


def gather(cli: Cli, target: Target, contacts: tuple[Contact, ...], dummy: Dummy) -> Report:
    """Collect entries and proofs of both deposits from the service."""
    real, drill = target.manifest.deposit, dummy.manifest.deposit
    found = []
    with cli.terminal.progress(cli.t.gettext("Collecting the proofs …")):
        entries = _entries(cli, real) + _entries(cli, drill)
        for position in wanted([_event(entry) for entry in entries], real, drill, dummy.recovery):
            entry = entries[position]
            proof = cli.client.get(f"ledger/proof/{entry['index']}")["proof"]
            target.ledger.event(entry, proof)
            found.append(_for_report(entry, proof))
    return Report(
        cli.now(),
        origin_host(target.manifest),
        cli.client.get("keys")["provider"]["name"],
        target.manifest,
        target.signature,
        dummy.manifest,
        dummy.signature,
        contacts,
        tuple(sorted(found, key=lambda entry: int(entry["index"]))),
    )


def events(cli: Cli, deposit: str) -> list[Event]:
    """Return a deposit's events as the service says them, unproven."""
    return [_event(entry) for entry in _entries(cli, deposit)]


def _entries(cli: Cli, deposit: str) -> list[dict[str, Any]]:
    return list(cli.client.listed(f"deposits/{deposit}/events", "events"))


def _event(entry: dict[str, Any]) -> Event:
    """Read an entry's event to choose by; what is chosen is proven afterwards."""
    from escrow.protocol.encoding import b64url_decode
    from escrow.protocol.errors import ProtocolError
    from escrow_cli.errors import of_protocol

    try:
        return Event.parse(b64url_decode(entry["event"]))
    except ProtocolError as error:
        raise of_protocol(error, Refused) from None


def _for_report(entry: dict[str, Any], proof: str) -> dict[str, Any]:
    from escrow.protocol.encoding import b64url_decode

    return {
        "index": entry["index"],
        "author": entry["author"],
        "nonce": b64url_decode(entry["nonce"]),
        "event": b64url_decode(entry["event"]),
        "proof": proof,
    }


def write(cli: Cli, report: Report, verdict: Verdict, path: str) -> None:
    """Write the report: JSON, and a PDF before it if that was asked for."""
    from escrow_cli.paper import report_pdf

    for name in _paths(path):
        if name.suffix == ".json":
            save(name, report.data)
        else:
            with cli.terminal.progress(cli.t.gettext("Drawing the report …")):
                save(name, report_pdf(report, verdict, locale=cli.t.locale))
        cli.terminal.say(cli.t.gettext("The report: {path}", path=name))


def checked(report: Report) -> Verdict:
    """Check a report; raises Refused with the reason."""
    from escrow.protocol.errors import ProtocolError

    try:
        return report.check()
    except ProtocolError as error:
        raise _refused(error) from None


def _refused(error: Any) -> Refused:
    return Refused(REASONS.get(error.code, FAILED), ALTERED, reason=error.code, code=error.code)


def verify_file(cli: Cli, path: str, ledger_key: str | None = None) -> None:
    """Check a report without any service, and say what it shows; its format says which it is."""
    from escrow.custodyreport import FORMAT
    from escrow.protocol.errors import ProtocolError

    try:
        data = Path(path).read_bytes()
    except OSError as error:
        why = error.strerror or ""
        raise Usage(N_("{path} cannot be read: {why}."), path=path, why=why) from None
    if data.startswith(b"%PDF"):
        raise Usage(
            N_("A PDF cannot be checked."), N_("Take the file beside it that ends in .json.")
        )
    kind = _kind_of(data)
    if kind not in {FORMAT, DRILL_FORMAT}:
        raise _another_file(cli.t, kind)
    if kind == FORMAT:
        from escrow_cli import custodyfile

        custodyfile.verify(cli, data, ledger_key)
        return
    if ledger_key is not None:
        raise Usage(N_("A drill's report brings its own ledger key: leave out --ledger-key."))
    try:
        report = Report.parse(data)
    except ProtocolError as error:
        raise _refused(error) from None
    verdict = checked(report)
    say(cli, report, verdict)
    cli.terminal.document(document(cli.t, report, verdict))


def _kind_of(data: bytes) -> str:
    """Return the format that a file names at its beginning, as each of ours does; empty for none.

    Of a damaged file too: it is to be called damaged, and not something else.
    """
    found = _FORMAT.match(data)
    return found[1].decode() if found else ""


def _another_file(t: Translator, kind: str) -> Refused:
    if kind not in KINDS:
        return Refused(N_("This file is not a report."), NEEDED, reason="no_report")
    what = t.gettext(KINDS[kind])
    return Refused(N_("This file is not a report: {what}"), NEEDED, reason="no_report", what=what)


def sentence(t: Translator, report: Report, verdict: Verdict) -> str:
    """Say in one sentence who could have brought the key back, or that nobody has shown it."""
    date = t.date(verdict.at)
    if not verdict.is_recoverable:
        return t.gettext("This report does not show that the key could have been brought back.")
    names = [name_of(t, report, one) for one in verdict.ways]
    together = t.gettext("{names} and {last}", names=", ".join(names[:-1]), last=names[-1])
    return t.gettext("On {date} {who} could have brought this key back.", date=date, who=together)


def name_of(t: Translator, report: Report, one: Proven) -> str:
    """Say who a custodian is, inside a sentence."""
    if one.role == "customer":
        return t.gettext("you")
    if one.role == "provider":
        return report.provider or t.gettext("the provider")
    return one.name or t.gettext("a contact")


def state_of(t: Translator, one: Proven) -> str:
    """Say when a piece was proven, or plainly that it was not."""
    if one.at is None:
        return t.gettext("NOT proven in this drill")
    return t.gettext("proven with the piece itself on {date}", date=t.moment(one.at))


def say(cli: Cli, report: Report, verdict: Verdict) -> None:
    """Tell the person what the report shows."""
    t, answer = cli.t, cli.terminal.answer
    answer(sentence(t, report, verdict))
    for one in verdict.custodians:
        answer(f"  {name_of(t, report, one)}: {state_of(t, one)}")
    digits = _key_digits(report)
    answer(
        t.gettext(
            "Checked against ledger key {digits}, {size} entries. Compare the digits with those "
            "on the kit.",
            digits=digits,
            size=verdict.checkpoint.size,
        )
    )
    answer(
        t.gettext(
            "The provider’s name and the date on which the report was made are not covered by "
            "signatures."
        )
    )


def _key_digits(report: Report) -> str:
    from escrow.protocol.encoding import grouped
    from escrow.protocol.note import Verifier

    return grouped(Verifier.parse(report.manifest.ledger_vkey).key_digits())


def document(t: Translator, report: Report, verdict: Verdict) -> dict[str, Any]:
    """Return what `--json` says of a report."""
    return {
        "deposit": report.manifest.deposit,
        "drill": report.drill.deposit,
        "drilled_at": verdict.drilled_at,
        "recoverable": verdict.is_recoverable,
        "sentence": sentence(t, report, verdict),
        "ledger_key_digits": _key_digits(report),
        "size": verdict.checkpoint.size,
        "custodians": [one.__dict__ for one in verdict.custodians],
    }
