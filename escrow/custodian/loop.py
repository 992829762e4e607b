"""The custodian's loop: lead, make passes, audit when there is nothing to do, send mail beside.

Acts run when something was sequenced, again while there is something to do, and at least once a
second; the loop itself looks for events as often as `leader.wait_for_work` wakes it. What a pass
has written goes out at once, and what was sent is acted upon at once.
"""

import logging
import threading
import time
from typing import TYPE_CHECKING

from escrow.custodian.entries import LedgerStopped
from escrow.custodian.leader import Leader
from escrow.errors import ConfigurationError, Unavailable

if TYPE_CHECKING:
    from escrow.custodian.service import Custodian

STOPPED_SECONDS = 30.0
IDLE_ACT_SECONDS = 1.0
_MAIL_SECONDS = 0.5
_log = logging.getLogger(__name__)


def run_forever(custodian: "Custodian", stop: threading.Event) -> None:
    """Lead when nobody else does, until `stop` is set; raises ConfigurationError."""
    while not stop.is_set():
        with Leader(custodian.database, custodian.outside.directory) as leader:
            if leader.wait_to_lead(stop):
                custodian.forget()
                _lead(custodian, leader, stop)


class _Signals:
    """What passes and the sending of mail tell each other."""

    def __init__(self) -> None:
        self.is_over = False
        self.written = threading.Event()
        self.sent = threading.Event()

    def end(self) -> None:
        self.is_over = True
        self.written.set()


def _lead(custodian: "Custodian", leader: Leader, stop: threading.Event) -> None:
    signals = _Signals()
    mail = threading.Thread(target=_send_mail, args=(custodian, signals), name="mail", daemon=True)
    mail.start()
    next_act = 0.0
    did = False
    try:
        while not stop.is_set() and leader.check():
            is_time = time.monotonic() >= next_act
            is_acting = is_time or did or signals.sent.is_set()
            signals.sent.clear()
            did = _try_pass(custodian, stop, is_acting=is_acting, is_auditing=is_time)
            if is_time:
                next_act = time.monotonic() + IDLE_ACT_SECONDS
            if did:
                signals.written.set()
            else:
                leader.wait_for_work(stop)
    finally:
        signals.end()


def _try_pass(
    custodian: "Custodian", stop: threading.Event, *, is_acting: bool, is_auditing: bool
) -> bool:
    try:
        did = custodian.run_pass(is_acting=is_acting)
        if is_auditing and not did:
            custodian.audit()
    except ConfigurationError:
        raise
    except LedgerStopped as error:
        custodian.alarm(f"the ledger is stopped: {error.detail}")
        stop.wait(STOPPED_SECONDS)
    except Unavailable:
        stop.wait(IDLE_ACT_SECONDS)
    except Exception:
        _log.exception("a pass failed and is repeated")
        stop.wait(IDLE_ACT_SECONDS)
    else:
        return did
    return False


def _send_mail(custodian: "Custodian", signals: _Signals) -> None:
    """Send mail beside the passes: a slow mail server must not hold the ledger up."""
    while custodian.sender is not None and not signals.is_over:
        signals.written.clear()
        try:
            sent = custodian.sender.run_once()
        except Unavailable:
            sent = 0
        except Exception:
            _log.exception("sending mail failed and is repeated")
            sent = 0
        if sent:
            signals.sent.set()
        else:
            signals.written.wait(_MAIL_SECONDS)
