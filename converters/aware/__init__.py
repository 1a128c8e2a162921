"""Quantization-aware training: the int8 ``.tflite`` file as a network that can be trained on."""
