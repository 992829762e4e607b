"""The demo's mailbox: mails that would have been sent, on one page. Only with `--demo`."""

import email
import email.policy
from dataclasses import dataclass
from pathlib import Path

from flask import Blueprint, Response, render_template

from escrow.context import web
from escrow.errors import NotFound
from escrow.mail.transport import mailbox_of

NEWEST = 50
blueprint = Blueprint("demo", __name__, template_folder="../templates")


@dataclass(frozen=True)
class Mail:
    """One mail of the demo."""

    to: str
    subject: str
    date: str
    text: str


@blueprint.get("/demo/mailbox")
def mailbox() -> Response:
    """Show the newest mails, newest first."""
    settings = web().settings
    if not settings.demo:
        raise NotFound
    html = render_template("demo_mailbox.html", mails=read(mailbox_of(settings)))
    return Response(html, content_type="text/html; charset=utf-8")


def read(folder: Path) -> list[Mail]:
    """Return the newest mails of the folder, newest first."""
    if not folder.is_dir():
        return []
    files = sorted(folder.glob("*.eml"), key=lambda file: file.stat().st_mtime_ns, reverse=True)
    return [_read_one(file) for file in files[:NEWEST]]


def _read_one(file: Path) -> Mail:
    mail = email.message_from_bytes(file.read_bytes(), policy=email.policy.default)
    body = mail.get_body(("plain",))
    text = body.get_content().replace("\r\n", "\n") if body else ""
    return Mail(str(mail["To"]), str(mail["Subject"]), str(mail["Date"]), text)
