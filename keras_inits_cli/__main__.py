"""`python -m keras_inits_cli` is the command `keras-inits`."""

from keras_inits_cli import main

main()
