"""Tests over KerasHub's models; not collected where it is not installed. They need no `tensorflow-text`."""

import importlib.util

collect_ignore_glob = [] if importlib.util.find_spec("keras_hub") else ["test_*.py"]
