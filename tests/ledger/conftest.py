from tests.custodian.conftest import rig

__all__ = ["rig"]
