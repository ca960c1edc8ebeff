"""Times MLflow's own client against several servers in turn.

    client.py PLAN

PLAN is JSON: {"calls": {"log_metric": N, "log_batch": N}, "servers": {NAME: {"url": URL, "every": N}}}; a server with
"every" 10 gets every tenth call. Prints the seconds per call as JSON, by server and call. Credentials come from the
environment.
"""

import json
import random
import sys
import time

from mlflow import MlflowClient
from mlflow.entities import Metric, Param

WARM_UP = 10

plan = json.loads(sys.argv[1])
clients = {name: MlflowClient(tracking_uri=server["url"]) for name, server in plan["servers"].items()}
runs = {
    name: client.create_run(client.create_experiment(f"bench {time.time_ns()}")).info.run_id
    for name, client in clients.items()
}


def log_metric(name: str, step: int) -> None:
    clients[name].log_metric(runs[name], "loss", 1 / (step + 1), step=step)


def log_batch(name: str, step: int) -> None:
    metrics = [Metric(f"metric-{i}", i / (step + 1), 0, step) for i in range(10)]
    clients[name].log_batch(runs[name], metrics=metrics, params=[Param(f"param-{step}", "value")])


seconds = {name: {call.__name__: [] for call in (log_metric, log_batch)} for name in clients}
for call in (log_metric, log_batch):
    for step in range(WARM_UP + plan["calls"][call.__name__]):
        for name in random.sample(list(clients), len(clients)):
            if step % plan["servers"][name]["every"] != 0:
                continue
            started = time.perf_counter()
            call(name, step)
            if step >= WARM_UP:
                seconds[name][call.__name__].append(time.perf_counter() - started)

print(json.dumps(seconds))
