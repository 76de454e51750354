"""What tells that a customer is no longer in Voucherify.

Source: Voucherify documentation, "Errors".
"""

from sync.errors import CustomerGoneError, RefusedError
from sync.model.unassignment import CustomerId

GONE_KEYS = frozenset({"404 not_found", "404 resource_not_found"})


def gone_or(error: RefusedError, customer_id: CustomerId) -> RefusedError:
    """Give `CustomerGoneError` if the refusal says so in Voucherify's own words, else the refusal.

    A proxy or a wrong base URL answers 404 to everything, and must not make all customers
    disappear.
    """
    resource_type, resource_id = error.resource
    about_this = resource_type in {None, "customer"} and resource_id in {None, customer_id}
    if error.signature in GONE_KEYS and about_this:
        msg = f"customer {customer_id} is no longer in Voucherify"
        return CustomerGoneError(msg, signature=error.signature)
    return error
