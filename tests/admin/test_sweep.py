"""What is over goes; who is an admin, and who is signed in, stays."""

from __future__ import annotations

from sqlalchemy import func, select

from escrow.admin.models import Admin, AdminChallenge, AdminSession
from tests.admin.crew import Crew, hired
from tests.support.world import World

DAY = 86400


def counted(world: World) -> tuple[int, ...]:
    with world.database.reading() as db:
        tables = (Admin, AdminSession, AdminChallenge)
        return tuple(db.scalar(select(func.count()).select_from(one)) or 0 for one in tables)


def test_old_sessions_invitations_and_challenges_go_and_admins_stay(world: World) -> None:
    olga = hired(world)
    Crew(world).invite()
    olga.post("/admin/challenges").ok()
    assert counted(world) == (2, 1, 1)
    world.wait(8 * DAY)
    assert counted(world) == (2, 1, 0)
    world.wait(20 * DAY)
    olga.sign_in().ok()
    world.wait(10 * DAY)
    assert counted(world) == (1, 1, 0)
    olga.sign_in().ok()
