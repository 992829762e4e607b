import pytest

from tests.support.people import Customer
from tests.support.world import World


@pytest.fixture
def customer(world: World) -> Customer:
    """Somebody with an account, in a service that has a custodian."""
    return world.customer()
