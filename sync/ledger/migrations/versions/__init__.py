"""One file per release that changes a table."""
