"""Providers over the network, against servers on the loopback that answer as the real ones do."""
