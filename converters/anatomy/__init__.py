"""What is really inside a model file, whatever it is called and whoever wrote it."""
