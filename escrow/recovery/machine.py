"""The table of a recovery: every state, every event, one line an edge. Nothing else is allowed.

Guards in time and proof stand with the verbs; this is who may come after whom. The diagram in the
documentation is printed from here (`python -m escrow.recovery.machine`). Source: PROTOCOL.md
section 10.
"""

import sys
from dataclasses import dataclass

from escrow.errors import WrongState

OPENED_EXPIRES_SECONDS = 7 * 86400
READY_EXPIRES_SECONDS = 14 * 86400
FROZEN_EXPIRES_SECONDS = 30 * 86400
SESSION_SECONDS = 3600
REFUSED_NOTICE_SECONDS = 7 * 86400
CHANGED_LATELY_SECONDS = 7 * 86400

NONE = ""
FINAL = frozenset({"cancelled", "completed", "expired"})


@dataclass(frozen=True)
class Edge:
    """From a state, by an event, to a state; `effect` says what else happens."""

    state: str
    event: str
    next: str
    effect: str


TABLE = (
    Edge(NONE, "open", "opened", "notices to all addresses and contacts; closing pauses"),
    Edge("opened", "noticed", "waiting", "the wait begins; a refused notice lengthens it"),
    Edge("opened", "expire", "expired", "notices (after 7 days)"),
    Edge("waiting", "ready", "ready", "notices: you can finish now"),
    Edge("opened", "veto", "cancelled", "notices"),
    Edge("waiting", "veto", "cancelled", "notices"),
    Edge("ready", "veto", "cancelled", "notices"),
    Edge("collecting", "veto", "cancelled", "notices; sessions void"),
    Edge("opened", "freeze", "frozen", "one admin, with a reason"),
    Edge("waiting", "freeze", "frozen", "one admin, with a reason"),
    Edge("ready", "freeze", "frozen", "one admin, with a reason"),
    Edge("collecting", "freeze", "frozen", "one admin, with a reason; sessions void"),
    Edge("frozen", "unfreeze", "opened", "two admins; notices again, the wait anew"),
    Edge("frozen", "veto", "cancelled", "notices"),
    Edge("frozen", "expire", "cancelled", "notices (after 30 days)"),
    Edge("ready", "begin", "collecting", "earlier sessions void; the provider's release"),
    Edge("collecting", "begin", "collecting", "earlier sessions void; the provider's release"),
    Edge("collecting", "release", "collecting", "sealed bytes, once in a checkpoint"),
    Edge("collecting", "complete", "completed", "notices; proposal to replace"),
    Edge("ready", "expire", "expired", "notices (14 days after ready)"),
    Edge("collecting", "expire", "expired", "notices (14 days after ready)"),
)
_NEXT = {(edge.state, edge.event): edge.next for edge in TABLE}
STATES = tuple(dict.fromkeys(state for edge in TABLE for state in (edge.next, edge.state) if state))
EVENTS = tuple(dict.fromkeys(edge.event for edge in TABLE))


def next_state(state: str, event: str) -> str:
    """Return the state after `event`; raises WrongState for what is not in the table."""
    found = _NEXT.get((state, event))
    if found is None:
        raise WrongState(state, f"A recovery that is {state or 'not open'} does not allow this.")
    return found


def states_before(event: str) -> tuple[str, ...]:
    """Return the states in which `event` is allowed: what a compare-and-swap compares with."""
    return tuple(edge.state for edge in TABLE if edge.event == event)


def diagram() -> str:
    """Return the table as a Mermaid state diagram."""
    lines = ["stateDiagram-v2"]
    lines += [f"    {edge.state or '[*]'} --> {edge.next}: {edge.event}" for edge in TABLE]
    lines += [f"    {state} --> [*]" for state in sorted(FINAL)]
    return "\n".join(lines)


_PAGE = """# A recovery

Printed by `python -m escrow.recovery.machine`; a test compares. What is not here is refused.

```mermaid
{diagram}
```

| state | event | next | effect |
|---|---|---|---|
{rows}

A request that contacts have to prove first is a draft (`drafts.py`): no state of a recovery,
without effect, and gone after seven days. Its last proof is the `open` above.

Waits: `opened` ends after {opened} days, `frozen` after {frozen}, `ready` and `collecting` {ready}
days after `ready`. `waiting` lasts as long as the proof asks for (`shortest_wait` in
`escrow/protocol/release.py`), {late} days more after a late change of address or authenticator, and
up to {refused} days more for a refused notice.
"""


def page() -> str:
    """Return this domain's README: the diagram, the table, the waits."""
    rows = [f"| {e.state or '–'} | {e.event} | {e.next} | {e.effect} |" for e in TABLE]
    day = 86400
    return _PAGE.format(
        diagram=diagram(),
        rows="\n".join(rows),
        opened=OPENED_EXPIRES_SECONDS // day,
        frozen=FROZEN_EXPIRES_SECONDS // day,
        ready=READY_EXPIRES_SECONDS // day,
        late=CHANGED_LATELY_SECONDS // day,
        refused=REFUSED_NOTICE_SECONDS // day,
    )


if __name__ == "__main__":
    sys.stdout.write(page())
