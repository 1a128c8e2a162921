"""What one fresh process measures, and the parent's side of it."""
