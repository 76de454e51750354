"""The command line: parse, call one job, print, exit code. Nothing else prints."""

from sync.cli.main import main

__all__ = ["main"]
