"""MLflow's own permissions (its basic-auth application) for users that htgate has logged in.

WARNING: anyone who can reach MLflow directly can claim to be any user, including the admin, with a single header. Let MLflow
listen only on 127.0.0.1 or a Unix socket, on a machine or in a pod that runs nothing you do not trust.

basic_auth.ini, next to this file, refers to the function below. Start MLflow like this:

    pip install 'mlflow[auth]'
    export MLFLOW_AUTH_CONFIG_PATH=$PWD/basic_auth.ini PYTHONPATH=$PWD
    export MLFLOW_FLASK_SERVER_SECRET_KEY=$(openssl rand -hex 32) MLFLOW_AUTH_ADMIN_PASSWORD=$(openssl rand -hex 32)
    mlflow server --app-name basic-auth --host 127.0.0.1 --port 5000

and htgate in front of it, as usual. If you use MLflow's gateway, add --gateway-identity: without it, htgate does not send the
user's name on /gateway/.
"""

import secrets

from flask import Response, request
from mlflow.exceptions import MlflowException
from mlflow.server.auth import store
from werkzeug.datastructures import Authorization


def authenticate() -> Authorization | Response:
    # WSGI decodes headers as Latin-1; htgate sends UTF-8.
    name = request.headers.get("X-Forwarded-User", "").encode("latin1", "replace").decode("utf-8", "replace")
    if not name:
        return Response("This MLflow can be reached through htgate only.", 401)
    if not store.has_user(name):
        create(name)
    return Authorization("basic", {"username": name, "password": ""})


def create(name: str) -> None:
    """Creates the user on the first request, with the default permission and a random password."""
    try:
        store.create_user(name, secrets.token_urlsafe(32))
    except MlflowException as error:
        # Another worker has just created it.
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
