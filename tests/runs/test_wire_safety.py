"""The key goes to whom it is meant for, over TLS that was verified, and to nobody else."""

import time

import pytest

from tests.tls import Authority, Front

OURS = ("X-App-Token", "X-App-Id")
REDIRECT = b"HTTP/1.1 %d Moved\r\nLocation: %s\r\nContent-Length: 0\r\n\r\n"
CONNECTED = b"HTTP/1.1 200 Connection established\r\n\r\n"
PROXY_NAMES = ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY")


@pytest.fixture(autouse=True)
def _no_proxy_of_this_machine(monkeypatch):
    for name in (*PROXY_NAMES, "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture(scope="session")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="session")
def trusted(authority):
    """The context of a server whose certificate is in order."""
    return authority.context()


@pytest.fixture
def shop(new_shop):
    shop = new_shop(customers=5)
    shop.believe()
    return shop


def behind(shop):
    return int(shop.playground.base_url.rpartition(":")[2])


def at(front, host="127.0.0.1"):
    return {"VOUCHERIFY_BASE_URL": f"https://{host}:{front.port}"}


def test_a_private_authority_is_trusted_if_the_environment_names_it(
    shop, authority, trusted, matches_truth
):
    with Front(behind(shop), context=trusted) as front:
        result = shop.run(**at(front), REQUESTS_CA_BUNDLE=str(authority.bundle))

    assert result.json["customers"]["asked"] == 5
    assert result.json["calls"]["retried"] == 0
    assert shop.playground.app_token in front.text
    assert matches_truth(shop)[0]


@pytest.fixture(
    params=["unknown authority", "another authority", "another name", "expired", "no TLS at all"]
)
def distrusted(request, authority, trusted, tmp_path_factory):
    """The context of a server that is not to be trusted, and the environment that doesn't."""
    known = {"REQUESTS_CA_BUNDLE": str(authority.bundle)}
    match request.param:
        case "unknown authority":
            return trusted, {}
        case "another authority":
            return Authority(tmp_path_factory.mktemp("another")).context(), known
        case "another name":
            return authority.context("DNS:api.voucherify.io,IP:127.0.0.2"), known
        case "expired":
            return authority.context(days=-1), known
        case _:
            return None, known


def test_a_server_that_is_not_to_be_trusted_hears_no_key_and_is_asked_once(shop, distrusted):
    context, environment = distrusted
    answer = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"
    began = time.monotonic()
    with Front(context=context, answers=answer) as front:
        result = shop.run(**at(front), **environment)

    assert (result.code, result.json["result"]) == (78, "failed")
    assert "no trusted TLS connection" in result.err
    assert "REQUESTS_CA_BUNDLE" in result.err
    assert "Traceback" not in result.err
    assert len(front.heard) == 1
    assert not any(name in front.text for name in (*OURS, shop.playground.app_token))
    assert time.monotonic() - began < 5


def test_an_authority_that_can_not_be_read_is_named_and_nothing_is_sent(shop, trusted):
    (shop.home / "empty.pem").touch()
    (shop.home / "text.pem").write_text("-----BEGIN CERTIFICATE-----\nnone\n")
    with Front(context=trusted, answers=b"") as front:
        for name in ("none.pem", "", "empty.pem", "text.pem"):
            result = shop.run(**at(front), REQUESTS_CA_BUNDLE=str(shop.home / name))

            assert result.code == 78, name
            assert "REQUESTS_CA_BUNDLE" in result.err, name
            assert "Traceback" not in result.err, name
            assert front.text == "", name


def test_a_redirect_to_another_host_is_never_followed(shop, authority, trusted):
    known = {"REQUESTS_CA_BUNDLE": str(authority.bundle)}
    with Front(context=trusted) as front, Front(context=trusted) as elsewhere:
        there = f"https://127.0.0.1:{elsewhere.port}/v1/customers".encode()
        for status in (301, 302, 303, 307, 308):
            front.answers = REDIRECT % (status, there)
            result = shop.run(**at(front), **known)

            assert result.code in (69, 70), status
            assert f"Voucherify answered {status}" in result.err

        assert elsewhere.heard == []


def test_a_proxy_of_the_environment_is_used_and_hears_no_key(shop, authority, trusted):
    with Front(behind(shop), context=trusted) as front, Front(tunnel=CONNECTED) as proxy:
        environment = at(front) | {"REQUESTS_CA_BUNDLE": str(authority.bundle)}
        through = shop.run(**environment, HTTPS_PROXY=f"http://me:pass@127.0.0.1:{proxy.port}")
        heard, connections = proxy.text, len(proxy.heard)
        past = shop.run(
            **environment, HTTPS_PROXY=f"http://127.0.0.1:{proxy.port}", NO_PROXY="127.0.0.1"
        )

        assert through.json["customers"]["asked"] == past.json["customers"]["asked"] == 5
        assert heard.startswith(f"CONNECT 127.0.0.1:{front.port} HTTP/1.")
        assert not any(name in heard for name in (*OURS, shop.playground.app_token))
        assert len(proxy.heard) == connections


PROXIES = {
    "wants a password": b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n",
    "reaches nobody": b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n",
    "hangs up": b"",
    "is not there": None,
}


def test_a_proxy_that_does_not_serve_is_told_without_its_password(proxied, authority, trusted):
    shop, _ = proxied(customers=2)
    known = {"REQUESTS_CA_BUNDLE": str(authority.bundle)}
    with Front(context=trusted, answers=b"") as front, Front() as proxy:
        for kind, answers in PROXIES.items():
            proxy.answers = answers
            port = 1 if answers is None else proxy.port
            there = f"http://me:proxy-password@127.0.0.1:{port}"
            result = shop.run(**at(front), **known, HTTPS_PROXY=there)

            assert result.code == 69, kind
            assert "no whole answer (" in result.err, kind
            assert "Traceback" not in result.err, kind
            assert "proxy-password" not in result.err + result.out, kind
            assert not any(name in proxy.text + front.text for name in OURS), kind


def test_a_proxy_that_can_be_none_is_told_at_once(shop, trusted):
    with Front(context=trusted, answers=b"") as front:
        for proxy in ("http://", "ftp://a:1", "http://a b:1", "http://me:pass-word@a..b:1"):
            result = shop.run(**at(front), HTTPS_PROXY=proxy)

            assert result.code == 78, proxy
            assert "HTTPS_PROXY" in result.err, proxy
            assert "Traceback" not in result.err, proxy
            assert "pass-word" not in result.err, proxy
            assert front.heard == [], proxy


def test_what_goes_to_this_machine_without_tls_goes_through_no_proxy(shop):
    with Front(answers=b"HTTP/1.1 502 Bad\r\nContent-Length: 0\r\n\r\n") as proxy:
        there = f"http://127.0.0.1:{proxy.port}"
        result = shop.run(HTTP_PROXY=there, http_proxy=there, ALL_PROXY=there)

    assert result.json["customers"]["asked"] == 5
    assert proxy.heard == []
