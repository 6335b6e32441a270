"""Real packages that rows are handed to, kept to a folder."""


def mlflow_in(folder, monkeypatch):
    """Returns mlflow, whose runs are files of this folder."""
    import mlflow

    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    mlflow.set_tracking_uri(f"file://{folder}")
    mlflow.set_experiment("gradients")
    return mlflow
