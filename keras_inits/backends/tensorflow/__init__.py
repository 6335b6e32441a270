"""TensorFlow: the four modules that the room expects of a backend, and the `ring` that rows wait in."""
