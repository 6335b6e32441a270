"""A run: a model from its starting point, diagnosed, trained with its gradients recorded, kept, and found again.

    name, build, law ─┐
    data, epochs, fit ┴─> task ─> model
                            │       └─> key     all that the run depends on; by_value tells values apart
                            ├─────────> store   the folder of runs: one of this key? if so, it is the run
                            │             └─ files   a run <-> a .npz and a .json
                            └─────────> trainer diagnosed and trained -> run
                                                 verdict     its trace -> one word for its gradients
                                                 guess       the loss of the best outputs that are the same for all
                                                 learning    its loss beside that -> one word for what it learned

`data` reads whatever `fit` takes, for each run from its beginning; `copies` keeps what models are built from as it was
before any run. Who trains from a grid or from a search hands
tasks to `trainer.finish`, and what is new to `store.keep`: a run that either of them made is found by the other.
"""
