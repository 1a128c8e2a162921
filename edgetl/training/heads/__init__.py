"""The head: its solver, choosing on held-out photos, a hidden layer, several labels, what it reads."""
