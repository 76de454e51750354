"""holdersync: mirrors Voucherify's unassignments into a CRM."""
