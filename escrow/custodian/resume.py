"""Going on with a restored backup, when two operators have approved exactly that.

The files outside the database have more entries than the database, or it would not need this. All
of it is one transaction, after which the database is ahead of the files by the first new entries:

- the lost entries count as erased: their leaves are in the file, so the tree is whole again;
- what stood half done in the backup is dropped: events that were not sequenced, approvals;
- what the lines say was destroyed is destroyed again;
- running recoveries are cancelled, all sessions and mail codes ended, and the current step of every
  authenticator marked as spent;
- `backup accepted` is sequenced as the first entry, then `deposit destroyed` and `recovery expired`
  for what was done above; their lines outside are written when they are published.

If we crash before the commit, nothing has happened, and the same files are given again. If we crash
after it, taking up completes what a crash leaves in any pass: it publishes the new entries.
"""

from dataclasses import dataclass

from sqlalchemy import delete, false, insert, or_, select, update
from sqlalchemy.orm import Session

from escrow.account import rows as sealed
from escrow.account.models import AuthSession, MailCode, Totp
from escrow.admin.approvers import Approver
from escrow.admin.models import Approval
from escrow.admin.operations import ACCEPT_BACKUP, MAX_LIFETIME_SECONDS
from escrow.admin.signedfile import SignedApproval
from escrow.custodian.approvals import require_different
from escrow.custodian.crew import members
from escrow.custodian.entries import Entries, erased_mac
from escrow.custodian.sequencer import Sequencer, check_step
from escrow.custodian.service import Custodian
from escrow.custodian.shares import Refusal
from escrow.custodian.takeup import DatabaseBehind, check, database_size, first_wrong, rebuild_nodes
from escrow.db import changed
from escrow.deposit.models import Blob, CustodyRow, Deposit
from escrow.errors import ConfigurationError
from escrow.i18n import N_, Translator
from escrow.ledger.append import append
from escrow.ledger.models import LedgerEvent
from escrow.protocol.errors import BadSignature, Malformed
from escrow.recovery.models import Recovery, RecoverySession, ReleaseRow
from escrow.webkeys import ForgedRow

TOTP_STEP_SECONDS = 30
_CHUNK = 500


_NOT_ACCEPTED = N_("The backup is not accepted ({reason}), nothing was changed. {advice}")


class NotResumed(ConfigurationError):
    """The backup is not accepted, and nothing was changed; `reason` is one of a few fixed words."""

    def __init__(self, reason: str, advice: str, **params: object) -> None:
        self.reason = reason
        self._advice = ConfigurationError(advice, **params)
        super().__init__(_NOT_ACCEPTED, reason=reason, advice=self._advice)

    def sentence(self, t: Translator) -> str:
        """Say it, and what to do, in the operator's language."""
        advice = self._advice.sentence(t)
        return t.gettext(_NOT_ACCEPTED, reason=self.reason, advice=advice)


@dataclass(frozen=True)
class State:
    """What stands outside the database, and how many entries the database has."""

    origin: str
    size: int
    root: bytes
    entries: int


def resume(custodian: Custodian, files: list[bytes]) -> bool:
    """Accept a restored backup; False when these files accepted it before, and all is well.

    The caller leads. Raises NotResumed, and everything that taking up raises but DatabaseBehind.
    """
    try:
        check(custodian.database, custodian.keys, custodian.outside)
    except DatabaseBehind:
        pass
    else:
        _require_accepted_before(custodian, files)
        return False
    _check_prefix(custodian)
    reason = _check_approvals(custodian, files, _state(custodian))
    check_step(custodian.outside.at, custodian.clock.now(), custodian.accepted_step)
    with custodian.database.transaction() as db:
        _accept(custodian, db, files, reason)
    # If we crash here, the database is ahead of the files: taking up publishes the new entries.
    return True


def _state(custodian: Custodian) -> State:
    outside = custodian.outside
    with custodian.database.reading() as db:
        entries = database_size(db)
    return State(
        outside.checkpoint.origin, outside.checkpoint.size, outside.checkpoint.root, entries
    )


