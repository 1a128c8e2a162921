"""What `edgetl check` finds in a dataset."""
