"""The written form of an address that something is sent to: text in, checked text out.

What is sent carries a credential or a person's data, so it goes by `https://`; `http://` is for
this machine only. No text here repeats what was given: a token may have been pasted there.
"""

import re
from ipaddress import IPv4Address, IPv6Address, ip_address
from urllib.parse import SplitResult, urlsplit

_VISIBLE = re.compile(r"[!-~]+")
_HOST = re.compile(r"[A-Za-z0-9_-]{1,63}(?:\.[A-Za-z0-9_-]{1,63})*\.?")


def parse_base_url(text: str) -> str:
    """Read where an API lives, and give it without a slash at the end.

    Raises:
        ValueError: not a plain `https://host`; `http://` to another machine would show the token.
    """
    msg = "write https://HOST or https://HOST:PORT, without path, query or credentials"
    parts = _split(text)
    if parts is None or parts.path not in {"", "/"} or set(text) & set("?#@"):
        raise ValueError(msg)
    _require_safe(parts)
    return text.removesuffix("/")


def parse_endpoint(text: str) -> str:
    """Read an address that is posted to: with a path and perhaps a query.

    Raises:
        ValueError: no such address, or one with credentials or a fragment.
    """
    parts = _split(text)
    if parts is None:
        msg = "write an address such as https://crm.example.com/unassignments"
        raise ValueError(msg)
    if "@" in parts.netloc or "#" in text:
        msg = "write it without user, password and fragment: a key signs each call"
        raise ValueError(msg)
    _require_safe(parts)
    return text


def _split(text: str) -> SplitResult | None:
    """Split an address of a host; None if it is none, or if `urlsplit` would drop part of it."""
    try:
        parts = urlsplit(text)
        has_port = parts.port != 0 and not parts.netloc.endswith(":")
    except ValueError:
        return None
    is_web = parts.scheme in {"http", "https"} and _VISIBLE.fullmatch(text) is not None
    return parts if is_web and has_port and _is_host(parts) else None


def _require_safe(parts: SplitResult) -> None:
    if parts.scheme == "http" and not _is_loopback(parts.hostname or ""):
        msg = "write https://: http:// is only for this machine (localhost, 127.0.0.1, [::1])"
        raise ValueError(msg)


def _is_host(parts: SplitResult) -> bool:
    host = parts.hostname or ""
    return _address(host) is not None if "[" in parts.netloc else bool(_HOST.fullmatch(host))


def _is_loopback(host: str) -> bool:
    address = _address(host)
    return host == "localhost" if address is None else address.is_loopback


def _address(host: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None
