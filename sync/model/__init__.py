"""The words of the tool as frozen values: no I/O, no clock, no vendor."""
