"""Alembic's migrations; the first release has the first one."""
