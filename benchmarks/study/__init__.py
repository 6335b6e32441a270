"""The study of starts: small networks of kinds that people train, each trained from many starts.

    datasets, networks -> kinds    -> what is trained: network, data, loss, steps, rates
    kinds              -> columns  -> a model that begins as one of the starts has it
    a started model    -> training -> its validation loss at each rate
    rows               -> results  -> kept lines, verdicts and tables

`benchmarks/starts.py` runs it. `functional.py` holds the models that `benchmarks/signals.py` looks through.
"""
