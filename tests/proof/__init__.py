"""Proofs of what the system promises: `python -m tests.proof`, `make prove`, `make prove-long`.

Belongs here: long runs against real servers that end in a figure, and the report of the figures.
Keep out: tests of single functions, which stand beside the package that they test.
"""
