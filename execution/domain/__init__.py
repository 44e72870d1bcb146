"""The pure trading core: inputs and a state in, effects out.

Keep out: clocks, randomness, environment, files, databases, networks and processes.
"""
