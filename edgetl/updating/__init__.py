"""Versions of a bundle on a device: put side by side, tried, used, given up, removed."""
