"""A config file as YAML, with the line of each key and the keys that are there twice.

PyYAML keeps the last of two equal keys and says nothing: https://github.com/yaml/pyyaml/issues/165
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml


@dataclass(frozen=True)
class YamlFile:
    """The values; key -> line, such as "postgres.port" -> 12; the keys that come twice, with their first line.

    `text`: key -> its scalar as written, for those that are no string in YAML: 007 is the number 7.
    """

    values: Any
    lines: Mapping[str, int]
    repeated: Mapping[str, int]
    text: Mapping[str, str]


def read_yaml(text: str) -> YamlFile:
    """Read the first two levels with their lines.

    Raises:
        yaml.YAMLError: it is not valid YAML, or has several documents.
    """
    loader = yaml.SafeLoader(text)
    try:
        root = loader.get_single_node()
        values = None if root is None else loader.construct_document(root)
    finally:
        loader.dispose()
    lines: dict[str, int] = {}
    repeated: dict[str, int] = {}
    scalars: dict[str, str] = {}
    _note(root, "", lines, repeated, scalars)
    return YamlFile(values, lines, repeated, scalars)


def _note(
    node: yaml.Node | None, prefix: str, lines: dict[str, int], repeated: dict[str, int], text: dict[str, str]
) -> None:
    if not isinstance(node, yaml.MappingNode):
        return
    for key, value in node.value:
        if not isinstance(key, yaml.ScalarNode):
            continue
        name = f"{prefix}{key.value}"
        if name in lines:
            repeated.setdefault(name, lines[name])
        lines[name] = key.start_mark.line + 1
        if isinstance(value, yaml.ScalarNode) and not value.tag.endswith(":str"):
            text[name] = value.value
        if not prefix:
            _note(value, f"{name}.", lines, repeated, text)
