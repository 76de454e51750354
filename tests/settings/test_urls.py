"""Which URLs are taken as settings, and what may be a password in one."""

import re
from pathlib import Path

import pytest

from sync.settings import urls


@pytest.mark.parametrize(
    "text",
    [
        "sqlite:///ledger.db",
        "sqlite:////var/lib/x/ledger.db",
        "sqlite+pysqlite:///my ledger.db",
        "sqlite:///zażółć %41 # ledger.db",
        "postgresql://host/db",
        "postgresql+psycopg://user:pass@host:5432/db",
        "postgresql+psycopg://user:p%40ss@host:5432/db?sslmode=verify-full",
        "postgresql://user:p/ss@host/db",
        "postgresql:///db?host=/var/run/postgresql",
        "postgresql://[::1]:5432/db",
    ],
)
def test_a_database_url_stays_as_it_is(text):
    assert urls.parse_database_url(text) == text


@pytest.mark.parametrize(
    "text",
    [
        *("ledger.db", "", "sqlite:", "sqlite://", "sqlite:///", "sqlite:///:memory:", "://x"),
        *(
            "sqlite:///?mode=memory",
            "sqlite:///file:x?uri=true",
            "sqlite://host/x",
            "postgresql://",
        ),
        *("sqlite:///a\nb", "sqlite:///a\0b", "sqlite:///a\udcffb"),
        *("sqlite:///a?b.db", "sqlite:///ledger.db?mode=ro", "sqlite:///ledger.db?timeout=5"),
        *("sqlite+aiosqlite:///ledger.db", "mysql://user@host/db", "oracle://user@host/db"),
    ],
)
def test_a_ledger_that_would_forget_everything_or_is_no_url_is_refused(text):
    with pytest.raises(ValueError, match=re.escape("sqlite:///ledger.db")):
        urls.parse_database_url(text)


@pytest.mark.parametrize(
    "text",
    [
        *("postgresql://host:x/db", "postgresql://[::1/db", "postgresql://host:99999/db"),
        *("postgresql://host:0/db", "postgresql://ho..st/db", f"postgresql://{'a' * 64}.x/db"),
        *("postgresql://u:p%00@host/db", "postgresql://u:p\udcff@host/db", "postgresql://host/"),
        *("postgresql://host/db?options=%00", "postgresql://host", "postgresql:db"),
    ],
)
def test_a_server_that_no_driver_could_reach_is_refused(text):
    with pytest.raises(ValueError, match="postgresql"):
        urls.parse_database_url(text)
    with pytest.raises(ValueError, match="a PostgreSQL database"):
        urls.parse_server_url(text)


@pytest.mark.parametrize(
    "text",
    [
        "://user:p@s3cret@host/db",
        "://user:p@s3/cret@host:5432/db",
        "://user:p@s3cret/db?x@host/db",
    ],
)
def test_no_part_of_a_password_is_taken_for_a_host(text):
    for read in (urls.parse_database_url, urls.parse_server_url):
        with pytest.raises(ValueError, match="as %40") as refused:
            read(f"postgresql{text}")
        assert "s3" not in str(refused.value)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("sqlite:///ledger.db", "sqlite:////home/x/ledger.db"),
        ("sqlite:///a/b.db?timeout=5", "sqlite:////home/x/a/b.db?timeout=5"),
        ("sqlite+pysqlite:///l.db", "sqlite+pysqlite:////home/x/l.db"),
        ("sqlite:////abs/l.db", "sqlite:////abs/l.db"),
        ("postgresql://host/db", "postgresql://host/db"),
        ("postgresql:///db", "postgresql:///db"),
    ],
)
def test_a_relative_sqlite_path_starts_at_the_home(url, expected):
    assert urls.absolute_database_url(url, Path("/home/x")) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("postgresql://user:pass@host/db", {"pass"}),
        ("postgresql://user:p%40ss@host/db", {"p%40ss", "p@ss"}),
        ("postgresql://user:p@ss@host/db", {"p", "p@ss"}),
        ("postgresql://user:pa/ss#?@host/db", {"pa/ss#?"}),
        ("https://host:80/x", set()),
        ("postgresql://user@host/db", set()),
        ("sqlite:///ledger.db", set()),
        ("no url", set()),
    ],
)
def test_a_password_in_a_url_is_found(text, expected):
    assert set(urls.url_passwords(text)) == expected
