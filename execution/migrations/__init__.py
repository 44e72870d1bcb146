"""The database's history, applied by execution/migrate.py.

Keep out: queries of the running service.
"""
