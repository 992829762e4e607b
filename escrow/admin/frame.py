"""What all pages of admins share: who may see them, and the frame around them."""

import functools
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from flask import Response as FlaskResponse
from flask import redirect, request
from werkzeug.wrappers import Response

from escrow.admin import operations, signin
from escrow.admin.roles import DELAY, GOVERN, SEE_ALL
from escrow.admin.signin import Actor
from escrow.context import web
from escrow.errors import Unauthenticated
from escrow.mail import letter
from escrow.site import page


def shown_to(
    roles: frozenset[str],
) -> Callable[[Callable[..., Response]], Callable[..., Response]]:
    """Show a page to admins of some roles only; the view is handed who is asking."""

    def wrap(view: Callable[..., Response]) -> Callable[..., Response]:
        @functools.wraps(view)
        def guarded(**named: str) -> Response:
            context = web()
            try:
                with context.database.reading() as db:
                    actor = signin.require(db, roles)
            except Unauthenticated:
                return redirect(f"/admin/sign-in?next={quote(request.path)}", 303)
            signin.note_use(context, actor)
            return view(actor, **named)

        return guarded

    return wrap


def admin_page(actor: Actor, template: str, **values: Any) -> FlaskResponse:
    """Fill in an admin's page: what one's role does not allow is not on it."""
    return page(
        template,
        actor=actor,
        admin_name=actor.name,
        sees_all=actor.role in SEE_ALL,
        may_delay=actor.role in DELAY,
        governs=actor.role in GOVERN,
        titles=operations.TITLES,
        subject_of=letter.subject_of,
        **values,
    )
