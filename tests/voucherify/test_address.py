"""Which addresses of an answer are asked with the project's credentials."""

import pytest

from sync.voucherify.address import is_voucherifys

BASE_URL = "https://acme.example.test"


@pytest.mark.parametrize(
    "url",
    [
        "https://download.voucherify.io/v1/exports/exp_1?token=eyJ.a-b_c",
        "https://us1.download.voucherify.io/v1/exports/exp_1?token=a%2Fb#c",
        "https://download.voucherify.io:443/",
        "https://acme.example.test/v1/exports/exp_1?token=x",
    ],
)
def test_an_own_address_is_asked(url):
    assert is_voucherifys(url, BASE_URL)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "/v1/exports/exp_1?token=x",
        "//download.voucherify.io/",
        "http://download.voucherify.io/",
        "ftp://download.voucherify.io/",
        "https://voucherify.io.example.com/",
        "https://download.voucherify.io.example.com/",
        "https://downloadvoucherify.io/",
        "https://voucherify.io",
        "https://example.com/https://download.voucherify.io/",
        "https://example.com\\.voucherify.io/",
        "https://example.com#.voucherify.io/",
        "https://example.com?.voucherify.io/",
        "https://download.voucherify.io@example.com/",
        "https://user:pass@download.voucherify.io/",
        "https://download.voucherify.io:444/",
        "https://download.voucherify.io:443@example.com/",
        "https://download.voucherify.io./",
        "https://download.voucherify.io/a b",
        "https://download.voucherify.io/\n",
        "https://download.voucherify.io/\r\nHost: example.com",
        " https://download.voucherify.io/",
        "https://downloa\u0501.voucherify.io/",
        "https://download.voucher\u0131fy.io/",
        "https://acme.example.test",
        "https://acme.example.test:8443/",
        "https://acme.example.test@example.com/",
        "https://acme.example.test.example.com/",
        "https://acme.example.test/\x00",
        "http://acme.example.test/",
    ],
)
def test_another_address_is_not(url):
    assert not is_voucherifys(url, BASE_URL)


def test_the_host_of_a_playground_is_its_own_with_the_port():
    assert is_voucherifys("http://127.0.0.1:8000/v1/exports/exp_1", "http://127.0.0.1:8000")
    assert not is_voucherifys("http://127.0.0.1:80001/", "http://127.0.0.1:8000")
    assert not is_voucherifys("http://127.0.0.1:80/", "http://127.0.0.1:8000")
