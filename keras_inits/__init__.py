"""Start every layer right, and see every layer's gradient: initializers and a gradient recorder for Keras 3."""

__version__ = "0.1.0"
