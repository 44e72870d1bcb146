"""The trading core over HTTP: reads from PostgreSQL, and puts commands where the writer finds them.

Keep out: decisions, and any state of its own.
"""
