"""Strategies: pure classes that turn the scores of analyses into one score per symbol and day.

To write one, copy technical.py and technical.toml and give it a name of its own.
Keep out: I/O, sizes and orders (the trading core decides those).
"""
