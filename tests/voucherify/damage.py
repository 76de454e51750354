"""What can be wrong with the body of an answer: mutations of JSON and of bytes.

Each takes its chances from a `random.Random`, or from one of hypothesis, which can make a failing
body smaller.
"""

import json

SCALARS = [
    *(None, True, False, 0, -1, 1.5, 10**30, -0.0, float("nan"), float("inf"), 1e308),
    *("", " ", "\0", "\ud800", "\udfff\ud800", "\ufeff", "\u202e", "x" * 300, "customer", "data"),
    *("redeemable_holder", "voucher", "promotion_tier", "campaign", "holder", "null", "true"),
    *("customer.holder.assignment.deleted", "customer.holder.assignment.created", "cust_other"),
    *("2024-08-01T10:00:00Z", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59.999999999-14:00"),
    *("2024-08-01T10:00:00", "2024-02-30T00:00:00Z", "2024-08-01T24:00:00Z", "1722506400"),
    *("../..", "a/b?c#d", "%2F", "'; DROP TABLE customers; --", "\x1b[2J", "null\nnull"),
]
COMPOUNDS = [{}, [], [[]], [{}], {"data": None}, {"data": {"data": []}}, {"object": "customer"}]
PIECES = [
    *(
        b"\x00",
        b"\xff",
        b"\xed\xa0\x80",
        b"\\ud800",
        b"\\u0000",
        b'"',
        b"\\",
        b"{",
        b"}",
        b"[",
        b"]",
    ),
    *(b",", b":", b"null", b"NaN", b"-Infinity", b"1e999", b"9" * 400, b"\xef\xbb\xbf", b"\r\n"),
    *(
        b'"id":',
        b'"data":',
        b'"type":',
        b'"holder":',
        b'"customers":',
        b'"has_more":true,',
        b"[" * 600,
    ),
]
CODECS = ["utf-8", "utf-8", "utf-8", "utf-8", "utf-16", "utf-32", "utf-8-sig", "latin-1"]


def places(value, path=()):
    """All paths into a JSON value, in the order of writing; its own root is not among them."""
    if isinstance(value, (dict, list)):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield (*path, key)
            yield from places(inner, (*path, key))


def some_json(random):
    """A value that nobody expects."""
    choice = random.randrange(8)
    if choice == 0:
        return json.loads(json.dumps(random.choice(COMPOUNDS)))
    if choice == 1:
        return {str(random.choice(SCALARS)): random.choice(SCALARS) for _ in range(3)}
    return random.choice(SCALARS)


def damage_json(body, random, *, spared=()):
    """Damage a JSON value at one place, and give it; no key of `spared` is touched or moved."""
    found = [path for path in places(body) if not any(key in spared for key in path)]
    if not found:
        return some_json(random)
    *way, last = random.choice(found)
    inside = body
    for key in way:
        inside = inside[key]
    if isinstance(inside, dict) and random.randrange(3) == 0:
        key = str(random.choice(SCALARS))
        inside[key] = inside.pop(last) if random.randrange(2) else some_json(random)
    else:
        change_at(inside, last, random)
    return body


def change_at(inside, key, random):
    """Replace, wrap or take away what is at a key."""
    match random.randrange(6):
        case 0:
            del inside[key]
        case 1:
            inside[key] = [inside[key]]
        case 2:
            inside[key] = {"data": inside[key]}
        case _:
            inside[key] = some_json(random)


def as_bytes(body, random):
    """Write a JSON value as a server might."""
    ascii_only = bool(random.randrange(2))
    text = json.dumps(body, ensure_ascii=ascii_only)
    return text.encode(random.choice(CODECS), "surrogatepass" if ascii_only else "replace")


def damage_bytes(body, random):
    """Damage bytes at one place, and give them."""
    at = random.randrange(len(body) + 1)
    upto = min(len(body), at + 1 + random.randrange(40))
    match random.randrange(7):
        case 0 | 1 if at < len(body):
            flipped = body[at] ^ (1 << random.randrange(8))
            return body[:at] + bytes([flipped]) + body[at + 1 :]
        case 2:
            return body[:at] + random.choice(PIECES) + body[at:]
        case 3:
            return body[:at] + body[upto:]
        case 4:
            return body[:upto] + body[at:]
        case 5:
            return body[:at]
        case _:
            return body[:at] + random.choice(PIECES) + body[upto:]
