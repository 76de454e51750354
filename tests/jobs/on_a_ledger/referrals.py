"""Codes and their holders, in memory."""

from datetime import timedelta

from sync.model.holding import HoldersPage
from sync.model.unassignment import Assignment

WEEK = timedelta(days=7)


class Referrals:
    """Voucherify's codes and who holds each; `errors` are raised in place of an answer."""

    def __init__(self, clock):
        self.clock = clock
        self.held = {}
        self.errors = {}
        self.calls = []

    def assign(self, voucher_id, *numbers):
        self.held[voucher_id] = [self.holder(voucher_id, each) for each in numbers]

    def holder(self, voucher_id, number):
        return Assignment(
            f"rh_{voucher_id}_{number:03}",
            f"cust_{number}",
            voucher_id,
            None,
            "camp_1",
            "REFEREE",
            self.clock() - WEEK,
        )

    def page(self, voucher_id, after):
        assert after is None
        self.calls.append(voucher_id)
        if error := self.errors.get(voucher_id):
            raise error
        rows = sorted(self.held[voucher_id], key=lambda each: each.holder_id, reverse=True)
        newest = rows[0].holder_id if rows else None
        return HoldersPage(self.clock(), tuple(rows), len(rows), len(rows), newest, None)
