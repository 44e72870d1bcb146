"""Tests of the whole system as its user starts it."""
