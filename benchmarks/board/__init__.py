"""The state of the machine while it is measured: sampled, judged, soaked."""
