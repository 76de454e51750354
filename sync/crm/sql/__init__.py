"""Tables as a CRM: the embedded one, or one of the user's own."""
