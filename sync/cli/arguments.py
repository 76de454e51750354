"""Times on the command line."""

from datetime import UTC, date, datetime, timedelta

import typer

from sync.model.window import Window
from sync.voucherify.instant import read_instant

FUTURE = timedelta(minutes=5)


def instant_of(text: str, name: str) -> datetime:
    """Read a day, which begins at midnight UTC, or an RFC 3339 time with a zone.

    Raises:
        typer.BadParameter: it is neither.
    """
    try:
        if len(text) == len("2026-11-01"):
            day = date.fromisoformat(text)
            return datetime(day.year, day.month, day.day, tzinfo=UTC)
        return read_instant(text)
    except ValueError as error:
        msg = f"{name} {text}: give a day (2026-11-01) or a time with a zone (2026-11-01T08:00:00Z)"
        raise typer.BadParameter(msg) from error


def window_of(since: str, until: str, now: datetime) -> Window:
    """Read the window of a backfill.

    Raises:
        typer.BadParameter: it ends before it starts, or in the future.
    """
    start, end = instant_of(since, "--from"), instant_of(until, "--to")
    if end <= start:
        msg = "--to is not later than --from"
        raise typer.BadParameter(msg)
    if end > now + FUTURE:
        msg = "--to lies in the future: what happens until then is read by the scheduled runs"
        raise typer.BadParameter(msg)
    return Window(start, end)
