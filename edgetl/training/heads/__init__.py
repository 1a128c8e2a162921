"""The head: the solver, choosing on held-out photos, a hidden layer, several labels, the layers it reads."""
