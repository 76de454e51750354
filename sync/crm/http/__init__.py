"""Any HTTP endpoint as a CRM."""
