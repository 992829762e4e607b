"""The service's problem documents (RFC 9457), turned into sentences with a hint.

Only known fields are taken from them, and the sentences are ours: they are translated.
"""

from __future__ import annotations

from typing import Any

from escrow.i18n import N_
from escrow_cli.errors import (
    ClientError,
    Locked,
    NotNow,
    NotSignedIn,
    StepUpRequired,
    Unreachable,
    Usage,
    WrongCode,
)


def problem(status: int, found: dict[str, Any], headers: Any) -> ClientError:
    """Turn a problem document (RFC 9457) into a sentence with a hint."""
    code = str(found.get("code") or status)
    wait = str(found.get("retry_after") or headers.get("Retry-After") or "")
    pause = int(wait) if wait.isascii() and wait.isdigit() and len(wait) < 9 else 5
    params: dict[str, Any] = {name: found[name] for name in _PARAMS if name in found}
    params |= {
        "reason": code,
        "pause": pause,
        "minutes": -(-pause // 60) or 1,
        "detail": str(found.get("detail") or found.get("title") or code),
    }
    if status == 401 and "tries_left" in found:
        return WrongCode(
            N_("This code is not right; tries left: {tries_left}."),
            N_("Use the newest code."),
            **params,
        )
    if status == 429:
        busy: type[ClientError] = Locked if code == "locked" else NotNow
        return busy(*_SENTENCES["locked"], **params)
    if status in _BY_STATUS:
        kind, fallback = _BY_STATUS[status]
        return kind(*_SENTENCES.get(code, _SENTENCES[fallback]), **params)
    return Unreachable(*_SENTENCES["unavailable"], **params)


_PARAMS = ("tries_left", "state", "at", "field")
_BY_STATUS: dict[int, tuple[type[ClientError], str]] = {
    400: (Usage, "malformed"),
    401: (NotSignedIn, "unauthenticated"),
    403: (StepUpRequired, "step_up_required"),
    404: (NotNow, "not_found"),
    409: (NotNow, "wrong_state"),
    410: (NotNow, "gone"),
    413: (Usage, "malformed"),
    422: (Usage, "malformed"),
}
_SENTENCES = {
    "malformed": (N_("The service does not accept this: {detail}"), ""),
    "unauthenticated": (
        N_("The service does not accept this code, session or signature."),
        N_("Start again; check this computer's clock."),
    ),
    "step_up_required": (
        N_("A fresh code of your authenticator app is needed."),
        N_("Start again."),
    ),
    "not_found": (
        N_("There is nothing here, or it is not yours."),
        N_("Check the number, and --host."),
    ),
    "conflict": (
        N_("This was done before in another way."),
        N_("Look at `escrow status`."),
    ),
    "wrong_state": (
        N_("This is not possible now ({state})."),
        N_("Look at `escrow status`."),
    ),
    "too_early": (N_("The waiting time is not over."), N_("Try again later.")),
    "gone": (
        N_("This was there once and is not any more."),
        N_("It was taken, withdrawn, or its time is over. Ask the person who sent it."),
    ),
    "locked": (
        N_("Too many tries."),
        N_("Try again in {minutes} minutes."),
    ),
    "unavailable": (
        N_("The service is not available now."),
        N_("Try again in {minutes} minutes; what was done is kept."),
    ),
}
