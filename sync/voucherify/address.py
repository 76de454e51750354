"""Which addresses that an answer names may be asked with the project's credentials.

The form is checked as text, so that nothing can read another host out of it than we do: between the
scheme and the first slash stands a name under Voucherify's domain, and nothing else.
Source: Voucherify documentation, "Download Export".
"""

import re

OWN = re.compile(r"https://(?:[a-z0-9-]+\.)+voucherify\.io(?::443)?/[!-~]*", re.ASCII)
REST = re.compile(r"[!-~]*", re.ASCII)


def is_voucherifys(url: str, base_url: str) -> bool:
    """Tell whether it is an https address of Voucherify's, or one of the project's own host.

    Args:
        url: as an answer names it.
        base_url: the project's scheme and host, without a slash at the end.
    """
    own_host = base_url + "/"
    is_own_host = url.startswith(own_host) and REST.fullmatch(url[len(own_host) :]) is not None
    return is_own_host or OWN.fullmatch(url) is not None
