"""Pure analyses: frames in, frames out, with numpy, pandas and TA-Lib.

Keep out: files, networks, clocks, environment, Dagster.
"""
