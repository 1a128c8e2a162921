"""Latency on boards one does not have, from the model file and published measurements."""
