"""The same little shop with three web frameworks, and all that takes each to a function URL.

The shops in `web_apps/` are ordinary programs of their frameworks, which know nothing of Lambda. What a
shop answers:

| request | answer |
|---|---|
| `GET /` | a page of HTML |
| `GET /orders?tag=a&tag=b&q=c` | JSON: `tags`, `q` |
| `POST /orders`, JSON | 201, where it is, and JSON |
| `GET /orders/NUMBER` | JSON: `id`, decoded |
| `DELETE /orders/NUMBER` | 204 |
| `POST /login`, a form: `name`, `theme` | 303 to `/me`, with two cookies |
| `GET /me` | JSON: the cookies |
| `POST /pictures`, a form with a file | JSON: `name`, `caption`, `sha256` |
| `GET /picture` | 16 KiB with every byte in them |
| `PUT /picture` | the body again |
| `GET /request` | JSON: what the framework knows of the request |
| `GET /broken` | the framework's own 500 |

With the `Origin` https://www.example.com each answer has the CORS headers of the shop's own.
"""

from __future__ import annotations

import contextlib
import http.client
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from tests.support.functions import WHOLE_CPU, Deployed, deploy, zipped
from tests.support.http_requests import HttpAnswer
from tests.support.packages import npm_project, python_project
from tests.support.programs import require_runtime
from tests.support.streams import create_url

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from tests.support.server import RunningServer

APPS = Path(__file__).with_name("web_apps")
_PYTHON = "3.13"


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """What `deploy` takes of a function."""

    files: Mapping[str, str | bytes]
    runtime: str
    handler: str = "main.handler"
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A function and its URL, which is asked at the server's own address: no names are looked up."""

    deployed: Deployed
    url: str

    @property
    def host(self) -> str:
        return urlsplit(self.url).netloc

    @contextlib.contextmanager
    def open(
        self,
        method: str,
        path: str,
        body: bytes | str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Iterator[http.client.HTTPResponse]:
        """The answer as it comes, on a connection of its own: read it, or not to its end."""
        address = urlsplit(self.deployed.server.url).netloc
        with contextlib.closing(http.client.HTTPConnection(address, timeout=60)) as connection:
            connection.request(method, path, body, {"Host": self.host, **(headers or {})})
            with connection.getresponse() as answer:
                yield answer

    def ask(
        self,
        method: str,
        path: str,
        body: bytes | str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> HttpAnswer:
        with self.open(method, path, body, headers) as answer:
            received = {name.lower(): value for name, value in answer.getheaders()}
            return HttpAnswer(answer.status, received, answer.read())


def publish(server: RunningServer, package: Package, invoke_mode: str = "BUFFERED") -> Site:
    """Deploy a package and let everybody call it."""
    require_runtime(package.runtime)
    deployed = deploy(
        server,
        package.files,
        runtime=package.runtime,
        handler=package.handler,
        executable=("run.sh",),
        **{"Timeout": 30, **WHOLE_CPU, **package.settings},
    )
    return Site(deployed=deployed, url=create_url(deployed, invoke_mode))


def fastapi_with_mangum() -> Package:
    main = "from mangum import Mangum\nfrom shop import app\n\nhandler = Mangum(app)\n"
    return Package(files=_python_files("fastapi", main), runtime=f"python{_PYTHON}")


def flask_with_apig_wsgi() -> Package:
    main = (
        "from apig_wsgi import make_lambda_handler\n"
        "from shop import app\n\n"
        "handler = make_lambda_handler(app)\n"
    )
    return Package(files=_python_files("flask", main), runtime=f"python{_PYTHON}")


def express_with_serverless_http() -> Package:
    main = (
        'const serverless = require("serverless-http");\n'
        'const binary = ["image/*", "application/octet-stream"];\n'
        'exports.handler = serverless(require("./shop"), { binary });\n'
    )
    return Package(files=_node_files(main), runtime="nodejs22.x")


def express_with_serverless_express() -> Package:
    main = (
        'const serverlessExpress = require("@codegenie/serverless-express");\n'
        'const binarySettings = { contentTypes: ["image/*", "application/octet-stream"] };\n'
        'exports.handler = serverlessExpress({ app: require("./shop"), binarySettings });\n'
    )
    return Package(files=_node_files(main), runtime="nodejs24.x")


# As the documentation of AWS Lambda Web Adapter has it for packages in .zip files.
_RUN = """#!/bin/bash
PATH=$PATH:$LAMBDA_TASK_ROOT/bin \\
    PYTHONPATH=$LAMBDA_TASK_ROOT:$PYTHONPATH:/opt/python \\
    exec python -m uvicorn --port=$PORT shop:app
"""
_WRAPPER = '#!/bin/bash\nexec -- "${LAMBDA_TASK_ROOT}/${_HANDLER}"\n'


def fastapi_with_web_adapter(server: RunningServer, invoke_mode: str = "buffered") -> Package:
    """uvicorn as on any machine; what makes a function of it is in a layer."""
    adapter = (APPS / "lambda_adapter.py").read_text()
    layer = server.client().publish_layer_version(
        LayerName="web-adapter",
        Content={
            "ZipFile": zipped(
                {"bootstrap": _WRAPPER, "extensions/lambda-adapter": adapter},
                executable=("bootstrap", "extensions/lambda-adapter"),
            )
        },
    )
    variables = {
        "AWS_LAMBDA_EXEC_WRAPPER": "/opt/bootstrap",
        "AWS_LWA_INVOKE_MODE": invoke_mode,
        "PORT": "8000",
    }
    return Package(
        files={**_python_files("fastapi"), "run.sh": _RUN},
        runtime=f"python{_PYTHON}",
        handler="run.sh",
        settings={
            "Layers": [layer["LayerVersionArn"]],
            "Environment": {"Variables": variables},
        },
    )


def streaming_hono() -> Package:
    return Package(files=_node_files(), runtime="nodejs22.x", handler="stream.handler")


SHOPS: Mapping[str, Callable[[RunningServer], Package]] = {
    "FastAPI, Mangum": lambda _: fastapi_with_mangum(),
    "Flask, apig-wsgi": lambda _: flask_with_apig_wsgi(),
    "Express, serverless-http": lambda _: express_with_serverless_http(),
    "Express, serverless-express": lambda _: express_with_serverless_express(),
    "FastAPI, web adapter": fastapi_with_web_adapter,
}


def _python_files(app: str, main: str = "") -> dict[str, str | bytes]:
    installed = _files(python_project(_PYTHON, APPS / app / "requirements.txt"))
    return {**installed, **_files(APPS / app), "main.py": main}


def _node_files(main: str = "") -> dict[str, str | bytes]:
    return {**_files(npm_project(APPS / "nodejs")), **_files(APPS / "nodejs"), "main.js": main}


def _files(root: Path) -> dict[str, str | bytes]:
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in root.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and path.suffix not in (".map", ".ts")
    }
