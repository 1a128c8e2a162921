"""Users' own models, rewritten so that they take pixels and give probabilities."""
