"""The few replies of a Kubernetes API server that the real `kubectl logs` asks for, on loopback."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Mapping
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.fakes.log_store import Store, stamp

_VERB = ["get", "list"]
_REPLIES: Mapping[str, Any] = {
    "/version": {"major": "1", "minor": "32", "gitVersion": "v1.32.0"},
    "/api": {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []},
    "/apis": {
        "kind": "APIGroupList",
        "apiVersion": "v1",
        "groups": [
            {
                "name": "apps",
                "versions": [{"groupVersion": "apps/v1", "version": "v1"}],
                "preferredVersion": {"groupVersion": "apps/v1", "version": "v1"},
            }
        ],
    },
    "/api/v1": {
        "kind": "APIResourceList",
        "groupVersion": "v1",
        "resources": [
            {"name": "pods", "singularName": "pod", "namespaced": True, "kind": "Pod", "verbs": _VERB}
        ],
    },
    "/apis/apps/v1": {
        "kind": "APIResourceList",
        "groupVersion": "apps/v1",
        "resources": [
            {
                "name": "deployments",
                "singularName": "deployment",
                "namespaced": True,
                "kind": "Deployment",
                "verbs": _VERB,
            }
        ],
    },
}


class KubeApi:
    """A server whose pods are the logs of a store; `config` is a KUBECONFIG file for it."""

    def __init__(self, folder: Path, store: Path) -> None:
        api = self
        self.store = store
        self.containers: dict[str, list[str]] = {}
        self.requests: list[str] = []

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_arguments: object) -> None:
                pass

            def do_GET(self) -> None:
                api.answer(self)

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.config = folder / "kubeconfig"
        cluster = {"name": "t", "cluster": {"server": f"http://127.0.0.1:{self._server.server_port}"}}
        context = {"name": "t", "context": {"cluster": "t", "user": "t"}}
        self.config.write_text(
            json.dumps(
                {
                    "apiVersion": "v1",
                    "kind": "Config",
                    "current-context": "t",
                    "contexts": [context],
                    "clusters": [cluster],
                    "users": [{"name": "t", "user": {}}],
                }
            ),
            encoding="utf-8",
        )

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        split = urlsplit(request.path)
        parts = split.path.strip("/").split("/")
        if split.path in _REPLIES:
            _send(request, 200, _REPLIES[split.path])
            return
        self.requests.append(request.path)
        name = parts[5] if len(parts) > 5 else ""
        if "deployments" in parts:
            _send(request, 200, _deployment(name))
        elif parts[-1] == "pods":
            pods = [self._pod(folder.name) for folder in sorted(self.store.iterdir())]
            _send(request, 200, {"kind": "PodList", "apiVersion": "v1", "metadata": {}, "items": pods})
        elif "pods" not in parts:
            _send(request, 200, {"kind": "Namespace", "apiVersion": "v1", "metadata": {"name": parts[-1]}})
        elif not Store(self.store, name).exists:
            message = f'pods "{name}" not found'
            status = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "NotFound"}
            _send(request, 404, status | {"message": message, "code": 404})
        elif parts[-1] == "log":
            self._send_log(request, Store(self.store, name), parse_qs(split.query))
        else:
            _send(request, 200, self._pod(name, parts[3]))

    def _pod(self, name: str, namespace: str = "default") -> dict[str, Any]:
        containers = [{"name": container, "image": "x"} for container in self.containers.get(name, ["app"])]
        meta = {"name": name, "namespace": namespace, "labels": {"app": "x"}}
        return {
            "kind": "Pod",
            "apiVersion": "v1",
            "metadata": meta,
            "spec": {"containers": containers},
            "status": {"phase": "Running"},
        }

    def _send_log(self, request: BaseHTTPRequestHandler, store: Store, query: dict[str, list[str]]) -> None:
        request.send_response(200)
        request.send_header("Content-Type", "text/plain")
        request.send_header("Transfer-Encoding", "chunked")
        request.end_headers()
        since = query.get("sinceTime", [""])[0]
        since_ns = int(datetime.fromisoformat(since).timestamp()) * 1_000_000_000 if since else 0
        tail = int(query["tailLines"][0]) if "tailLines" in query else None
        fresh = True
        try:
            for record in store.follow(since_ns, tail, follow="follow" in query):
                if record is None:
                    time.sleep(0.01)
                    continue
                data = f"{stamp(record.ns, trimmed=True)} ".encode() * fresh + record.data
                request.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
                fresh = record.data.endswith(b"\n")
            request.wfile.write(b"0\r\n\r\n")
        except OSError:
            request.close_connection = True


def _deployment(name: str) -> dict[str, Any]:
    spec = {"selector": {"matchLabels": {"app": "x"}}, "template": {}}
    return {
        "kind": "Deployment",
        "apiVersion": "apps/v1",
        "metadata": {"name": name, "namespace": "default"},
        "spec": spec,
    }


def _send(request: BaseHTTPRequestHandler, code: int, data: Any) -> None:
    body = json.dumps(data).encode()
    request.send_response(code)
    request.send_header("Content-Type", "application/json")
    request.send_header("Content-Length", str(len(body)))
    request.end_headers()
    request.wfile.write(body)
