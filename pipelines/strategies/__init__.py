"""Strategies: pure classes that turn the scores of analyses into one score per symbol and day.

strategy.py is the interface of one's own class, weighted_sum.py the shipped one, and the settings
files beside them are the strategies that come with the system.
Keep out: I/O, sizes and orders (the trading core decides those).
"""
