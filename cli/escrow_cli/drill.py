"""`escrow drill`: the whole recovery of a dummy, and a fresh proof of every real piece.

The dummy is a deposit of its own kind, without a wait, made, recovered and closed by the very code
that a real one goes through; its key and pieces live in memory only. The real deposit is not
touched: its custodians prove anew that their piece is there. Interrupted, a drill is begun again:
the service ends the one before.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from escrow.i18n import N_
from escrow_cli.context import Cli, verb
from escrow_cli.errors import ClientError, NotNow, Refused, Usage

if TYPE_CHECKING:
    from escrow_cli.piece import Piece
    from escrow_cli.received import Target
    from escrow_cli.reporting import Dummy

DUMMY_LENGTH_BYTES = 32
_SECONDS = 60
_POLL_SECONDS = 0.5


@verb(
    "drill",
    N_("Try out whether a key could be brought back. Nothing is changed, nothing is shown."),
    click.option("--kit", metavar="FILE", help=N_("Your kit file; otherwise you are asked.")),
    click.option("--report", metavar="FILE", help=N_("Write a report: .pdf (and .json) or .json.")),
    click.option(
        "--last", is_flag=True, help=N_("Only the report of the last drill, with later proofs.")
    ),
    click.option("--address", help=N_("Your mail address.")),
)
def drill(cli: Cli, kit: str | None, report: str | None, last: bool, address: str | None) -> None:
    from escrow_cli import handing, piece, received, reporting
    from escrow_cli.signin import signed_in

    if report:
        reporting.check_path(report)
    own = piece.of_options(cli, kit, role="customer")
    signed_in(cli, address)
    number = own.manifest.deposit
    document = cli.client.get(f"deposits/{number}")
    target = received.check_document(cli, document, own)
    if target.manifest.kind != "real":
        raise Usage(N_("This is the kit of a drill."))
    if last:
        dummy = _last(cli, number)
    else:
        _refuse_in_earnest(document)
        _be_ready(cli)
        dummy = _run(cli, target)
        _prove(cli, target, own, dummy)
        _close(cli, dummy)
    contacts = handing.read_kit(Path(kit)).contacts if kit else ()
    found = reporting.gather(cli, target, contacts, dummy)
    verdict = reporting.checked(found)
    reporting.say(cli, found, verdict)
    _say_missing(cli, target, verdict)
    if report:
        reporting.write(cli, found, verdict, report)
    cli.terminal.document(reporting.document(cli.t, found, verdict) | {"report": report})


def _refuse_in_earnest(document: dict[str, Any]) -> None:
    if document["recovery"] is not None:
        raise NotNow(
            N_("Somebody is bringing this key back now, in earnest."),
            N_("Practise when that is over; look at `escrow status`."),
            reason="wrong_state",
            state="recovery",
        )


def _be_ready(cli: Cli) -> None:
    """Have the code of the app that collecting will need: before a dummy is made, not after."""
    from escrow_cli import signin

    session = signin.kept(cli)
    if session is not None:
        signin.step_up(cli, session)


def _last(cli: Cli, number: str) -> Dummy:
    from escrow.protocol.encoding import b64url_decode
    from escrow.protocol.manifest import Manifest
    from escrow_cli.reporting import Dummy

    known = cli.state.read()["deposits"].get(number, {}).get("drill")
    if known is None:
        raise NotNow(
            N_("This computer knows of no drill of this deposit."),
            N_("Start one with `escrow drill`."),
            reason="no_drill",
        )
    found = cli.client.get(f"deposits/{known['deposit']}")
    manifest = Manifest.parse(b64url_decode(found["manifest"]))
    return Dummy(manifest, b64url_decode(found["manifest_signature"]), known["recovery"])


def _run(cli: Cli, target: Target) -> Dummy:
    """Make the dummy and bring it back."""
    from escrow_cli import collecting, handing, opening, received
    from escrow_cli.attesting import attest_share
    from escrow_cli.piece import Piece
    from escrow_cli.reporting import Dummy

    made, secret = _make(cli, target)
    number = made.manifest.deposit
    handing.wait_for_provider(cli, number)
    attest_share(cli, target.ledger, made.manifest, made.kit.payload)
    document = _until(
        cli,
        lambda: cli.client.get(f"deposits/{number}"),
        lambda found: found["state"] in {"active", "complete"},
    )
    kit = made.kit
    own = Piece(kit.payload, kit.manifest, kit.manifest_signature, "", kit.host)
    dummy = received.check_document(cli, document, own)
    under_way = cli.client.get(f"deposits/{number}/recoveries")
    asked = opening.Asked("totp", "drill")
    recovery = opening.running(cli, number, under_way, asked, None)["recovery"]
    running = _until(
        cli,
        lambda: cli.client.get(f"recoveries/{recovery}"),
        lambda found: found["state"] not in {"opened", "waiting"},
    )
    opening.refuse_too_early(cli, running)
    back, owner = collecting.collect(cli, dummy, running, own, ())
    if back != secret:
        raise Refused(
            N_("What came back is not what was put in."),
            N_("Tell your provider: this must not happen."),
            reason="drill_failed",
        )
    _complete(cli, dummy, recovery, owner)
    cli.state.keep_drill(target.manifest.deposit, number, recovery)
    return Dummy(kit.manifest, kit.manifest_signature, recovery)


def _until(
    cli: Cli, look: Callable[[], dict[str, Any]], is_there: Callable[[dict[str, Any]], bool]
) -> dict[str, Any]:
    """Wait until what the service says is so, a minute at most; returns what it said last."""
    found = look()
    with cli.terminal.progress(cli.t.gettext("Waiting for the provider …")):
        for _ in range(int(_SECONDS / _POLL_SECONDS)):
            if is_there(found):
                break
            time.sleep(_POLL_SECONDS)
            found = look()
    return found


def _make(cli: Cli, target: Target) -> tuple[Any, bytes]:
    from escrow_cli import enrolling, making

    _, keys = enrolling.service_keys(cli)
    label = cli.t.gettext("Drill: {label}", label=target.manifest.label)[:80]
    plan = making.Plan(
        label=label,
        secret=secrets.token_bytes(DUMMY_LENGTH_BYTES),
        contacts=(),
        needed=0,
        waiting_seconds=0,
        contacts_replace_totp=False,
        replaces=None,
        ledger_vkey=keys.ledger_vkey,
        provider_key=keys.provider_key,
        url=cli.url,
        kind="drill",
    )
    with cli.terminal.progress(cli.t.gettext("Making a dummy and sending it …")):
        made = making.make(plan, cli.now())
        cli.client.put(f"deposits/{made.manifest.deposit}", made.body())
    return made, plan.secret


def _complete(cli: Cli, dummy: Target, recovery: str, owner: Any) -> None:
    from escrow.protocol import release as releases
    from escrow.protocol.encoding import b64url

    manifest, now = dummy.manifest, cli.now()
    signature = releases.sign_complete(owner, manifest.deposit, recovery, manifest.hash, now)
    body = {"time": now, "signature": b64url(signature)}
    cli.client.post(f"recoveries/{recovery}/complete", body, repeat=True)
    cli.terminal.say(cli.t.gettext("The dummy's key came back."))


def _prove(cli: Cli, target: Target, own: Piece, dummy: Dummy) -> None:
    """Prove the real pieces: the kit's here, the provider's there; contacts are asked by mail.

    What does not come in time is missing in the report, and the report says so.
    """
    from escrow_cli.attesting import attest_share

    number = target.manifest.deposit
    with cli.terminal.progress(cli.t.gettext("Proving that the real pieces are there …")):
        _ask_for_proofs(cli, number, dummy.manifest.deposit)
        attest_share(cli, target.ledger, target.manifest, own.payload)
        lines = target.manifest.custodies
        expected = {line.custody for line in lines if line.role != "contact"}
        for _ in range(int(_SECONDS / _POLL_SECONDS)):
            if expected <= _proven(cli, number, dummy):
                return
            time.sleep(_POLL_SECONDS)


def _ask_for_proofs(cli: Cli, number: str, dummy: str) -> None:
    """Ask, as soon as the drill's completion stands in the ledger."""
    for left in reversed(range(int(_SECONDS / _POLL_SECONDS))):
        try:
            cli.client.post(f"deposits/{number}/drill", {"drill": dummy}, repeat=True)
        except NotNow as error:
            if error.params.get("state") != "not_completed" or not left:
                raise
            time.sleep(_POLL_SECONDS)
        else:
            return


