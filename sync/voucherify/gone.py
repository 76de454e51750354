"""What tells that a customer or a code is no longer in Voucherify.

A proxy or a wrong base URL answers 404 to everything, and must not make all of them disappear: only
Voucherify's own words count.
Source: Voucherify documentation, "Errors".
"""

from sync.errors import CodeGoneError, CustomerGoneError, RefusedError
from sync.model.unassignment import CustomerId, VoucherId

GONE_KEYS = frozenset({"404 not_found", "404 resource_not_found"})
OF_A_CODE = frozenset({None, "voucher", "member", "referral", "referral_member"})
"""What a 404 about a code may name without an id; how it does is not documented."""


def gone_or(error: RefusedError, customer_id: CustomerId) -> RefusedError:
    """Give `CustomerGoneError` if the refusal says so in Voucherify's words, else the refusal."""
    resource_type, resource_id = error.resource
    about_this = resource_type in {None, "customer"} and resource_id in {None, customer_id}
    if error.signature in GONE_KEYS and about_this:
        msg = f"customer {customer_id} is no longer in Voucherify"
        return CustomerGoneError(msg, signature=error.signature)
    return error


def code_gone_or(error: RefusedError, voucher_id: VoucherId) -> RefusedError:
    """Give `CodeGoneError` if the refusal says so in Voucherify's words, else the refusal."""
    resource_type, resource_id = error.resource
    about_this = resource_id == voucher_id or (resource_id is None and resource_type in OF_A_CODE)
    if error.signature in GONE_KEYS and about_this:
        msg = f"code {voucher_id} is no longer in Voucherify"
        return CodeGoneError(msg, signature=error.signature)
    return error
