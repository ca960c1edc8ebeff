"""The routes of an installed MLflow; run it with that MLflow's own Python.

    mlflow-routes.py            prints each route, including those of the basic-auth app, as METHOD PATH VALIDATOR, one per
                                line; the validator is the function with which that app decides, or - if there is none
    mlflow-routes.py --match    reads requests as JSON, ["METHOD", "TARGET"], one per line, and prints as JSON the routes
                                ["METHOD", "PATH"] that MLflow's servers (uvicorn, gunicorn) match
"""

import json
import os
import re
import sys
import tempfile
from contextlib import redirect_stdout
from pathlib import Path
from urllib.parse import unquote

folder = tempfile.TemporaryDirectory(prefix="htgate-routes-")
config = Path(folder.name) / "auth.ini"
config.write_text(
    "[mlflow]\n"
    "default_permission = READ\n"
    f"database_uri = sqlite:///{folder.name}/auth.db\n"
    "admin_username = admin\n"
    "admin_password = correct horse battery\n"
    "authorization_function = mlflow.server.auth:authenticate_request_basic_auth\n"
)
os.environ.update(
    MLFLOW_AUTH_CONFIG_PATH=str(config),
    MLFLOW_FLASK_SERVER_SECRET_KEY="only for the list",
    MLFLOW_DISABLE_TELEMETRY="true",
)

with redirect_stdout(sys.stderr):
    from mlflow.server import app as flask_app
    from mlflow.server import auth

    auth.create_app(flask_app)
    try:
        from mlflow.server.fastapi_app import create_fastapi_app

        fastapi_app = create_fastapi_app(flask_app)
    except ImportError:  # before 3.0
        fastapi_app = None

ADDED_BY_THE_SERVER = {"HEAD", "OPTIONS"}


def fastapi_routes(routes, prefix=""):
    """The routes that FastAPI serves itself, including those of nested routers."""
    for route in routes:
        if hasattr(route, "methods") and hasattr(route, "path"):
            yield route
        else:
            nested = getattr(route, "effective_candidates", None)
            if nested is not None:
                yield from fastapi_routes(nested())


def all_routes():
    for rule in flask_app.url_map.iter_rules():
        for method in rule.methods - ADDED_BY_THE_SERVER:
            # <path:x> and <x> match different paths, so the table keeps the converter.
            yield method, rule.rule
    if fastapi_app is not None:
        for route in fastapi_routes(fastapi_app.routes):
            for method in (route.methods or set()) - ADDED_BY_THE_SERVER:
                yield method, route.path


def validator_of(method, path):
    """The name of the function with which MLflow's basic-auth application decides about a route."""
    find = getattr(auth, "_find_validator", None)
    if find is None:  # before 3.0
        function = auth.BEFORE_REQUEST_VALIDATORS.get((path, method))
    else:
        from flask import request

        with flask_app.test_request_context(re.sub(r"[<{][^>}]+[>}]", "x", path), method=method):
            function = find(request)
    return getattr(function, "__name__", "-").replace("<lambda>", "-")


def flask_match(method, path_info):
    from werkzeug.exceptions import HTTPException

    adapter = flask_app.url_map.bind("localhost", path_info=path_info)
    try:
        rule, _ = adapter.match(method=method, return_rule=True)
        return rule.rule
    except HTTPException:
        return None


def uvicorn_match(method, target):
    from starlette.routing import Match, Mount

    path = unquote(target.partition("?")[0])
    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "root_path": "",
        "query_string": b"",
        "headers": [],
    }
    for route in fastapi_app.routes:
        match, _ = route.matches(dict(scope))
        if isinstance(route, Mount):
            if match != Match.NONE:
                return flask_match(method, path)
        elif match == Match.FULL:
            nested = [each for each in fastapi_routes([route]) if each.matches(dict(scope))[0] == Match.FULL]
            return (nested or [route])[0].path
        elif match == Match.PARTIAL:
            return None
    return None


def gunicorn_match(method, target):
    from gunicorn.util import split_request_uri, unquote_to_wsgi_str

    try:
        path = unquote_to_wsgi_str(split_request_uri(target).path)
    except ValueError:
        return None
    return flask_match(method, path.encode("latin1").decode("utf-8", "replace"))


def matches(method, target):
    found = [gunicorn_match(method, target)]
    if fastapi_app is not None:
        found.append(uvicorn_match(method, target))
    # Flask serves HEAD wherever it serves GET.
    asked = "GET" if method == "HEAD" else method
    return sorted({(asked, path) for path in found if path is not None})


if sys.argv[1:] == ["--match"]:
    for line in sys.stdin:
        print(json.dumps(matches(*json.loads(line))))
else:
    for method, path in sorted(set(all_routes()), key=lambda route: (route[1], route[0])):
        print(method, path, validator_of(method, path))
folder.cleanup()
