"""Runs edgetl on an emulated Raspberry Pi: ``make test-arm``; docs/arm.md says what that proves and what not.

``test_arm.py`` tests what sets the boards up, like any other test; ``on_board.py`` is a plugin of the pytest
that runs on the emulated board.
"""
