"""What leaves the house, each time with its entry in the ledger; lists as CSV, in parts.

A cell that a spreadsheet would take for a formula gets an apostrophe before it (OWASP, "CSV
injection"): an address is what its owner typed.
"""

import csv
import io
from datetime import UTC, datetime

from sqlalchemy.orm import Session

from escrow.admin import custody
from escrow.admin.custody import Line
from escrow.admin.filters import Cursor, Filter
from escrow.admin.signin import Actor
from escrow.context import Web
from escrow.deposit.models import CustodyRow
from escrow.ledger.append import append
from escrow.protocol.encoding import sha256
from escrow.recovery import kept

PART = 10_000
LOOKED_AT = 200_000  # pieces for one part, where they are compared with a kind of key
HEAD = (
    *("key", "account", "customer", "state", "recoverability", "since", "made_on"),
    *("contacts", "contacts_holding", "contacts_needed"),
    *("piece", "piece_state", "last_proof"),  # empty where keys are listed
)
_FORMULAS = ("=", "+", "-", "@", "\t", "\r")


def keys(
    db: Session, web: Web, actor: Actor, chosen: Filter, after: Cursor
) -> tuple[str, Cursor | None]:
    """Return a part of the list as CSV, and what the next part is after.

    Says `admin exported`, with the SHA-256 of the text as UTF-8, in the same transaction.
    """
    lines, following = custody.page(db, web, chosen, after, PART, LOOKED_AT)
    text = _written(web, lines)
    say(db, web, f"list of keys ({chosen.told()}) by admin {actor.admin}", text.encode())
    return text, following


def data_of(db: Session, web: Web, actor: Actor, account: str) -> bytes:
    """Return all that is kept about one customer, and say so in the ledger; raises NotFound."""
    data = kept.everything(db, web, account)
    say(db, web, f"data of account {account} by admin {actor.admin}", data, account=account)
    return data


def say(db: Session, web: Web, what: str, data: bytes, **subjects: str) -> None:
    """Say `admin exported` with the SHA-256 of what leaves, in the caller's transaction."""
    said = {"what": what, "body_sha256": sha256(data)}
    append(db, web.author, "admin exported", said, **subjects)


def _written(web: Web, lines: list[Line]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    writer.writerow(HEAD)
    for line in lines:
        row = line.deposit
        cells = (
            *(row.id, row.account, " ".join(line.customer), row.state, row.recoverability or ""),
            *(_date(row.recoverability_at), _date(row.created_at)),
            *(str(line.contacts), str(line.held), str(row.contacts_needed)),
            *_piece(web, line.piece),
        )
        writer.writerow([guarded(cell) for cell in cells])
    return out.getvalue()


def _piece(web: Web, piece: CustodyRow | None) -> tuple[str, str, str]:
    if piece is None:
        return "", "", ""
    state = custody.piece_state(piece, web.clock.now(), web.settings.proof_seconds)
    return piece.role, state, _date(piece.proven_at or None)


def _date(at: int | None) -> str:
    return "" if at is None else datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def guarded(cell: str) -> str:
    """Write a cell so that no spreadsheet computes it."""
    return f"'{cell}" if cell.startswith(_FORMULAS) else cell
