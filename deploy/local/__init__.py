"""The command line `trading` and the stack that it starts on one machine.

Keep out: analyses, routing and trading; this package only starts, asks and shows.
"""
