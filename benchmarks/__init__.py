"""Measuring a bundle: latency, memory and the state of the machine while it was measured.

``measure`` visits everything in rounds; ``processes`` starts a ``worker`` for each, which does one of its
tasks: ``latency``, ``throughput``, ``timer``. ``raw`` is what comes back, ``figures`` and ``stats`` sum it
up, ``results`` holds both, ``checks`` says where they are weak, ``summary`` and ``tables`` print them. What
each figure means stands in README.md beside this file.
"""
