"""The tool's own database: what was read, what is to be delivered, what was spent.

SQL is written here and nowhere else (but in the CRM's table). Every public method is one short
transaction; the job's own thread calls them, except for the call budget's.
"""
