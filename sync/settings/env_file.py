"""Finding and reading the env file.

Contract: it is read once, and a line that can't be read is an error with its number: a setting is
never lost in silence. Values stay as written, so `${…}` is not expanded: a token may contain it.
"""

import io
import os
import stat
from collections.abc import Mapping
from pathlib import Path

from dotenv.parser import Binding, parse_stream

from sync.errors import TellUserError


def find(named: Path | None, home: str) -> Path | None:
    """Give the absolute path of the env file: the named one, else `.env` in the home if it exists.

    A directory called `.env` is no env file: some keep their Python there.

    Raises:
        TellUserError: the working directory or the home can't be looked into.
    """
    try:
        if named is not None:
            return Path.cwd() / named
        path = Path.cwd() / home / ".env"
        return path if path.exists() and not path.is_dir() else None
    except OSError as error:
        msg = (
            f"the env file can't be looked for ({error.strerror}): see that HOLDERSYNC_HOME, or "
            "else the working directory, is there, or name the file with --env-file"
        )
        raise TellUserError(msg) from None


def read(path: Path) -> Mapping[str, str]:
    """Give names and values; of a name that stands there twice, the last one.

    Raises:
        TellUserError: no such file, not readable, not UTF-8, or a line is not `NAME=value`.
    """
    text = _text_of(path)
    if text is None:
        msg = f"the env file {path} is not UTF-8 text; save it as UTF-8"
        raise TellUserError(msg)
    bindings = [one for one in parse_stream(io.StringIO(text)) if one.key is not None or one.error]
    wrong = [str(_line(one)) for one in bindings if one.value is None]
    if wrong:
        msg = f"the env file {path} has lines that are not NAME=value: line {', '.join(wrong)}"
        raise TellUserError(msg)
    return {one.key: one.value for one in bindings if one.key and one.value is not None}


def warnings_about(path: Path) -> tuple[str, ...]:
    """Warn if every user of the machine can read the file (POSIX only)."""
    try:
        readable_by_others = bool(path.stat().st_mode & stat.S_IROTH)
    except OSError:
        # A pipe, as from `--env-file <(...)`, may be gone after it was read.
        return ()
    if os.name != "posix" or not readable_by_others:
        return ()
    return (f"the env file can be read by others: chmod 600 {path}",)


def _text_of(path: Path) -> str | None:
    """Give the text, or None if it is not UTF-8: that error holds the whole file, so it ends here.

    A byte order mark and Windows line ends are taken away. UTF-16 without such a mark would pass
    for UTF-8, but for its NULs.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
        return None if "\0" in text else text
    except UnicodeDecodeError:
        return None
    except OSError as error:
        msg = (
            f"the env file {path} can't be read ({error.strerror}): name a file that this user may "
            "read"
        )
        raise TellUserError(msg) from None


def _line(binding: Binding) -> int:
    """Give the line of a binding; its text begins with the empty lines before it."""
    text = binding.original.string
    return binding.original.line + text[: len(text) - len(text.lstrip())].count("\n")
