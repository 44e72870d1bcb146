"""Tests of the wire and of the central router."""
