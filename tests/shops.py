"""A shop: a playground, a home with its databases, and the command line on both."""

import json
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import dataclass

import pytest

from sync.cli import main
from sync.cli.demo import believed
from sync.crm.sql.believed import put_in, read_back


@dataclass(frozen=True)
class Result:
    """How a command ended, and what it said."""

    code: int
    out: str
    err: str

    @property
    def json(self):
        return json.loads(self.out)


class Shop:
    """One merchant: settings, databases, and what Voucherify knows."""

    def __init__(self, home, playground, capsys):
        self.home = home
        self.playground = playground
        self.crm_file = home / "crm.db"
        self.ledger_file = home / "ledger.db"
        self._capsys = capsys
        self.settings = {
            "HOLDERSYNC_HOME": str(home),
            "HOLDERSYNC_CRM": "sql",
            "CRM_SQL_URL": "sqlite:///crm.db",
            "VOUCHERIFY_RATE": "2000/s",
            "VOUCHERIFY_CALLS_PER_CYCLE": "1000000",
        }
        if playground is not None:
            self.settings |= {
                "VOUCHERIFY_BASE_URL": playground.base_url,
                "VOUCHERIFY_APP_ID": playground.app_id,
                "VOUCHERIFY_APP_TOKEN": playground.app_token,
            }

    @property
    def world(self):
        return self.playground.world

    def believe(self, rows=None):
        """Fill the CRM with what it believes today."""
        put_in(self.crm_file, map(believed, self.world.crm_today if rows is None else rows))

    def command(self, *arguments, **settings):
        """Do a command in this process."""
        self._capsys.readouterr()
        before = dict(os.environ)
        os.environ.update(self.settings | settings)
        try:
            with pytest.raises(SystemExit) as ended:
                main(list(arguments))
        finally:
            os.environ.clear()
            os.environ.update(before)
        captured = self._capsys.readouterr()
        return Result(ended.value.code, captured.out, captured.err)

    def run(self, *arguments, **settings):
        """Do one run and give its summary with it."""
        return self.command("run", "--json", *arguments, **settings)

    def start(self, *arguments, typed=None, **settings):
        """Start a command in a process of its own; off a terminal, as cron does."""
        return subprocess.Popen(
            [sys.executable, "-W", "error", "-c", "from sync.cli import main; main()", *arguments],
            env=os.environ | self.settings | settings,
            stdin=subprocess.PIPE if typed else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=self.home,
        )

    def process(self, *arguments, typed=None, **settings):
        """Do a command in a process of its own, to its end; `typed` is its standard input."""
        with self.start(*arguments, typed=typed, **settings) as process:
            out, err = process.communicate(typed, timeout=60)
        return Result(process.returncode, out, err)

    def crm(self):
        return read_back(self.crm_file)

    def ledger(self, query, *values):
        """Ask the ledger as a stranger would, with plain SQL."""
        with closing(sqlite3.connect(self.ledger_file)) as connection:
            return connection.execute(query, values).fetchall()

    def calls_of(self, action):
        """Count the calls that the playground sees while `action` runs."""
        before = self.playground.counters().total
        result = action()
        return result, self.playground.counters().total - before
