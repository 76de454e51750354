"""Logs: one line per event on stderr, the same way for our records and the libraries' ones.

Contract: whatever is logged, no given secret, no credentials header and no e-mail address leaves
the process in a log line. So hiding is the last step, on the line as it would be written: a filter
on the message would miss tracebacks. Libraries are heard from WARNING on, because below that they
tell what they send: headers, SQL parameters, personal data.
"""

import json
import logging
import re
import sys
from collections.abc import Iterable, Sequence
from contextlib import suppress
from functools import lru_cache
from typing import Final, Literal, TextIO
from urllib.parse import quote, quote_plus

import structlog
from structlog.typing import Processor

_HIDDEN: Final = "***"
_OWN: Final = "sync"
_SHORT: Final = 6

# As plain text, bytes, the literal of a dict, or JSON. What would end a JSON string is not taken
# for a quote that opens a value, so a line of JSON stays one.
_HEADER = re.compile(
    r"""
    (?P<before>
        (?:x-app-token|(?P<scheme>authorization))
        (?:(?P<json>")|['\\]+["']?)?
        \s*[:=][\s\[({]*(?:b(?=['"]))?
        (?:(?P<escaped>\\+["'])|(?P<double>"(?!\s*[,}\]:]))|(?P<single>'))?
    )
    (?(escaped) [^"'\\\r\n]*
    | (?(double) (?:[^"\\\r\n]|\\.)*
    | (?(single) (?:[^'"\\\r\n]|\\.)*
    | (?(json) (?!)
    | (?(scheme) (?:[A-Za-z][\w-]*[ \t]+)?) [^\s"'\\,;}\])]+
    ))))
    """,
    re.IGNORECASE | re.VERBOSE,
)
_URL_PASSWORD = re.compile(r"""(?P<before>://[^\s:/@"']*:)[^\s/@"']+@""")
# The letters of a JSON escape (`\n`, `\u001b`) before an address are kept: without them the line
# would no longer be JSON.
_EMAIL = re.compile(
    r"(?<![\w.%+-])(?:(?<=\\)(?P<kept>u[0-9a-fA-F]{4}|\w)|(?=[\w.%+-]))"
    r"[\w.%+-]*@[\w-]+(?:\.[\w-]+)+"
)


def configure(
    *,
    log_format: Literal["console", "json"],
    level: int,
    secrets: Sequence[str],
    stream: TextIO | None = None,
) -> None:
    """Send all logs to `stream`; a second call replaces what the first one set.

    Context variables (`structlog.contextvars.bind_contextvars(run_id=...)`) are on every line.

    Args:
        log_format: `console` for a person, `json` for a collector: one object per line.
        level: the lowest level of our own records, as in `logging`; all other packages, adapters
            of strangers among them, start at WARNING.
        secrets: what must never be shown.
        stream: where to; None means stderr as it is now.
    """
    handler = _Handler(sys.stderr if stream is None else stream)
    handler.setFormatter(_formatter(log_format, secrets))
    root = logging.getLogger()
    for earlier in [one for one in root.handlers if isinstance(one, _Handler)]:
        root.removeHandler(earlier)
    root.addHandler(handler)
    root.setLevel(max(level, logging.WARNING))
    logging.getLogger(_OWN).setLevel(level)
    logging.captureWarnings(capture=True)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_shared(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )


def redact(text: str, secrets: Iterable[str]) -> str:
    """Give the text with every secret, credentials header, URL password and e-mail as `***`.

    A secret is also found as a URL or JSON writes it. One shorter than six characters is hidden
    only where it stands alone, or the text would be beyond reading. JSON stays JSON.
    """
    pattern = _pattern_of(frozenset(secrets))
    if pattern is not None:
        text = pattern.sub(_HIDDEN, text)
    text = _HEADER.sub(rf"\g<before>{_HIDDEN}", text)
    text = _URL_PASSWORD.sub(rf"\g<before>{_HIDDEN}@", text)
    return _EMAIL.sub(rf"\g<kept>{_HIDDEN}", text)


class _Handler(logging.StreamHandler[TextIO]):
    """Ours, so that `configure` can find it again."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - the library's name
        """Say where a line was lost; the library would print the record, secrets and all."""
        with suppress(OSError, ValueError):
            self.stream.write(f"a log line of {record.name}:{record.lineno} could not be written\n")


class _RedactingFormatter(structlog.stdlib.ProcessorFormatter):
    """Renders a record, traceback included, and then hides what must not be shown."""

    def __init__(
        self,
        *,
        secrets: Sequence[str],
        processors: Sequence[Processor],
        before: Sequence[Processor],
    ) -> None:
        super().__init__(processors=processors, foreign_pre_chain=before)
        self._secrets = tuple(secrets)

    def format(self, record: logging.LogRecord) -> str:
        return redact(super().format(record), self._secrets)


def _formatter(log_format: Literal["console", "json"], secrets: Sequence[str]) -> logging.Formatter:
    render: list[Processor]
    if log_format == "json":
        # Non-ASCII stays as it is: an e-mail address with an escaped letter would not be found.
        json_renderer = structlog.processors.JSONRenderer(ensure_ascii=False)
        render = [structlog.processors.format_exc_info, json_renderer]
    else:
        # No colours, as their codes would part a header's name from its value; no local variables.
        plain = structlog.dev.plain_traceback
        render = [structlog.dev.ConsoleRenderer(colors=False, exception_formatter=plain)]
    remove_meta = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    return _RedactingFormatter(secrets=secrets, processors=[remove_meta, *render], before=_shared())


def _shared() -> list[Processor]:
    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
    ]


@lru_cache(maxsize=8)
def _pattern_of(secrets: frozenset[str]) -> re.Pattern[str] | None:
    forms = {form for secret in secrets if secret for form in _forms(secret)}
    parts = [_part(form) for form in sorted(forms, key=len, reverse=True)]
    return re.compile("|".join(parts)) if parts else None


def _part(form: str) -> str:
    if len(form) >= _SHORT:
        return re.escape(form)
    # The letter of a JSON escape, as in `\n`, is not part of the word after it.
    return rf"(?:(?<!\w)|(?<=\\[nrtbf])){re.escape(form)}(?!\w)"


def _forms(secret: str) -> set[str]:
    """Give the ways in which a line may write a secret; JSON may hold JSON that holds each."""
    as_literal = repr(secret)[1:-1]
    forms = {secret, quote(secret), quote(secret, safe=""), quote_plus(secret), as_literal}
    for _ in range(2):
        forms |= {
            json.dumps(form, ensure_ascii=ascii_only)[1:-1]
            for form in forms
            for ascii_only in (True, False)
        }
    return forms
