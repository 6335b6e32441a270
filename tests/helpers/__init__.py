"""What several tests share.

processes     fresh processes on each backend          tolerances   from sample sizes
dtypes        float64 where a backend has to be asked

models        small models of every shape, and a batch  oracle       the training loop by hand
gan, steps_of_ones_own    models with a train_step of their own
sharded, replicas, two_processes    run in processes of their own, over several devices
trackers      real packages that rows are handed to     pictures     traces to draw
traces        traces and runs written by hand           small        a model to compare, and its data
failing       a layer whose call fails                diseases     networks with a planted disease

families      every initializer, with its law           layer_spread the mean square that layers make
quantile_table    the twin of the shipped table
anything, hostile what somebody may hand over as an argument, or as a name
carried       a process of a search without Keras       searched     a model to search a start for
faults        counts what comes of these              pages        the page of a comparison
browser       Chromium, driven by its protocol

hub_models    KerasHub's models; of text, images and both: hub_text, hub_images, hub_mixed
"""
