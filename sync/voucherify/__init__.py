"""Everything that knows Voucherify; the rest of the tool sees frozen values only."""
