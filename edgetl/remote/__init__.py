"""Benchmarks on other people's boards, over plain SSH.

``devices`` measures on several at a time: ``address`` reads how they are written, ``connection`` opens SSH,
``session`` talks to ``supervisor``, the one file that runs there beside edgetl itself. ``facts`` says
whether a device will do, ``runtime_wheel`` what of edgetl is copied to it. docs/remote.md tells the whole.
"""
