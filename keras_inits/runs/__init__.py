"""A run: a model from its starting point, diagnosed, trained with its gradients recorded, kept, and found again.

    name, build, law ─┐
    data, epochs, fit ┴─> task ─> model
                            │       └─> key     all that the run depends on; by_value tells values apart
                            ├─────────> store   the folder of runs: one of this key? if so, it is the run
                            │             └─ files   a run <-> a .npz and a .json
                            └─────────> trainer diagnosed and trained -> Run, with a verdict on its trace

`data` reads whatever `fit` takes, for each run from its beginning. Who trains from a grid or from a search hands over
tasks: a run that either of them made is found by the other.
"""
