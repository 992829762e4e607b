"""What the client remembers: `$XDG_STATE_HOME/escrow/<host>.json`, mode 0600.

    bearer       the session: token, account, login, level, expires_at; of an account that is being
                 made also its address; or null
    checkpoint   the newest checkpoint seen of this host's ledger (a signed note), or null
    deposits     per deposit its manifest hash; of one's own also the invitations (link and digits)
                 until they are accepted, and where its kit was saved (`kit`, a path); of one that
                 replaces another, what the old owner key has signed (`replaces`: deposit,
                 signature) until the service has it; and which drill was the last (`drill`:
                 deposit, recovery)

Never a recovery key, a secret or a share. Source: PROTOCOL.md section 14.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from escrow.i18n import N_
from escrow_cli.errors import Usage

_FIELDS = ("bearer", "checkpoint", "deposits")
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


def folder() -> Path:
    base = os.environ.get("XDG_STATE_HOME") or ""
    home = Path(base) if base.startswith("/") else Path.home() / ".local" / "state"
    return home / "escrow"


def base_url(host: str) -> str:
    """Turn what a person says into the service's address; only a loopback may be without TLS."""
    text = host.strip()
    if "://" not in text:
        netloc = text.split("/", maxsplit=1)[0]
        scheme = "http" if urlsplit(f"//{netloc}").hostname in _LOOPBACK else "https"
        text = f"{scheme}://{text}"
    url = urlsplit(text)
    try:
        usable = bool(url.hostname) and url.port != 0 and url.path in {"", "/"}
    except ValueError:
        usable = False
    if not usable or "@" in url.netloc or url.scheme not in {"http", "https"}:
        raise Usage(
            N_("“{host}” is not the address of a service."),
            N_("Give it as --host recovery.example.org."),
            host=host,
        )
    if url.scheme == "http" and url.hostname not in _LOOPBACK:
        raise Usage(
            N_("“{host}” would be used without encryption."),
            N_("Use https://; only an address on this machine may be without."),
            reason="https_required",
            host=host,
        )
    return f"{url.scheme}://{url.netloc.lower()}"


def known_host() -> str:
    """Return the one host that this machine has used."""
    found = sorted(folder().glob("*.json")) if folder().is_dir() else []
    if len(found) != 1:
        raise Usage(
            N_("Which service? This machine knows more than one.")
            if found
            else N_("Which service? This machine knows none yet."),
            N_("Give it as --host recovery.example.org or in ESCROW_HOST."),
            reason="no_host",
        )
    return found[0].name.removesuffix(".json")


class State:
    """The state file of one host, read anew for every use and replaced as a whole."""

    def __init__(self, url: str) -> None:
        self.path = folder() / f"{urlsplit(url).netloc}.json"

    def read(self) -> dict[str, Any]:
        try:
            found = json.loads(self.path.read_text("utf-8"))
        except FileNotFoundError:
            return {"bearer": None, "checkpoint": None, "deposits": {}}
        except (OSError, ValueError):
            found = None
        if not isinstance(found, dict) or tuple(found) != _FIELDS:
            raise Usage(
                N_("{path} cannot be read."),
                N_("Move it away and sign in again; pending invitations stand in it."),
                reason="damaged_state",
                path=self.path,
            )
        return found

    @contextlib.contextmanager
    def change(self) -> Iterator[dict[str, Any]]:
        """Change the state while no other process does; written only if the block succeeds."""
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(self.path.with_suffix(".lock"), os.O_CREAT | os.O_RDWR, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            found = self.read()
            yield found
            write_private(self.path, json.dumps(found, indent=1).encode(), replace=True)
        finally:
            os.close(lock)

    def bearer(self, now: int) -> dict[str, Any] | None:
        found = self.read()["bearer"]
        return found if found and found["expires_at"] > now + 30 else None

    def manifest_hash(self, deposit: str) -> bytes | None:
        from escrow.protocol.encoding import b64url_decode

        found = self.read()["deposits"].get(deposit)
        return b64url_decode(found["manifest_hash"]) if found else None

    def keep_manifest(
        self,
        deposit: str,
        manifest_hash: bytes,
        invitations: list[dict[str, str]] | None = None,
        replaces: dict[str, str] | None = None,
        kit: Path | None = None,
    ) -> None:
        from escrow.protocol.encoding import b64url

        with self.change() as found:
            entry = found["deposits"].setdefault(deposit, {})
            entry["manifest_hash"] = b64url(manifest_hash)
            if invitations is not None:
                entry["invitations"] = invitations
            if replaces is not None:
                entry["replaces"] = replaces
            if kit is not None:
                entry["kit"] = str(kit)

    def forget_replaces(self, deposit: str) -> None:
        """Drop what an old owner key has signed: the service has it, or has no use for it."""
        with self.change() as found:
            found["deposits"].get(deposit, {}).pop("replaces", None)

    def keep_drill(self, deposit: str, drill: str, recovery: str) -> None:
        """Remember a deposit's last drill, so that its report can be written anew."""
        with self.change() as found:
            entry = found["deposits"].setdefault(deposit, {})
            entry["drill"] = {"deposit": drill, "recovery": recovery}

    def forget_invitations(self, deposit: str, custodies: set[str]) -> None:
        """Drop link and digits of invitations that were taken or withdrawn."""
        entry = self.read()["deposits"].get(deposit)
        if entry and custodies & {line["custody"] for line in entry.get("invitations", [])}:
            with self.change() as found:
                lines = found["deposits"][deposit]["invitations"]
                found["deposits"][deposit]["invitations"] = [
                    line for line in lines if line["custody"] not in custodies
                ]


def write_private(path: Path, content: bytes, *, replace: bool = False) -> None:
    """Write a file with mode 0600 so that nobody ever sees half of it; FileExistsError."""
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(unfinished, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        if replace:
            unfinished.replace(path)
        else:
            _link(unfinished, path)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def _link(unfinished: Path, path: Path) -> None:
    """Give a finished file its name unless the name is taken; FileExistsError."""
    try:
        path.hardlink_to(unfinished)
        unfinished.unlink()
    except FileExistsError:
        raise
    except OSError:  # a USB stick's file system knows no links
        if path.exists():
            raise FileExistsError(path) from None
        unfinished.replace(path)
