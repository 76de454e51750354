"""Which addresses something may be sent to."""

import pytest

from sync.model import address


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("https://api.voucherify.io", "https://api.voucherify.io"),
        ("https://api.voucherify.io/", "https://api.voucherify.io"),
        ("https://host:8443/", "https://host:8443"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("http://127.9.9.9", "http://127.9.9.9"),
        ("http://[::1]:80/", "http://[::1]:80"),
        ("http://localhost:1", "http://localhost:1"),
        ("HTTP://LOCALHOST", "HTTP://LOCALHOST"),
    ],
)
def test_a_base_url_is_https_or_this_machine_and_loses_its_last_slash(text, expected):
    assert address.parse_base_url(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "http://api.voucherify.io",
        "http://127.0.0.1.example.com",
        "http://localhost.example.com",
        "http://10.0.0.1",
        "http://[::2]",
        "http://0.0.0.0",
    ],
)
def test_plain_http_to_another_machine_is_refused(text):
    with pytest.raises(ValueError, match="http:// is only for this machine"):
        address.parse_base_url(text)


@pytest.mark.parametrize(
    "text",
    [
        *("api.voucherify.io", "", "https://", "https:///v1", "ftp://host", "https:/host"),
        *("https://host/v1", "https://host//", "https://host?", "https://host#", "https://host/?a"),
        *("https://user:pass@host", "https://@host", "https://host:99999", "https://host:x"),
        *("https://host:", "https://host:0", "https://[::1", "https://ho st", "https://host\n"),
        *("https://ho%73t", "https://a\\b", "https://host;x", "https://[1:x]"),
        *("https://a..b", "https://.", "https://.a", f"https://{'a' * 64}.b", "https://[v1.x]"),
    ],
)
def test_a_base_url_with_anything_but_a_host_is_refused(text):
    with pytest.raises(ValueError, match="write https://HOST"):
        address.parse_base_url(text)
