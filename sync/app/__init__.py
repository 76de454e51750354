"""Settings to objects: the only place where concrete classes meet."""

from sync.app.configured import Configured, configure, new_start, now
from sync.app.ground import (
    Ground,
    alone,
    for_real,
    for_undo,
    look_at_ledger,
    on_a_copy,
    open_ledger,
    rebind_ledger,
    upgrade_ledger,
)
from sync.app.wiring import Voucherify, assembled, spent_on, voucherify

__all__ = [
    "Configured",
    "Ground",
    "Voucherify",
    "alone",
    "assembled",
    "configure",
    "for_real",
    "for_undo",
    "look_at_ledger",
    "new_start",
    "now",
    "on_a_copy",
    "open_ledger",
    "rebind_ledger",
    "spent_on",
    "upgrade_ledger",
    "voucherify",
]
