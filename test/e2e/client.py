"""Uses MLflow's own client as users do, with MLFLOW_TRACKING_URI, MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD.

    client.py all BYTES    logs a run of everything, with an artifact of that size, and reads it back; prints the IDs of
                           experiment and run
    client.py ping         sends one request; prints the number of experiments
    client.py metrics N    logs N metrics one by one; prints how many of them the server has afterwards
    client.py metric RUN   logs one metric of an existing run
    client.py webhook      creates a webhook; prints its ID
    client.py curves       logs three runs whose metrics are curves; prints the IDs of the experiment and of the last run
"""

import hashlib
import math
import os
import random
import sys
import tempfile
import time
from pathlib import Path

import mlflow
from mlflow.entities import Metric, Param, RunTag


def everything(size: int) -> None:
    client = mlflow.MlflowClient()
    experiment = mlflow.set_experiment(f"everything {time.time_ns()}").experiment_id
    with mlflow.start_run(run_name="größe") as run:
        run_id = run.info.run_id
        mlflow.log_params({"depth": 3, "naïve": "ja"})
        for step in range(20):
            mlflow.log_metric("loss", 1 / (step + 1), step=step)
        batch = [Metric("accuracy", step / 1000, 0, step) for step in range(900)]
        client.log_batch(run_id, batch, [Param("lr", "0.1")], [RunTag("team", "blue")])
        with tempfile.TemporaryDirectory() as folder:
            folder = Path(folder)
            digests = make_artifacts(folder, size)
            mlflow.log_artifacts(str(folder), "data")
        mlflow.log_text("# notes", "notes/today.md")

    stored = client.get_run(run_id).data
    assert stored.params == {"depth": "3", "naïve": "ja", "lr": "0.1"}, stored.params
    assert stored.tags["team"] == "blue"
    assert [m.value for m in client.get_metric_history(run_id, "loss")] == [1 / (s + 1) for s in range(20)]
    assert len(client.get_metric_history(run_id, "accuracy")) == 900
    found = client.search_runs([experiment], "params.depth = '3' and metrics.loss < 0.06")
    assert [r.info.run_id for r in found] == [run_id]

    with tempfile.TemporaryDirectory() as folder:
        downloaded = Path(mlflow.artifacts.download_artifacts(run_id=run_id, artifact_path="data", dst_path=folder))
        assert digests == digests_of(downloaded), "an artifact differs from what was logged"
    assert mlflow.artifacts.load_text(f"runs:/{run_id}/notes/today.md") == "# notes"

    model = f"model-{run_id}"
    client.create_registered_model(model)
    client.create_model_version(model, source=f"runs:/{run_id}/data", run_id=run_id)
    client.set_registered_model_alias(model, "champion", "1")
    assert client.get_model_version_by_alias(model, "champion").run_id == run_id
    assert [m.name for m in client.search_registered_models(f"name = '{model}'")] == [model]
    print(experiment, run_id)


def make_artifacts(folder: Path, size: int) -> dict[str, str]:
    (folder / "deep" / "er").mkdir(parents=True)
    (folder / "deep" / "er" / "hello wörld.txt").write_text("hello\n")
    (folder / "deep" / "empty").write_bytes(b"")
    block = os.urandom(1 << 20)
    with open(folder / "large.bin", "wb") as file:
        for start in range(0, size, len(block)):
            file.write(block[: min(len(block), size - start)])
    return digests_of(folder)


def digests_of(folder: Path) -> dict[str, str]:
    digests = {}
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        with open(path, "rb") as file:
            digests[str(path.relative_to(folder))] = hashlib.file_digest(file, "sha256").hexdigest()
    return digests


def ping() -> None:
    print(len(mlflow.search_experiments()))


def metrics(count: int) -> None:
    with mlflow.start_run() as run:
        for step in range(count):
            mlflow.log_metric("loss", step, step=step)
    print(len(mlflow.MlflowClient().get_metric_history(run.info.run_id, "loss")))


def curves() -> None:
    random.seed(7)
    experiment = mlflow.set_experiment("churn-model").experiment_id
    for name, rate in [("baseline", 0.1), ("wider", 0.07), ("deeper", 0.05)]:
        with mlflow.start_run(run_name=name) as run:
            mlflow.log_params({"learning_rate": rate, "layers": 4, "batch_size": 128})
            points = []
            for step in range(80):
                decay = math.exp(-step * rate * 0.7)
                points += [
                    Metric("train_loss", 0.2 + decay + random.gauss(0, 0.012), 0, step),
                    Metric("val_loss", 0.26 + 1.05 * decay + random.gauss(0, 0.025), 0, step),
                    Metric("accuracy", 0.94 - 0.5 * decay + random.gauss(0, 0.006), 0, step),
                ]
            mlflow.MlflowClient().log_batch(run.info.run_id, points)
    print(experiment, run.info.run_id)


def metric(run_id: str) -> None:
    mlflow.log_metric("loss", 0.5, run_id=run_id)
    mlflow.flush_async_logging()


def webhook() -> None:
    made = mlflow.MlflowClient().create_webhook("w", "https://93.184.216.34/hook", ["registered_model.created"])
    print(made.webhook_id)


match sys.argv[1:]:
    case ["all", size]:
        everything(int(size))
    case ["ping"]:
        ping()
    case ["metrics", count]:
        metrics(int(count))
    case ["metric", run_id]:
        metric(run_id)
    case ["webhook"]:
        webhook()
    case ["curves"]:
        curves()
    case _:
        sys.exit(__doc__)
