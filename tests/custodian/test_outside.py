"""The files outside the database: whole, durable, repaired after a crash, refused when damaged."""

import os
from pathlib import Path

import pytest

from escrow.custodian.outside import Outside, OutsideDamaged, lock
from escrow.protocol import tree
from escrow.protocol.note import Checkpoint
from tests.custodian.rig import new_id

ORIGIN = "localhost/ledger"
SOME, OTHER = "ab" * 16, "cd" * 16
LEAVES = [bytes([n]) * 32 for n in range(1, 8)]


@pytest.fixture
def made(tmp_path: Path) -> Outside:
    outside = Outside.create(tmp_path / "outside", ORIGIN)
    write(outside, LEAVES[:5], 1000)
    return outside


def write(outside: Outside, leaves: list[bytes], at: int) -> None:
    outside.write_leaves(leaves)
    root = outside.frontier.root()
    outside.write_checkpoint(Checkpoint(ORIGIN, outside.size, root), at)


def test_what_was_written_is_read_again(made: Outside) -> None:
    recovery = new_id()
    made.write_lines([(recovery, "frozen"), (recovery, "unfrozen"), (recovery, "cancelled")])
    again = Outside(made.directory)
    assert (again.size, again.at, again.checkpoint) == (5, 1000, made.checkpoint)
    assert again.leaves(1, 3) == LEAVES[1:3]
    assert again.frontier.root() == made.frontier.root()
    assert again.last_line(recovery) == "cancelled"


@pytest.mark.parametrize(
    ("words", "stops"),
    [
        ([], False),
        (["frozen"], True),
        (["frozen", "unfrozen"], False),
        (["frozen", "unfrozen", "frozen"], True),
        (["cancelled"], True),
        (["destroyed"], True),
    ],
)
def test_the_last_line_of_an_id_counts(made: Outside, words: list[str], stops: bool) -> None:
    recovery, other = new_id(), new_id()
    for word in words:
        made.write_line(recovery, word)
        made.write_line(other, "unfrozen")
    for outside in (made, Outside(made.directory)):
        assert outside.stops(recovery) is stops
        assert not outside.stops(other)


def test_a_line_is_not_said_twice(made: Outside) -> None:
    recovery = new_id()
    for _ in range(3):
        made.write_line(recovery, "cancelled")
    Outside(made.directory).write_line(recovery, "cancelled")
    assert (made.directory / "lines").read_text() == f"{recovery} cancelled\n"


@pytest.mark.parametrize("bad", [("xyz", "frozen"), (SOME, "melted"), ("", "frozen")])
def test_nothing_else_becomes_a_line(made: Outside, bad: tuple[str, str]) -> None:
    with pytest.raises(ValueError, match="a line is"):
        made.write_lines([bad])
    assert (made.directory / "lines").read_bytes() == b""


@pytest.mark.parametrize("torn", [b"\x07", b"\x07" * 32, b"\x07" * 70, b"\0" * 4096])
def test_a_torn_leaf_is_written_over(made: Outside, torn: bytes) -> None:
    with (made.directory / "leaves").open("ab") as file:
        file.write(torn)
    again = Outside(made.directory)
    assert again.size == 5
    write(again, LEAVES[5:], 1001)
    assert (made.directory / "leaves").read_bytes() == b"".join(LEAVES)
    assert Outside(made.directory).checkpoint.root == again.frontier.root()


@pytest.mark.parametrize("torn", ["a", f"{SOME} froz", f"{SOME} frozen", "\0" * 512])
def test_a_torn_line_is_written_over(made: Outside, torn: str) -> None:
    kept, added = new_id(), new_id()
    made.write_line(kept, "cancelled")
    with (made.directory / "lines").open("a") as file:
        file.write(torn)
    again = Outside(made.directory)
    again.write_line(added, "frozen")
    assert (made.directory / "lines").read_text() == f"{kept} cancelled\n{added} frozen\n"
    assert Outside(made.directory).stops(kept)


def test_a_half_written_checkpoint_leaves_the_old_one(
    made: Outside, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    made.write_leaves(LEAVES[5:6])
    monkeypatch.setattr(Path, "replace", killed)
    with pytest.raises(KeyboardInterrupt):
        made.write_checkpoint(Checkpoint(ORIGIN, 6, made.frontier.root()), 1001)
    monkeypatch.undo()
    again = Outside(made.directory)
    assert (again.size, again.at) == (5, 1000)


@pytest.mark.parametrize("name", ["leaves", "lines", "checkpoint"])
def test_a_missing_file_is_refused_and_not_made_anew(made: Outside, name: str) -> None:
    (made.directory / name).unlink()
    with pytest.raises(OutsideDamaged, match=f"{name} is missing"):
        Outside(made.directory)
    assert not (made.directory / name).exists()


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("leaves", b"".join(LEAVES[:4]), "shorter"),
        ("leaves", b"".join(LEAVES[:4]) + LEAVES[4][:31], "shorter"),
        ("leaves", b"".join(LEAVES[1:6]), "root"),
        ("leaves", b"", "shorter"),
        ("checkpoint", b"", "damaged"),
        ("checkpoint", b"1000\nlocalhost/ledger\n5\n", "damaged"),
        ("checkpoint", b"x\nlocalhost/ledger\n0\n\n", "damaged"),
        ("lines", b"hello\n", "line 1"),
        ("lines", b"\n", "line 1"),
        ("lines", f"{SOME} frozen\n{OTHER} melted\n".encode(), "line 2"),
    ],
)
def test_damage_is_refused(made: Outside, name: str, content: bytes, why: str) -> None:
    (made.directory / name).write_bytes(content)
    with pytest.raises(OutsideDamaged, match=why):
        Outside(made.directory)


def test_a_long_file_is_read_in_pieces(tmp_path: Path) -> None:
    outside = Outside.create(tmp_path / "outside", ORIGIN)
    leaves = [tree.leaf_hash(bytes([n % 256, n // 256])) for n in range(10_000)]
    write(outside, leaves, 1)
    again = Outside(outside.directory)
    assert again.size == 10_000
    assert again.frontier.root() == outside.frontier.root()
    assert again.leaves(9_990, 10_000) == leaves[9_990:]


def test_every_change_is_on_the_disk_before_it_returns(
    made: Outside, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[str] = []
    real = os.fsync

    def fsync(descriptor: int) -> None:
        synced.append(Path(f"/proc/self/fd/{descriptor}").readlink().name)
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    made.write_leaves(LEAVES[5:6])
    assert synced == ["leaves"]
    made.write_line(new_id(), "frozen")
    assert synced == ["leaves", "lines"]
    made.write_checkpoint(Checkpoint(ORIGIN, 6, made.frontier.root()), 1001)
    assert synced[2].startswith(".checkpoint.")
    assert synced[3:] == [made.directory.name]


def test_one_process_holds_the_directory(made: Outside) -> None:
    first = lock(made.directory)
    assert first is not None
    assert lock(made.directory) is None
    os.close(first)
    second = lock(made.directory)
    assert second is not None
    os.close(second)
    (made.directory / "lock").unlink()
    with pytest.raises(OutsideDamaged, match="lock is missing"):
        lock(made.directory)


def test_files_are_private(made: Outside) -> None:
    assert made.directory.stat().st_mode & 0o077 == 0
    for name in ("leaves", "lines", "checkpoint", "lock"):
        assert (made.directory / name).stat().st_mode & 0o077 == 0, name
