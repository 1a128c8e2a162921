"""How good a head is on photos it was not solved on, how sure it may be, and what that is worth.

``scores.measure`` puts together what the other modules find: ``metrics``, ``bootstrap``, ``calibration``,
``curves``, ``rejection``, ``folds`` and ``hardest``.
"""
