"""A pseudo-terminal, for what only a person sees."""

import os
import pty
import subprocess
import sys
from contextlib import suppress

import pytest


@pytest.fixture
def on_a_terminal():
    """Give a function that does a command on a terminal and gives all that was shown."""

    def show(shop, *arguments):
        ours, theirs = pty.openpty()
        with subprocess.Popen(
            [sys.executable, "-c", "from sync.cli import main; main()", *arguments],
            env=os.environ | shop.settings | {"TERM": "xterm", "COLUMNS": "160"},
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            cwd=shop.home,
        ):
            os.close(theirs)
            shown = b""
            with suppress(OSError):
                while chunk := os.read(ours, 65_536):
                    shown += chunk
        os.close(ours)
        return shown.decode(errors="replace")

    return show
