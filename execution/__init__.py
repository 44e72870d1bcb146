"""The trading core: decides, trades and keeps the books.

`domain` is pure; everything that touches PostgreSQL, NATS, Valkey or HTTP stands beside it.
Keep out: market data, analyses, and how the processes are started.
"""
