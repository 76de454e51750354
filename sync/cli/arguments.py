"""Times on the command line."""

import re
import textwrap
from datetime import UTC, date, datetime, timedelta

import typer

from sync.jobs.sources import is_id
from sync.model.unassignment import CustomerId
from sync.model.window import Window
from sync.voucherify.instant import read_instant

DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
FUTURE = timedelta(minutes=5)
FIRST = datetime(2010, 1, 1, tzinfo=UTC)
"""Voucherify is younger: a window that ends before is a slip of the year and would find nothing."""
SHOWN = 40


def customer_of(text: str) -> CustomerId:
    """Read the id of one customer.

    Raises:
        typer.BadParameter: nothing has such an id.
    """
    if not is_id(text):
        msg = "give the customer's id in Voucherify, as in holdersync dead-letters list"
        raise typer.BadParameter(msg)
    return CustomerId(text)


def instant_of(text: str, name: str) -> datetime:
    """Read a day, which begins at midnight UTC, or an RFC 3339 time with a zone.

    Raises:
        typer.BadParameter: it is neither.
    """
    try:
        if DAY.fullmatch(text):
            day = date.fromisoformat(text)
            return datetime(day.year, day.month, day.day, tzinfo=UTC)
        return read_instant(text)
    except ValueError as error:
        plain = "".join(char if char.isprintable() else "?" for char in text)
        shown = textwrap.shorten(plain, SHOWN, placeholder="...")
        msg = (
            f"{name} {shown}: give a day (2026-11-01) or a time with a zone (2026-11-01T08:00:00Z)"
        )
        raise typer.BadParameter(msg) from error


def past_instant_of(text: str, name: str, now: datetime) -> datetime:
    """Read a time that has come already.

    Raises:
        typer.BadParameter: it is no time, or lies in the future.
    """
    instant = instant_of(text, name)
    if instant > now + FUTURE:
        msg = f"{name} lies in the future; it is {now:%Y-%m-%dT%H:%M:%SZ} now"
        raise typer.BadParameter(msg)
    return instant


def window_of(since: str, until: str, now: datetime) -> Window:
    """Read the window of a backfill.

    Raises:
        typer.BadParameter: it ends before it starts, in the future, or before there was anything.
    """
    start, end = instant_of(since, "--from"), past_instant_of(until, "--to", now)
    if end <= start:
        msg = "--to is not later than --from"
        raise typer.BadParameter(msg)
    if end <= FIRST:
        msg = f"--to lies before {FIRST:%Y}, when there was no Voucherify: check the year"
        raise typer.BadParameter(msg)
    return Window(start, end)
