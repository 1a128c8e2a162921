"""What the workstation does: from a folder of photos to a trained run."""
