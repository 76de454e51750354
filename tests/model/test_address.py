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


@pytest.mark.parametrize(
    "text",
    [
        "https://crm.example.test",
        "https://crm.example.test:8443/a/b?c=d@e",
        "https://[2001:db8::1]/",
        "http://localhost:8080/",
        "http://127.0.0.1/",
        "http://[::1]:8080/hook",
        "HTTP://LOCALHOST/Hook",
    ],
)
def test_an_endpoint_may_have_a_port_a_path_and_a_query(text):
    assert address.parse_endpoint(text) == text


@pytest.mark.parametrize(
    "text",
    [
        *("", "s3cret", "ftp://crm.test/s3cret", "https:///s3cret", "https:s3cret"),
        *("https://crm.test:s3cret/", "https://crm.test:0/s3cret", "https://crm.test:/s3cret"),
        *("https://crm..test/s3cret", "https://[::1/s3cret", "https://[v1.s3cret]/"),
        *("https://crm.test/s3cret hook", "https://crm.test/s3cret\nhook", " https://crm.test/"),
        *("https://crm.test/s3crét", "https://crm.test/s3cret\udcff", "https://crm.test\\s3cret"),
    ],
)
def test_what_is_no_address_of_an_endpoint_is_refused_and_not_repeated(text):
    with pytest.raises(ValueError, match="write an address such as https://crm") as caught:
        address.parse_endpoint(text)

    assert "s3cr" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("https://ann:s3cret@crm.test/", "without user, password"),
        ("https://s3cret@crm.test/", "without user, password"),
        ("https://@crm.test/", "without user, password"),
        ("https://crm.test/#s3cret", "and fragment"),
        ("https://crm.test/s3cret#", "and fragment"),
        ("http://crm.test/s3cret", "write https://"),
        ("http://10.0.0.1/s3cret", "write https://"),
        ("http://localhost.test/s3cret", "write https://"),
        ("http://127.1/s3cret", "write https://"),
        ("http://127.0.0.1.test/s3cret", "write https://"),
    ],
)
def test_an_endpoint_that_would_show_something_is_refused_with_what_to_write(text, says):
    with pytest.raises(ValueError, match=says) as caught:
        address.parse_endpoint(text)

    assert "s3cret" not in str(caught.value)
