"""The calls we may make: counted, paced and shared by all processes on one ledger.

A block of calls is leased at a time: counted as used, and given its slots in time, in one short
transaction. A process that is killed loses the rest of its block, on the safe side. No header
tells the calls left in the billing cycle, so the count is our own.

Worker threads call this; the mutex makes it one caller at a time, with a connection of its own.
Source: Voucherify documentation, "API limits".
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from math import ceil

from sqlalchemy.engine import Connection

from sync.errors import ParkError
from sync.ledger.budget_row import (
    PausedBy,
    Row,
    first_slot,
    left_today,
    pause_left,
    read_row,
    rolled,
    write_row,
)
from sync.ledger.ledger import Ledger
from sync.ledger.room import UNKNOWN_WINDOW, Room
from sync.model.allowance import Rate, Reserve, Share, next_day
from sync.transport import Observed

BLOCK_SECONDS = 1.0
LARGEST_BLOCK = 50
SAME_PAUSE = 0.5
"""Seconds by which a pause must be longer than the one that holds to be stored."""


@dataclass(frozen=True, slots=True)
class Allowance:
    """What the tool may spend.

    Args:
        rate: calls per second at most; what is observed only ever lowers it.
        reserve: what is left of each observed window for the shop.
        share: our calls per billing cycle.
        max_wait: a longer wait parks the run.
    """

    rate: Rate
    reserve: Reserve
    share: Share
    max_wait: timedelta


@dataclass(frozen=True, slots=True)
class Spent:
    """Our own count of the cycle: calls used, calls left of our share."""

    used: int
    left: int
    left_today: int
    cycle_start: date
    cycle_refused: bool


class Budget:
    """Implements `transport.Pacer` on the ledger.

    Args:
        ledger: where calls are counted.
        allowance: what may be spent.
        now: the local time, UTC.
        monotonic: seconds that never jump; pacing goes by these.
    """

    def __init__(
        self,
        ledger: Ledger,
        allowance: Allowance,
        *,
        now: Callable[[], datetime],
        monotonic: Callable[[], float],
    ) -> None:
        self._ledger = ledger
        self._allowance = allowance
        self._now = now
        self._monotonic = monotonic
        self._mutex = threading.Lock()
        self._interval = allowance.rate.interval
        self._left = 0
        self._leased_in: date | None = None
        self._started = 0
        self._next_slot = 0.0
        self._paced_until = 0.0
        self._paused_until = 0.0
        self._paused_by: PausedBy = "rate"
        self._room = Room()
        self._refusal: ParkError | None = None
        self._refused_before = False

    def reserve(self) -> float:
        """Count one call and give its slot, on the monotonic clock.

        Raises:
            ParkError: today's share or the cycle is used up, or the slot is too far away.
        """
        with self._mutex:
            self._raise_if_refused()
            if self._left == 0:
                self._lease()
            slot = max(self._next_slot, self._monotonic())
            wait = slot - self._monotonic()
            if self._interval > self._max_wait and wait > self._max_wait:
                raise self._parked(wait, by="rate")
            self._left -= 1
            self._next_slot = slot + self._interval
            return slot

    def start(self, slot: float) -> float:
        """Give the seconds still to wait; 0 means that the call starts now.

        Raises:
            ParkError: the cycle was refused meanwhile, or the window opens too late.
        """
        with self._mutex:
            self._raise_if_refused()
            now = self._monotonic()
            if self._room.is_used_up(now):
                self._pause("reserve", self._room.until - now)
            pause = self._paused_until - now
            if pause > self._max_wait:
                raise self._parked(pause, by=self._paused_by)
            # After a pause all who waited find their slots in the past: they start one by one.
            paced = self._paced_until - (self._block - 1) * self._interval
            wait = max(pause, slot - now, paced - now, 0.0)
            if wait == 0:
                self._started += 1
                self._room = self._room.after_one()
                self._paced_until = max(self._paced_until, now) + self._interval
            return wait

    def end(self, *, started: bool) -> None:
        """Take back a call that ended, or give back one that was never started."""
        with self._mutex:
            self._started -= started
            self._left += not started

    def observe(self, seen: Observed) -> None:
        """Lower the rate to what was observed, and pause when the shop's reserve is reached."""
        with self._mutex:
            if self._refused_before and not seen.refused:
                self._refused_before = False
                self._change(lambda row: replace(row, cycle_refused_at=None))
            reserve = self._allowance.reserve.of(seen.limit or 0)
            if seen.limit is not None:
                usable = seen.limit - reserve
                # Whether the window is a minute or an hour is not told: a minute never asks for
                # less than is allowed, and the reserve stops us where it is an hour.
                self._interval = max(self._interval, UNKNOWN_WINDOW / usable if usable > 0 else 0)
            if seen.refused:
                self._pause("rate", seen.resets_in)
            elif seen.remaining is not None:
                free = seen.remaining - max(0, self._started - 1) - reserve
                self._room = self._room.told(free, self._monotonic(), seen.resets_in)
                if self._room.calls <= 0:
                    self._pause("reserve", seen.resets_in)

    def refuse_cycle(self) -> datetime:
        """Take in that the billing cycle is used up: no call starts after this.

        Gives the begin of the next cycle by our setting (UTC).
        """
        with self._mutex:
            now = self._now()
            resume_after = self._next_cycle(now)
            msg = "the billing cycle's calls are used up"
            self._refusal = ParkError(msg, by="cycle", resume_after=resume_after)
            self._refused_before = False
            # The pause that the refusal's own rate headers set would hold back later runs too.
            self._change(lambda row: replace(row, cycle_refused_at=now, paused_until=0.0))
            return resume_after

    def spent(self) -> Spent:
        """Give our own count of the cycle."""
        with self._mutex, self._ledger.read_only() as connection:
            row = self._read(connection)
            leased = self._leased_of(row)
        return Spent(
            used=row.used - leased,
            left=max(0, self._share.calls_per_cycle - row.used + leased),
            left_today=left_today(row, self._share) + leased,
            cycle_start=row.cycle_start,
            cycle_refused=row.cycle_refused_at is not None,
        )

    def close(self) -> None:
        """Give back what was leased and not used."""
        with self._mutex:
            if self._left:
                self._change(lambda row: replace(row, used=row.used - self._leased_of(row)))
                self._left = 0

    @property
    def _max_wait(self) -> float:
        return self._allowance.max_wait.total_seconds()

    @property
    def _share(self) -> Share:
        return self._allowance.share

    @property
    def _block(self) -> int:
        return min(LARGEST_BLOCK, ceil(BLOCK_SECONDS / self._interval))

    def _leased_of(self, row: Row) -> int:
        # What was leased in an older cycle was counted there.
        return min(self._left, row.used) if row.cycle_start == self._leased_in else 0

    def _read(self, connection: Connection) -> Row:
        now = self._now()
        return rolled(read_row(connection, now, self._share), now.date(), self._share)

    def _change(self, change: Callable[[Row], Row]) -> Row:
        with self._ledger.transaction() as connection:
            row = change(self._read(connection))
            write_row(connection, row)
        return row

    def _lease(self) -> None:
        now = self._now()
        offset = self._monotonic() - now.timestamp()
        block = self._block
        granted = 0

        def grant(row: Row) -> Row:
            nonlocal granted
            granted = min(block, left_today(row, self._share))
            if granted == 0:
                raise self._share_used_up(row, now)
            slot = first_slot(row, now.timestamp(), block * self._interval)
            next_slot = slot + granted * self._interval
            return replace(row, used=row.used + granted, next_slot=next_slot)

        row = self._change(grant)
        slot = row.next_slot - granted * self._interval
        self._left = granted
        self._leased_in = row.cycle_start
        self._next_slot = max(self._next_slot, slot + offset)
        self._refused_before = row.cycle_refused_at is not None
        self._take_over(row)

    def _pause(self, by: PausedBy, seconds: float | None) -> None:
        pause = UNKNOWN_WINDOW if seconds is None else seconds
        until = self._monotonic() + pause
        if until <= self._paused_until + SAME_PAUSE:
            return
        self._paused_until, self._paused_by = until, by
        now = self._now()
        stored = now.timestamp() + pause

        def lengthened(row: Row) -> Row:
            if pause_left(row, now.timestamp()) >= pause:
                return row
            return replace(row, paused_until=stored, paused_by=by)

        self._take_over(self._change(lengthened))

    def _take_over(self, row: Row) -> None:
        """Pause as long as another process found that all have to."""
        until = self._monotonic() + pause_left(row, self._now().timestamp())
        if until > self._paused_until:
            self._paused_until, self._paused_by = until, row.paused_by

    def _raise_if_refused(self) -> None:
        if self._refusal is not None:
            raise ParkError(str(self._refusal), by="cycle", resume_after=self._refusal.resume_after)

    def _parked(self, seconds: float, *, by: PausedBy) -> ParkError:
        why = {
            "rate": "the next call is allowed",
            "reserve": "the shop's reserve of the rate limit is free again",
        }
        msg = f"{why[by]} in {seconds:.0f} s, longer than HOLDERSYNC_MAX_WAIT"
        return ParkError(msg, by=by, resume_after=self._now() + timedelta(seconds=seconds))

    def _share_used_up(self, row: Row, now: datetime) -> ParkError:
        msg = (
            f"today's share of VOUCHERIFY_CALLS_PER_CYCLE is used up ({row.used} of "
            f"{self._share.calls_per_cycle} calls since {row.cycle_start})"
        )
        all_used = row.used >= self._share.calls_per_cycle
        resume_after = self._next_cycle(now) if all_used else next_day(now)
        return ParkError(msg, by="budget", resume_after=resume_after)

    def _next_cycle(self, now: datetime) -> datetime:
        _, first_day = self._share.cycle_of(now.date())
        return datetime(first_day.year, first_day.month, first_day.day, tzinfo=UTC)
