"""``edgetl check``: what is wrong with a dataset, before a minute of training is spent on it."""
