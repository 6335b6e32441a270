"""Faulty Keras programs of the research on fault diagnosis, with their fixes: what `benchmarks/faults.py` runs.

Each file is one program, written anew from the facts that its source reports; the data are made up or scikit-learn's,
and the networks are narrow. It has

    SOURCE, FAULT, FIX   where it is from, what is wrong, and what was published as its repair
    CAUSES               the kinds of findings that name the cause; "alert": one in training that names the rate
    build(fixed)         the model, x, y and the arguments of `fit`, of the faulty program or of the fixed one

Sources: questions of Stack Overflow by their number, as they are collected in DeepLocalize (Wardat, Le & Rajan, ICSE
2021) and DeepFD (Cao et al., ICSE 2022); AutoTrainer (Zhang, Zhai, Ma & Shen, ICSE 2021); Umlaut (Schoop, Huang &
Hartmann, CHI 2021).
"""
