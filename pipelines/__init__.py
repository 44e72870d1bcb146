"""The Dagster code location: sources, analyses, strategies, and the assets that join them.

Keep out: orders, positions and everything else of `execution` but its pure engine.
"""
