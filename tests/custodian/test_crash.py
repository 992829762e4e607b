"""Killed at every step of a pass: nothing is lost, nothing doubled, nothing signed is undone."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.orm import Session

from escrow.custodian import outside as outside_module
from escrow.custodian.outside import Outside
from escrow.ledger.append import append
from escrow.ledger.models import CheckpointRow, LedgerEvent
from escrow.ledger.read import newest_checkpoint
from tests.custodian.rig import Rig, new_id


class Killed(BaseException):
    """As kill -9: no handler of ours may rely on running."""


class Fuse:
    """Counts the steps at which a process can die, and dies at one of them."""

    def __init__(self, at: int | None = None) -> None:
        self.at = at
        self.steps = 0

    def step(self) -> None:
        if self.steps == self.at:
            raise Killed
        self.steps += 1

    def around(self, real: Callable[..., Any]) -> Callable[..., Any]:
        """Make each call two steps: before it, and after it."""

        def called(*arguments: Any, **named: Any) -> Any:
            self.step()
            result = real(*arguments, **named)
            self.step()
            return result

        return called

    def torn(self, path: Path, offset: int, content: bytes) -> None:
        """Write in place as the real one does, dying with nothing, half or all of it written."""
        self.step()
        for length in (len(content) // 2 + 1, len(content)):
            with path.open("r+b") as file:
                file.truncate(offset)
                file.seek(offset)
                file.write(content[:length])
            self.step()


@contextmanager
def burning(fuse: Fuse) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Session, "commit", fuse.around(Session.commit))
        patch.setattr(Path, "replace", fuse.around(Path.replace))
        patch.setattr(outside_module, "_write_at", fuse.torn)
        for name in ("write_leaves", "write_lines", "write_checkpoint"):
            patch.setattr(Outside, name, fuse.around(getattr(Outside, name)))
        yield


def fill(rig: Rig) -> tuple[list[str], str, str]:
    """Say a few things, a veto of one recovery and a freeze of another among them."""
    said = [rig.say() for _ in range(3)]
    on: dict[str, Any] = {"account": new_id(), "deposit": new_id()}
    vetoed, stopped = new_id(), new_id()
    said.append(rig.say("recovery vetoed", {"by": "customer"}, **on, recovery=vetoed))
    frozen = {"reason": "x", "approval": None}
    said.append(rig.say("recovery frozen", frozen, **on, recovery=stopped))
    return said, vetoed, stopped


def react(custodian: Any) -> int:
    """Act as reactions do: once for each sequenced entry, saying something in turn."""
    with custodian.database.transaction() as db:
        rows = db.query(LedgerEvent).filter(
            LedgerEvent.index.is_not(None), LedgerEvent.acted.is_(False)
        )
        count = 0
        for row in rows.all():
            row.acted = True
            count += 1
            if row.type == "recovery vetoed":
                data = {"what": "told", "body_sha256": bytes(32)}
                append(db, custodian.author, "admin exported", data)
        return count


def promised(rig: Rig) -> tuple[int, bytes] | None:
    """What anybody can have seen signed, and that the files outside are never behind it."""
    outside = Outside(rig.settings.outside_dir)
    with rig.database.reading() as db:
        newest = newest_checkpoint(db)
        count = len(db.query(LedgerEvent).filter(LedgerEvent.index.is_not(None)).all())
        seen = (newest.size, newest.hash) if newest else None
    assert (seen[0] if seen else 0) <= outside.checkpoint.size <= count
    return seen


def kill_at(rig: Rig, step: int | None) -> tuple[bool, int]:
    fuse = Fuse(step)
    rig.custodian.acts = [react]
    try:
        with burning(fuse):
            rig.settle()
    except Killed:
        return True, fuse.steps
    return False, fuse.steps


def test_killed_at_every_step(rig: Rig) -> None:
    fill(rig)
    _, steps = kill_at(rig, None)
    assert steps > 25
    rig.check()
    size = 2 + 5 + 1
    for step in range(steps):
        said, vetoed, stopped = fill(rig)
        rig.clock.move(1)
        was_killed, _ = kill_at(rig, step)
        assert was_killed, step
        seen = promised(rig)
        rig.restart()
        rig.custodian.acts = [react]
        rig.settle()
        entries = rig.entries()
        size += 5 + 1
        assert len(entries) == size, step
        assert sum(e.event.type == "admin exported" for e in entries) == step + 2
        assert [e.event.id for e in entries if e.event.id in said] == said
        assert Outside(rig.settings.outside_dir).last_line(vetoed) == "cancelled"
        assert Outside(rig.settings.outside_dir).last_line(stopped) == "frozen"
        if seen is not None:
            with rig.database.reading() as db:
                assert db.get_one(CheckpointRow, seen[0]).hash == seen[1]
    rig.check()


def test_killed_again_while_it_repairs(rig: Rig) -> None:
    """A crash in the middle of taking up is taken up as well."""
    size = 2
    for step in range(3, 30, 3):
        fill(rig)
        kill_at(rig, step)
        for second in range(12):
            rig.restart()
            kill_at(rig, second)
            promised(rig)
        rig.restart()
        rig.custodian.acts = [react]
        rig.settle()
        size += 5 + 1
        assert len(rig.entries()) == size
    rig.check()


def test_killed_in_the_first_pass_of_all(database: Any, clock: Any, tmp_path: Path) -> None:
    """The two `key changed` entries are said once, whenever the first start is interrupted."""
    rig = Rig.make(database, clock, tmp_path / "data")
    for step in range(40):
        was_killed, _ = kill_at(rig, step)
        promised(rig)
        rig.restart()
        if not was_killed:
            break
    rig.settle()
    assert [entry.event.type for entry in rig.entries()] == ["key changed"] * 2
    rig.check()


def test_a_full_disk_stops_and_goes_on(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pass that fails is repeated by the same process, from what the disk has."""

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    said, _, _ = fill(rig)
    for name in ("write_leaves", "write_lines", "write_checkpoint"):
        with monkeypatch.context() as patch:
            patch.setattr(Outside, name, full)
            for _ in range(2):
                with pytest.raises(OSError, match="No space"):
                    rig.custodian.run_pass()
        promised(rig)
    rig.settle()
    assert [entry.event.id for entry in rig.entries()[2:]] == said
    rig.check()


