"""The demo's mailbox: mails that would have been sent, on one page. Only with `--demo`."""

from flask import Blueprint

blueprint = Blueprint("demo", __name__)
