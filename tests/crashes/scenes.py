"""Scenes: what happens in the shop, which command is killed in it, and how it is brought to rest.

Each is a class: `prepare` makes the news that the scene's works need, `command` is what is killed,
`rest` brings the shop to where everything must be right.
"""

import json
from dataclasses import replace

QUIET = {0, 65}
"""Exit codes of a run that did all its work: 65 tells of new dead letters."""
RUN = ("run", "--json")


class Scene:
    """News of every kind, and a run."""

    command = RUN
    needs_all = False
    """Whether one kill uses up what was prepared."""
    is_counted = True
    """Whether the points that it comes by are those of the ledger and the CRM."""

    def __init__(self, merchant, news):
        self.merchant = merchant
        self.news = news

    def prepare(self):
        self.news.of_every_kind()

    def between(self):
        """Called after each kill."""

    def rest(self):
        return self.ended_well(self.command)

    def ended_well(self, argv, codes=QUIET):
        ended = self.merchant.do(argv)
        assert ended.code in codes, f"{argv} ended with {ended.code}: {ended.err}{ended.out}"
        return ended


class First(Scene):
    """An empty ledger."""

    def prepare(self):
        """There is all the past to be read."""


class Busy(Scene):
    """Somebody has more events than a page holds."""

    def prepare(self):
        self.news.of_every_kind()
        self.news.crowd()


class Gone(Scene):
    """A customer is deleted who is known to hold something."""

    needs_all = True

    def prepare(self):
        self.news.of_every_kind()
        self.ended_well(RUN)
        self.news.delete_a_holder()


class Refused(Scene):
    """A bookmark that Voucherify doesn't take any more."""

    needs_all = True

    def prepare(self):
        self.news.of_every_kind()
        self.news.crowd()
        self.merchant.do(RUN, point="after commit: RunProgress.page_read")
        (bookmark,) = [row for row in self.merchant.look().bookmarks if row.reader == "run"]
        self.merchant.playground.set_faults(f"path:{bookmark.customer_id}/activity 1 status 400")

    def between(self):
        self.merchant.playground.set_faults("")


class Failing(Scene):
    """Somebody can't be read."""

    needs_all = True

    def prepare(self):
        self.news.of_every_kind()
        unlucky = self.merchant.world.customers[-1].customer_id
        self.merchant.playground.set_faults(f"path:{unlucky}/activity 1 status 400 key=odd")

    def between(self):
        self.merchant.playground.set_faults("")


class Allowed(Scene):
    """A person says that so many customers may be deleted."""

    command = (*RUN, "--allow", "500")


class Named(Scene):
    """A person names whom to ask: somebody whose list tells of somebody else."""

    @property
    def command(self):
        return (*RUN, "--customers", f"file:{self.merchant.home / 'ids'}")

    def prepare(self):
        self.news.of_every_kind()
        (self.merchant.home / "ids").write_text(self.news.stranger, encoding="utf-8")

    def rest(self):
        self.ended_well(self.command)
        return self.ended_well(RUN)


class Rejected(Scene):
    """Letters of every kind, and a person who tries them again."""

    command = ("dead-letters", "retry", "--all")

    def prepare(self):
        merchant = self.merchant
        refused = self.news.of_every_kind()
        merchant.refused = {refused}
        (merchant.home / "refused").write_text(refused, encoding="utf-8")
        self.ended_well(RUN, {65})
        (merchant.home / "refused").unlink()
        self.news.delete_a_holder()
        merchant.refused = set()
        merchant.retried.add(refused)
        # Nothing is pending yet, so the letter stays what it is.
        self.ended_well(RUN, {65})

    def rest(self):
        self.ended_well(self.command)
        return self.ended_well(RUN)


class Rehearsal(Scene):
    """A dry run: whatever becomes of it, nobody can notice."""

    command = (*RUN, "--dry-run")
    is_counted = False

    def prepare(self):
        self.news.of_every_kind()
        self._before = self.merchant.look()

    def between(self):
        after = self.merchant.look()
        assert replace(after, used=0) == replace(self._before, used=0)

    def rest(self):
        return self.ended_well(RUN)


class Backfill(Scene):
    """A manual pass over all that is older, and the usual run behind it."""

    @property
    def command(self):
        end = self.merchant.world.now
        window = ("--from", f"{end.year - 2}-01-01", "--to", f"{end:%Y-%m-%dT%H:%M:%SZ}")
        return ("backfill", "--json", *window)

    def rest(self):
        self.ended_well(self.command)
        self.merchant.with_old = True
        return self.ended_well(RUN)


class Doubted(Scene):
    """More customers are said to be deleted than are found; a person says that this is right."""

    def prepare(self):
        self.deleted = self.merchant.world.customers[: len(self.merchant.world.customers) * 2 // 3]
        for customer in self.deleted:
            self.news.delete(customer.customer_id)

    def rest(self):
        parked = self.ended_well(RUN, {75})
        assert json.loads(parked.out)["parked_by"] == "brake"
        return self.ended_well((*RUN, "--allow", str(len(self.deleted))))


class Undone(Scene):
    """A run that cleared something is undone."""

    @property
    def command(self):
        return ("undo", self._run_id, "--json")

    def prepare(self):
        self.news.of_every_kind()
        self._run_id = json.loads(self.ended_well(RUN).out)["run_id"]
        changes = self.merchant.look().changes
        self._cleared = {row.holder_id for row in changes if row.run_id == self._run_id}
        assert self._cleared
        self.merchant.undoing |= self._cleared

    def rest(self):
        self.ended_well(self.command, {0})
        self.merchant.undone |= self._cleared
        # What is back is as it was, and stays so.
        return self.ended_well(RUN, {0})


SCENES = {
    "first": First,
    "news": Scene,
    "busy": Busy,
    "gone": Gone,
    "refused": Refused,
    "failing": Failing,
    "allowed": Allowed,
    "named": Named,
    "rejected": Rejected,
    "rehearsal": Rehearsal,
    "backfill": Backfill,
    "doubted": Doubted,
    "undone": Undone,
}
