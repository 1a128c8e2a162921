"""Limits that a benchmark must keep, for CI."""
