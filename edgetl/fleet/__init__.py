"""A bundle brought to several devices over SSH, in waves that stop where one fails.

``push`` asks for it and ``waves`` says in which order; ``arrival`` is what runs on a device, where the store
of ``edgetl.updating`` does the rest; ``results`` is what came of it. docs/remote.md tells the whole.
"""
