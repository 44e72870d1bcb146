"""How the system is put together and run: `local` is the command line and the one-command stack.

Keep out: what any of the parts does.
"""
