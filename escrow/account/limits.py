"""How often something may happen in an hour: per address, account and network."""

import ipaddress

from flask import has_request_context, request
from sqlalchemy import delete
from sqlalchemy.orm import Session

from escrow.account.models import RateCount
from escrow.context import Web
from escrow.errors import RateLimited
from escrow.sql import upsert

HOUR_SECONDS = 3600


def spend(db: Session, web: Web, purpose: str, subject: str | bytes, limit: int) -> None:
    """Count one `purpose` of `subject` in this hour; raises RateLimited over `limit`."""
    now = web.clock.now()
    hour = now // HOUR_SECONDS
    bucket = web.keys.hash("rate", purpose, subject)
    statement = (
        upsert(db, RateCount)
        .values(bucket=bucket, hour=hour, count=1)
        .on_conflict_do_update(
            index_elements=["bucket", "hour"], set_={"count": RateCount.count + 1}
        )
        .returning(RateCount.count)
    )
    if db.execute(statement).scalar_one() > limit:
        raise RateLimited(HOUR_SECONDS - now % HOUR_SECONDS)


def spend_network(db: Session, web: Web, remote: str | None) -> None:
    """Count one unauthenticated attempt of a network; raises RateLimited."""
    spend(db, web, "network", network_of(remote), web.settings.requests_an_hour)


def asking() -> str | None:
    """Return the network address that the present request comes from; None outside of one."""
    return request.remote_addr if has_request_context() else None


def network_of(remote: str | None) -> str:
    """Return the network that an address is counted under: an IPv4 /24 or an IPv6 /56."""
    try:
        address = ipaddress.ip_address((remote or "").split("%", maxsplit=1)[0])
    except ValueError:
        return ""
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    prefix = 24 if address.version == 4 else 56
    return str(ipaddress.ip_network((address, prefix), strict=False))


def sweep(db: Session, now: int) -> None:
    """Delete the counts of past hours."""
    db.execute(delete(RateCount).where(RateCount.hour < now // HOUR_SECONDS - 1))
