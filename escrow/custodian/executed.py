"""Which function does what was approved: one line an operation."""

from collections.abc import Callable

from escrow.custodian import approved, governing
from escrow.custodian.approved import Order

EXECUTED: dict[str, Callable[[Order], None]] = {
    "freeze": approved.freeze,
    "unfreeze": approved.unfreeze,
    "close-deposit": approved.close_deposit,
    "close-account": approved.close_account,
    "move-account": approved.move_account,
    "set-address": approved.set_address,
    "add-admin": governing.add_admin,
    "remove-admin": governing.remove_admin,
    "rotate-key": governing.rotate_key,
    "change-wait": governing.change_wait,
}
