"""Two read-only HTML pages without a script: status, and the API's reference."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from html import escape
from typing import Any

from marketplace_api.market_data.repository import Status

_STYLE = """
body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:64rem;padding:0 1rem}
h1{font-size:1.5rem} h2{font-size:1.15rem;margin-top:2rem}
code,pre{font-family:ui-monospace,monospace}
table{border-collapse:collapse;width:100%;margin:.5rem 0} td,th{border-bottom:1px solid #ccc;
padding:.25rem .6rem;text-align:left;vertical-align:top} pre{background:#f4f4f4;padding:.6rem;
overflow:auto} details{margin:.4rem 0} summary{cursor:pointer}
.m{display:inline-block;min-width:4em;font-weight:600}
@media(prefers-color-scheme:dark){body{background:#111;color:#ddd}
pre{background:#222} a{color:#8bf} td,th{border-color:#444}}
"""
_METHODS = ("get", "put", "post", "delete")


def status_page(status: Status, now: datetime) -> str:
    """What runs, what there is, what happened last."""
    processes = [(name, f"{(now - at).total_seconds():.0f} s ago") for name, at in status.processes]
    block = status.last_block
    when = datetime.fromtimestamp(block[1], UTC).isoformat() if block else "-"
    leases = [
        (
            lease.id,
            lease.status,
            lease.milli,
            f"{lease.duration} s",
            lease.price_per_gpu_hour,
            lease.paid,
            lease.refunded,
            "simulated" if lease.simulated else "real",
        )
        for lease in status.leases
    ]
    headings = ("lease", "status", "milli", "time", "price", "paid", "refunded", "device")
    return _page(
        "GPU Bourse",
        "<p><a href='/docs'>API reference</a> · <a href='/openapi.json'>OpenAPI</a> · "
        "<a href='/v1/market'>market</a> · <a href='/v1/providers'>providers</a> · "
        "<a href='/v1/order-log'>order log</a></p>"
        "<h2>Processes</h2>"
        + _table(("name", "last sign of life"), processes)
        + "<h2>Chain</h2>"
        + _table(("last block", "its time"), [(block[0] if block else "-", when)])
        + "<h2>Counts</h2>"
        + _table(("what", "how many"), status.counts)
        + "<h2>Latest leases</h2>"
        + _table(headings, leases),
    )


def reference_page(spec: Mapping[str, Any]) -> str:
    """The OpenAPI document for people."""
    parts = [f"<p>{_text(spec['info'].get('description', ''))}</p>"]
    by_tag: dict[str, list[str]] = {}
    for path, operations in spec["paths"].items():
        for method in _METHODS:
            if method in operations:
                operation = operations[method]
                tag = operation.get("tags", ["other"])[-1]
                by_tag.setdefault(tag, []).append(_operation(method, path, operation))
    for tag, items in by_tag.items():
        parts += [f"<h2>{escape(tag)}</h2>", *items]
    parts.append("<h2>Types</h2>")
    for name, schema in spec["components"]["schemas"].items():
        body = escape(json.dumps(schema, indent=2))
        parts.append(
            f"<details id='{escape(name)}'><summary><code>{escape(name)}</code></summary>"
            f"<pre>{body}</pre></details>"
        )
    return _page(str(spec["info"]["title"]), "".join(parts))


def _operation(method: str, path: str, operation: Mapping[str, Any]) -> str:
    answers = [(code, _answer(answer)) for code, answer in operation["responses"].items()]
    parameters = [
        (p["name"], p["in"], "required" if p.get("required") else "", p.get("description", ""))
        for p in operation.get("parameters", ())
    ]
    contents = operation.get("requestBody", {}).get("content", {})
    bodies = ", ".join(_schema_name(content) for content in contents.values())
    return (
        f"<details><summary><span class='m'>{method.upper()}</span> <code>{escape(path)}</code> "
        f"{_text(operation.get('summary', ''))}</summary>"
        f"<p>{_text(operation.get('description', ''))}</p>"
        + (_table(("parameter", "in", "", ""), parameters) if parameters else "")
        + (f"<p>Body: {escape(bodies)}</p>" if bodies else "")
        + _table(("status", "answer"), answers)
        + "</details>"
    )


def _answer(answer: Mapping[str, Any]) -> str:
    names = [_schema_name(content) for content in answer.get("content", {}).values()]
    return f"{answer.get('description', '')} {', '.join(filter(None, names))}".strip()


def _schema_name(content: Mapping[str, Any]) -> str:
    schema = content.get("schema", {})
    if "items" in schema:
        return "list of " + _schema_name({"schema": schema["items"]})
    return str(schema.get("$ref", schema.get("title", ""))).rpartition("/")[2]


def _table(headings: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    head = "".join(f"<th>{escape(name)}</th>" for name in headings)
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(str(cell))}</td>" for cell in row) + "</tr>" for row in rows
    )
    return f"<table><tr>{head}</tr>{body}</table>"


def _text(text: str) -> str:
    return escape(text).replace("\n", " ")


def _page(title: str, body: str) -> str:
    return (
        "<!doctype html><html lang='en'><head><meta charset='utf-8'>"
        "<meta name='viewport' content='width=device-width'>"
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head>"
        f"<body><h1>{escape(title)}</h1>{body}</body></html>"
    )
