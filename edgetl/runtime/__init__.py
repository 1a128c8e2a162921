"""What runs on the device: engines, the classifier, sources of pictures, and doctor."""
