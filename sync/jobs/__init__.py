"""What the tool does: short stories over the ports. A decision is a function, an act one place."""