def _proven(cli: Cli, number: str, dummy: Dummy) -> set[str]:
    """Return the custodies of which a proof stands in the ledger since the drill's completion."""
    from escrow_cli import reporting

    completed = [
        event.at
        for event in reporting.events(cli, dummy.manifest.deposit)
        if event.type == "recovery completed"
    ]
    return {
        str(event.custody)
        for event in reporting.events(cli, number)
        if event.type == "custody attested" and completed and event.at >= completed[-1]
    }


def _close(cli: Cli, dummy: Dummy) -> None:
    """End the dummy; the service would do it with the next drill."""
    from escrow_cli.signin import with_step_up

    body = {"reason": "drill over"}
    path = f"deposits/{dummy.manifest.deposit}/close"
    try:
        with_step_up(cli, lambda: cli.client.post(path, body, repeat=True))
    except ClientError as error:
        cli.terminal.warn(error.sentences(cli.t)[0])


def _say_missing(cli: Cli, target: Target, verdict: Any) -> None:
    lines = zip(target.manifest.custodies, verdict.custodians, strict=True)
    if any(
        one.role == "contact" and one.at is None and _is_held(target, line.custody)
        for line, one in lines
    ):
        cli.terminal.say(
            cli.t.gettext(
                "Your contacts were asked by mail to prove their piece. Later, "
                "`escrow drill --last --report FILE` writes the report with their proofs."
            )
        )


def _is_held(target: Target, custody: str) -> bool:
    """Whether somebody holds this piece: who has not accepted it yet is not asked."""
    return target.custodies.get(custody, {}).get("state") == "held"
