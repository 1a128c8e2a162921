"""``edgetl check``: what is wrong with photos and labels, before a minute of training is spent on them."""
