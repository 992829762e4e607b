"""A recovery until it can be finished: opened, everyone told, the calendar."""

from __future__ import annotations

import secrets
import time
from typing import Any

from escrow.i18n import N_
from escrow_cli.context import Cli
from escrow_cli.errors import NotNow
from escrow_cli.signin import with_step_up

REASON = "ESCROW_REASON"
NOTICE_SECONDS = 20


def running(cli: Cli, target: Any, recovery: str | None, reason: str | None) -> dict[str, Any]:
    """Continue the recovery that runs, or open one; returns its document."""
    if recovery is not None:
        return cli.client.get(f"recoveries/{recovery}")
    if reason is None:
        question = cli.t.gettext("What happened? Your contacts read it (may be empty)")
        reason = cli.terminal.ask(question, REASON)
    made = secrets.token_hex(16)
    body = {"deposit": target.manifest.deposit, "reason": reason}
    with_step_up(cli, lambda: cli.client.put(f"recoveries/{made}", body))
    cli.terminal.say(cli.t.gettext("The recovery has started. Everyone concerned is being told."))
    return _noticed(cli, made)


def _noticed(cli: Cli, recovery: str) -> dict[str, Any]:
    """Give the notices a moment to leave, so that the calendar can be told."""
    with cli.terminal.progress(cli.t.gettext("Telling you and your contacts by mail …")):
        for _ in range(NOTICE_SECONDS * 2):
            found = cli.client.get(f"recoveries/{recovery}")
            if found["ready_at"] is not None:
                return found
            time.sleep(0.5)
    return cli.client.get(f"recoveries/{recovery}")


def refuse_too_early(cli: Cli, running: dict[str, Any]) -> None:
    state, at = running["state"], running["ready_at"]
    extra = {"state": state, "recovery": running["recovery"], "deposit": running["deposit"]}
    if state in {"ready", "collecting"}:
        return
    if at is None:
        raise NotNow(
            N_("The recovery has started. You can finish it {days} after everyone was told."),
            N_("You get a mail when you can finish. Everyone told can stop it with one button."),
            reason="not_noticed",
            days=cli.t.ngettext("{n} day", "{n} days", -(-running["wait_seconds"] // 86400)),
            **extra,
        )
    if state == "waiting":
        raise NotNow(
            N_("You can finish from {when}."),
            N_("Start the same command then. Everyone told can stop it until you are done."),
            reason="too_early",
            when=cli.t.datetime(at),
            at=at,
            **extra,
        )
    raise NotNow(
        N_("This recovery cannot be finished now ({state})."),
        N_("Ask your provider."),
        reason="wrong_state",
        **extra,
    )
