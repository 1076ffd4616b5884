"""AsyncAPI documents of versions 2 and 3 on Redis: channels, consumer groups, and the schemas of their messages.

There is no binding for Redis in the standard; `x-redis-stream`, `x-consumer-group` and `x-consumer-groups` say what it
would. Without them a channel's address is its stream, and a summary that says `consumer group NAME` names a group.
"""

from __future__ import annotations

from collections.abc import Iterator

import re2
import yaml

from tools.sources.config_records import ConfigFact, FactKind
from tools.sources.json_schema import messages, resolved
from tools.sources.project_place import Place
from tools.sources.project_yaml import composed, entries, mapping_of, merged, scalar, sequence_of
from tools.sources.schema_records import MessageSchema

_NAME = re2.compile(r"[A-Za-z][\w.:{}<>*/-]*[\w}>*]")
_ASYNCAPI = re2.compile(r"(?m)^[\s{]*\"?asyncapi\"?\s*:")
_SAID_GROUP = re2.compile(r"(?i)consumer[ -]group[s:]?\s+[`'\"]?([A-Za-z][\w.:-]*\w)")
_PARAMETER = re2.compile(r"\{[^{}]*\}")
_FORMATS = ("asyncapi", "schema+json", "schema+yaml", "json-schema")
_ACTIONS = ("publish", "subscribe")


def is_asyncapi(text: str) -> bool:
    """Whether a YAML or JSON text is an AsyncAPI document."""
    return _ASYNCAPI.search(text[:2000]) is not None


def facts(path: str, service: str | None, text: str) -> Iterator[ConfigFact]:
    """Streams and groups; none of a document whose servers are all of another broker. Raises yaml.YAMLError."""
    root = composed(text)
    place = Place.of(path, service, text, "asyncapi")
    addresses: dict[str, str] = {}
    for key, body, named, stream in _channels(root):
        addresses[key] = stream
        yield place.fact(FactKind.STREAM, named.start_mark.line + 1, stream)
        yield from _groups(place, body, stream)
        for action in _ACTIONS:
            yield from _groups(place, merged(body.get(action)), stream)
    for _, node in entries(mapping_of(root, "operations")):
        operation = merged(node)
        reference = scalar(merged(operation.get("channel")).get("$ref")) or ""
        channel = addresses.get(_last(reference))
        if channel is not None:
            yield from _groups(place, operation, channel)


def schemas(path: str, service: str | None, text: str) -> Iterator[MessageSchema]:
    """The schema of every message of every channel. Raises yaml.YAMLError."""
    root = composed(text)
    place = Place.of(path, service, text, "asyncapi")
    for _, body, _, stream in _channels(root):
        pattern = _PARAMETER.sub("{}", stream)
        seen: set[tuple[str, int]] = set()
        for name, node in _messages(body, root):
            payload = _payload(node)
            if payload is not None and (name, payload.start_mark.line) not in seen:
                seen.add((name, payload.start_mark.line))
                yield from messages(place, payload, root, (name, pattern))


def _channels(root: yaml.Node | None) -> Iterator[tuple[str, dict[str, yaml.Node], yaml.Node, str]]:
    """Key, body, the node that names the stream, and the stream of each channel."""
    protocols = {
        (scalar(merged(server).get("protocol")) or "").lower()
        for _, server in entries(mapping_of(root, "servers"))
    }
    if protocols and not any(protocol.startswith(("redis", "valkey")) for protocol in protocols):
        return
    for key, node in entries(mapping_of(root, "channels")):
        body = merged(resolved(node, root))
        named = body.get("x-redis-stream") or body.get("address") or key
        stream = scalar(named)
        if stream and _NAME.fullmatch(stream):
            yield scalar(key) or "", body, named, stream


def _messages(
    body: dict[str, yaml.Node], root: yaml.Node | None
) -> Iterator[tuple[str, dict[str, yaml.Node]]]:
    """Name and body of each message: `messages` of version 3, those of the operations of version 2."""
    for key, named in entries(body.get("messages")):
        yield scalar(key) or "", merged(resolved(named, root))
    for action in _ACTIONS:
        node = merged(body.get(action)).get("message")
        for part in sequence_of(merged(node).get("oneOf")) or ([node] if node is not None else []):
            found = merged(resolved(part, root))
            reference = _last(scalar(merged(part).get("$ref")) or "")
            yield scalar(found.get("name")) or reference or action, found


def _payload(found: dict[str, yaml.Node]) -> yaml.Node | None:
    """The payload's schema, where it is one of JSON."""
    payload = found.get("payload")
    form = scalar(found.get("schemaFormat")) or ""
    body = merged(payload)
    if "schemaFormat" in body:
        form, payload = scalar(body["schemaFormat"]) or "", body.get("schema")
    return payload if not form or any(word in form for word in _FORMATS) else None


def _groups(place: Place, body: dict[str, yaml.Node], stream: str) -> Iterator[ConfigFact]:
    """The groups that a channel or an operation names."""
    named = sequence_of(body.get("x-consumer-group")) + sequence_of(body.get("x-consumer-groups"))
    for node in named:
        yield from _group(place, node, scalar(node), stream)
    said = next((body[key] for key in ("summary", "description") if key in body), None)
    found = _SAID_GROUP.search(scalar(said) or "") if said is not None and not named else None
    if said is not None and found is not None:
        yield from _group(place, said, found.group(1), stream)


def _group(place: Place, node: yaml.Node, name: str | None, stream: str) -> Iterator[ConfigFact]:
    if name and _NAME.fullmatch(name):
        yield place.fact(FactKind.GROUP, node.start_mark.line + 1, name, stream)


def _last(reference: str) -> str:
    return reference.rpartition("/")[2]
