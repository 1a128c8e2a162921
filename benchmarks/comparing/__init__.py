"""Whether one benchmark is faster than another."""
