"""Adapt to where the model will be used, from pictures of there that have no labels (``--unlabelled``)."""
