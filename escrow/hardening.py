"""What a process that holds keys asks of the system: no core dump, no debugger, no swap.

Best effort, as SECURITY.md says: whoever is root on the machine sees memory anyway.
"""

import ctypes
import os
import resource
import signal

_PR_SET_PDEATHSIG = 1
_PR_SET_DUMPABLE = 4
_MCL_CURRENT, _MCL_FUTURE, _MCL_ONFAULT = 1, 2, 4


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def no_core_dumps() -> None:
    """Leave no image of our memory behind, and let no process of the same user read it."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _libc().prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


def lock_memory() -> bool:
    """Keep our memory out of swap where the system allows as much as we need; tells if it does.

    Under a small limit a lock that succeeds would let a later allocation fail, so it is not tried.
    """
    limit, _ = resource.getrlimit(resource.RLIMIT_MEMLOCK)
    if limit != resource.RLIM_INFINITY and os.geteuid() != 0:
        return False
    return bool(_libc().mlockall(_MCL_CURRENT | _MCL_FUTURE | _MCL_ONFAULT) == 0)


def end_with_parent() -> None:
    """Get SIGTERM when the process that started us ends, however it ends."""
    _libc().prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
