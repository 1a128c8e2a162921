"""From a trained Keras model to the files that boards run, each proved to answer like it."""

from edgetl.runtime.openvino import no_telemetry

no_telemetry()  # before any converter imports OpenVINO or NNCF
