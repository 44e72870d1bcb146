"""Tests of the trading core, mirroring its modules."""