def _check_prefix(custodian: Custodian) -> None:
    """Refuse a database that is not an earlier state of this ledger: it has files of its own."""
    with custodian.database.reading() as db:
        size = database_size(db)
        entries = Entries(db, custodian.keys)
        wrong = 0 if size > custodian.outside.size else None
        for start in range(0, size if wrong is None else 0, _CHUNK):
            if wrong is None:
                stop = min(start + _CHUNK, size)
                wrong = first_wrong(entries, custodian.outside, start, stop)
    if wrong is not None:
        raise NotResumed(
            "another history",
            N_(
                "The database has others than the signed entries, from entry {wrong} on: it was "
                "used with other files. Use it with those, or restore a backup of this ledger."
            ),
            wrong=wrong,
        )


def _check_approvals(custodian: Custodian, files: list[bytes], state: State) -> str:
    """Verify the files against the configured keys and what is really there; returns the reason."""
    try:
        signed = [SignedApproval.parse(data) for data in files]
        proposal = signed[0].proposal
        contents = proposal.contents()
    except (Malformed, IndexError):
        raise _refused("malformed") from None
    if any(other.proposal != proposal for other in signed):
        raise _refused("different contents")
    with custodian.database.reading() as db:
        signers = [_signer(custodian, db, approval) for approval in signed]
    if proposal.operation != ACCEPT_BACKUP:
        raise _refused("another operation")
    said = State(proposal.target, contents["size"], contents["root"], contents["entries"])
    if said != state:
        raise _refused("another state")
    now = max(custodian.clock.now(), custodian.outside.at)
    if not now < proposal.expires <= now + MAX_LIFETIME_SECONDS:
        raise _refused("expired")
    try:
        is_enough = require_different(signers, proposal.rule.needed)
    except Refusal as refusal:
        raise _refused(refusal.reason) from None
    if not is_enough:
        raise _refused("too few")
    return str(contents["reason"])


def _signer(custodian: Custodian, db: Session, signed: SignedApproval) -> Approver:
    """Return who has signed.

    The database is an old one, and its entries are proven (`_check_prefix`): an admin of that day
    who was removed since is named outside it.
    """
    member = members(custodian, db).get(signed.credential)
    if member is None:
        raise _refused("unknown operator")
    if member.approver.role not in signed.proposal.rule.roles:
        raise _refused("not for this role")
    try:
        member.approver.verify(signed.proposal.signed(), signed.signature)
    except BadSignature:
        raise _refused("wrong signature") from None
    return member.approver


def _refused(reason: str) -> NotResumed:
    return NotResumed(
        reason,
        N_(
            "Two different operators must approve the present state within seven days: `escrow "
            "admin propose accept-backup` on this host, then `escrow admin approve FILE`."
        ),
    )


def _event_id(custodian: Custodian, files: list[bytes]) -> str:
    """Return the identifier of the `backup accepted` that these files can cause."""
    try:
        body = SignedApproval.parse(files[0]).proposal.body_sha256
    except (Malformed, IndexError):
        raise _refused("malformed") from None
    return custodian.once("backup accepted", body)


def _require_accepted_before(custodian: Custodian, files: list[bytes]) -> None:
    query = select(LedgerEvent.id).where(LedgerEvent.id == _event_id(custodian, files))
    with custodian.database.reading() as db:
        if db.scalars(query).first() is None:
            raise NotResumed(
                "not behind",
                N_("The database has all that was signed: start the custodian without --resume."),
            )


def _accept(custodian: Custodian, db: Session, files: list[bytes], reason: str) -> None:
    outside = custodian.outside
    # Nobody may say anything as long as entries are missing before it.
    db.execute(delete(LedgerEvent).where(LedgerEvent.index.is_(None)))
    _count_as_erased(custodian, db)
    rebuild_nodes(db, outside)
    _drop_half_done(db)
    said = {"size": outside.checkpoint.size, "root": outside.checkpoint.root, "reason": reason}
    identifier = _event_id(custodian, files)
    append(db, custodian.author, "backup accepted", said, event_id=identifier)
    for deposit in outside.identifiers("destroyed"):
        _destroy_again(custodian, db, deposit)
    _cancel_recoveries(custodian, db)
    _end_sessions(custodian, db)
    sequencer = Sequencer(custodian.keys, custodian.web_keys)
    sequencer.run(db, outside, custodian.clock.now(), custodian.accepted_step)