def test_a_veto_stands_outside_before_it_is_signed(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever sees the checkpoint that has the veto can rely on the line."""
    seen: list[bool] = []
    real = Outside.write_checkpoint

    def looked(self: Outside, *arguments: Any) -> None:
        seen.append((self.directory / "lines").read_text() == f"{'ab' * 16} cancelled\n")
        real(self, *arguments)

    monkeypatch.setattr(Outside, "write_checkpoint", looked)
    on: dict[str, Any] = {"account": new_id(), "deposit": new_id(), "recovery": "ab" * 16}
    rig.say("recovery vetoed", {"by": "customer"}, **on)
    rig.settle()
    assert seen == [True]


@pytest.mark.parametrize(
    ("kind", "data", "author", "subject", "word"),
    [
        ("recovery frozen", {"reason": "x", "approval": None}, "web", "recovery", "frozen"),
        ("recovery unfrozen", {"approval": bytes(32)}, "custodian", "recovery", "unfrozen"),
        ("recovery vetoed", {"by": "customer"}, "web", "recovery", "cancelled"),
        ("recovery expired", {}, "custodian", "recovery", "cancelled"),
        ("deposit destroyed", {"reason": "x"}, "custodian", "deposit", "destroyed"),
    ],
)
def test_lines_are_written_for_what_a_backup_must_not_undo(
    rig: Rig, kind: str, data: Any, author: str, subject: str, word: str
) -> None:
    on: dict[str, Any] = {"account": new_id(), "deposit": new_id()}
    if subject == "recovery":
        on["recovery"] = new_id()
    rig.say(kind, data, author=rig.web if author == "web" else rig.keys.author, **on)
    rig.settle()
    assert Outside(rig.settings.outside_dir).last_line(on[subject]) == word
