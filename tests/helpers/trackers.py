"""Real packages that rows are handed to, kept to a folder."""

import json

BLOCK, HEADER = 32768, 7
FULL, FIRST, MIDDLE, LAST = 1, 2, 3, 4


def mlflow_in(folder, monkeypatch):
    """Returns mlflow, whose runs are files of this folder."""
    import mlflow

    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    mlflow.set_tracking_uri(f"file://{folder}")
    mlflow.set_experiment("gradients")
    return mlflow


def wandb_in(folder, monkeypatch):
    """Returns a run of Weights & Biases whose file is in this folder."""
    import wandb

    monkeypatch.setenv("WANDB_SILENT", "true")
    return wandb.init(mode="offline", dir=str(folder), project="gradients")


def wandb_rows(folder):
    """Returns what such a run kept, read as its file is written: records in blocks, as LevelDB's logs have them."""
    import wandb
    from wandb.proto.wandb_internal_pb2 import Record

    wandb.teardown()  # a run that has finished may still be written
    (path,) = folder.glob("wandb/offline-run-*/*.wandb")
    data, place, content, rows = path.read_bytes(), HEADER, b"", []
    while place + HEADER <= len(data):
        left = BLOCK - place % BLOCK
        if left < HEADER:
            place += left
            continue
        length, kind = int.from_bytes(data[place + 4 : place + 6], "little"), data[place + 6]
        content = (content if kind in (MIDDLE, LAST) else b"") + data[place + HEADER : place + HEADER + length]
        place += HEADER + length
        if kind in (FULL, LAST):
            items = Record.FromString(content).history.item
            rows += (
                [{"/".join(one.nested_key) or one.key: json.loads(one.value_json) for one in items}] if items else []
            )
    return rows
