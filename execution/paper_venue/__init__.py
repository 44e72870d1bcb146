"""The external venue: the paper venue's rules behind HTTP, in a process and store of its own.

Keep out: the trading core. The two meet only over the wire.
"""
