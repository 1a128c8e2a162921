"""What the head is made of beside the solver: choosing on held-out photos, a hidden layer, several labels."""
