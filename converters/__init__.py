"""From a trained Keras model to the files that boards run, each proved to answer like it."""
