"""The command line `trading` and the stack that it starts on one machine."""