def _count_as_erased(custodian: Custodian, db: Session) -> None:
    """Write an emptied row for every entry that the backup does not have."""
    outside = custodian.outside
    have = database_size(db)
    for start in range(have, outside.size, _CHUNK):
        leaves = outside.leaves(start, min(start + _CHUNK, outside.size))
        found = [_erased(custodian, index, leaf) for index, leaf in enumerate(leaves, start)]
        db.execute(insert(LedgerEvent), found)


def _erased(custodian: Custodian, index: int, leaf: bytes) -> dict[str, object]:
    columns = {
        "id": custodian.once("lost entry", leaf, index),
        "index": index,
        "author": "custodian",
        "type": "lost",
        "at": custodian.outside.at,
        "acted": True,
    }
    return columns | {"mac": erased_mac(custodian.keys.mac_key, LedgerEvent(**columns))}


def _drop_half_done(db: Session) -> None:
    """Let nothing follow any more from entries about recoveries and approvals of that day."""
    about = or_(*(LedgerEvent.type.startswith(word) for word in ("recovery", "release", "admin")))
    db.execute(update(LedgerEvent).where(LedgerEvent.acted == false(), about).values(acted=True))
    db.execute(
        update(Approval)
        .where(Approval.executed_at.is_(None), Approval.refused.is_(None))
        .values(refused="before the backup")
    )


def _destroy_again(custodian: Custodian, db: Session, identifier: str) -> None:
    row = db.get(Deposit, identifier)
    if row is None:
        return
    db.execute(delete(Blob).where(Blob.deposit == row.id))
    db.execute(
        update(CustodyRow)
        .where(CustodyRow.deposit == row.id, CustodyRow.role == "provider")
        .values(state="destroyed", verified_at=None)
    )
    row.state, row.closing_at = "closed", None
    said = custodian.once("deposit destroyed", row.id)
    if db.scalars(select(LedgerEvent.id).where(LedgerEvent.id == said)).first() is None:
        data = {"reason": "closed"}
        on = {"account": row.account, "deposit": row.id}
        append(db, custodian.author, "deposit destroyed", data, event_id=said, **on)


def _cancel_recoveries(custodian: Custodian, db: Session) -> None:
    """Cancel what ran in the backup; its line outside follows from its entry."""
    now = custodian.clock.now()
    for row in list(db.scalars(select(Recovery).where(Recovery.ended_at.is_(None)))):
        row.state, row.ended_at, row.session = "cancelled", now, None
        append(
            db,
            custodian.author,
            "recovery expired",
            account=row.account,
            deposit=row.deposit,
            recovery=row.id,
        )
    live = update(RecoverySession).where(RecoverySession.voided_at.is_(None))
    changed(db, live.values(voided_at=now))
    changed(db, update(ReleaseRow).where(ReleaseRow.sealed.is_not(None)).values(sealed=None))


def _end_sessions(custodian: Custodian, db: Session) -> None:
    """End all sessions and mail codes, and spend the steps that a code is accepted for now."""
    db.flush()
    db.execute(delete(AuthSession))
    db.execute(delete(MailCode))
    step = custodian.clock.now() // TOTP_STEP_SECONDS + 1
    after = ""
    while True:
        query = select(Totp).where(Totp.account > after).order_by(Totp.account).limit(_CHUNK)
        found = list(db.scalars(query))
        for row in found:
            if row.last_step < step:
                _spend(custodian, db, row, step)
        if len(found) < _CHUNK:
            return
        after = found[-1].account
        db.expunge_all()


def _spend(custodian: Custodian, db: Session, row: Totp, step: int) -> None:
    try:
        sealed.swap(db, custodian.web_keys, row, last_step=step)
    except ForgedRow:  # the web tier does not use it either
        custodian.alarm("a record was changed from outside", act="resume")
