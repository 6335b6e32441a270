"""torch: the four modules that the room expects of a backend."""
