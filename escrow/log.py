"""Logging: one JSON line an event, through a processor that takes secrets out.

Nothing that a person typed, no token, code, address or body is logged in the first place; the
processor is the second line of defence: it removes fields by name and texts by shape.
"""

import logging
import re
import sys
from collections.abc import Callable
from typing import Any

import structlog
from structlog.typing import EventDict, WrappedLogger

_NAMES = re.compile(
    r"token|secret|code|password|authorization|cookie|address|recipient|body|query|fragment"
    r"|signature|share|words|digits|envelope|payload|contents|phrase|reason_text|args",
    re.IGNORECASE,
)
_ALLOWED_NAMES = frozenset({"status_code", "error_code"})


def _digits(found: re.Match[str]) -> str:
    return found[1] or "[digits]"


_SHAPES: tuple[tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]], ...] = (
    (re.compile(r"otpauth://\S+"), "[authenticator]"),
    (re.compile(r"AGE-SECRET-KEY-\w+", re.IGNORECASE), "[key]"),
    (re.compile(r"[^\s@<>\"']+@[^\s@<>\"']+"), "[address]"),
    (re.compile(r"#\S+"), "[fragment]"),
    (re.compile(r"\?\S+"), "[query]"),
    (re.compile(r"(?<![A-Za-z0-9_-])[A-Za-z0-9_-]{33,}(?![A-Za-z0-9_-])"), "[long]"),
    # Six digits in a row inside an identifier are no code: identifiers stay whole.
    (re.compile(r"(?<![0-9a-f])([0-9a-f]{32})(?![0-9a-f])|(?<!\d)\d{6}(?!\d)"), _digits),
)


def redact(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Remove what must not be logged: fields by name, texts by shape."""
    for name, value in event.items():
        if name not in _ALLOWED_NAMES and name != "event" and _NAMES.search(name):
            event[name] = "[redacted]"
        elif not isinstance(value, int | float | bool | None):
            event[name] = redact_text(str(value))
    return event


# What all the shapes have in common: most texts have none of it, and are looked at once.
_MAY_MATCH = re.compile(r"[@#?]|otpauth://|age-secret-key|[A-Za-z0-9_-]{33}|\d{6}", re.IGNORECASE)


def redact_text(text: str) -> str:
    """Replace what has the shape of an address, a token, a code or a key."""
    if _MAY_MATCH.search(text) is None:
        return text
    for shape, name in _SHAPES:
        text = shape.sub(name, text)
    return text


def _places_only(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Say which exception came from where, never its message: that may quote what was sent."""
    info: Any = event.pop("exc_info", None)
    if info is True:
        info = sys.exc_info()
    if isinstance(info, BaseException):
        info = (type(info), info, info.__traceback__)
    if isinstance(info, tuple) and info[0] is not None:
        event["exception"] = info[0].__name__
        event["at"] = " < ".join(reversed(_places(info[2])))
    return event


def _places(traceback: Any) -> list[str]:
    places = []
    while traceback is not None:
        code = traceback.tb_frame.f_code
        places.append(f"{code.co_filename.rsplit('/', 1)[-1]}:{traceback.tb_lineno}")
        traceback = traceback.tb_next
    return places[-12:]


def configure(level: int = logging.INFO) -> None:
    """Send the package's log to standard error as JSON lines, redacted."""
    # Nobody prints thread, process or line of a record: `logging` need not look them up each time.
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    named: list[Any] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
    ]
    shared: list[Any] = [
        _places_only,
        redact,
        structlog.processors.TimeStamper(fmt="iso", utc=True),  # ours: it stays as it is
    ]
    handler = logging.StreamHandler()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=named,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                *shared,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    root = logging.getLogger("escrow")
    root.handlers[:] = [handler]
    root.setLevel(level)
    root.propagate = False
