"""Kit and card as PDF, with what the service says of its provider."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from escrow.protocol.kit import Card, Kit
from escrow_cli.context import Cli
from escrow_cli.sources import save


def _facts(cli: Cli) -> dict[str, Any]:
    provider = cli.client.get("keys")["provider"]
    return {
        "locale": cli.t.locale,
        "provider_name": provider["name"],
        "provider_phone": provider["phone"],
    }


def save_kit(cli: Cli, kit: Kit, path: Path) -> None:
    from escrow_cli.paper import kit_pdf

    note = cli.state.read()["checkpoint"] or ""
    with cli.terminal.progress(cli.t.gettext("Drawing the kit …")):
        save(path, kit_pdf(kit, note, **_facts(cli)), replace=True)


def save_card(cli: Cli, card: Card, name: str, customer: str, path: Path) -> None:
    from escrow_cli.paper import card_pdf

    with cli.terminal.progress(cli.t.gettext("Drawing the card …")):
        data = card_pdf(card, name=name, customer=customer, **_facts(cli))
        save(path, data, replace=True)
