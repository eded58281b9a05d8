"""The statement of a query, as DuckDB takes it apart: which tables it names, and what it needs."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

import duckdb

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

__all__ = [
    "QueryError",
    "alike",
    "columns_of_rows_alone",
    "folded",
    "nodes_of",
    "parsed",
    "sources_of",
    "tables_of",
    "unquoted",
    "with_other_names",
]

QueryError = duckdb.Error

# Expressions that are of no column by themselves.
_NO_COLUMNS: Final = {"FUNCTION", "CONSTANT", "CAST", "COMPARISON", "CONJUNCTION"}
# Functions that make a query, or tables, of text.
_OF_TEXT: Final = {"query", "query_table"}


def folded(name: str) -> bytes:
    """Return a name as DuckDB compares names: A to Z are a to z, all other letters themselves."""
    return name.encode(errors="surrogatepass").lower()


def alike(names: Sequence[str]) -> list[str]:
    """Return the names that DuckDB cannot tell from another of them."""
    counts = Counter(map(folded, names))
    return [name for name in names if counts[folded(name)] > 1]


def parsed(connection: duckdb.DuckDBPyConnection, sql: str) -> dict[str, Any]:
    """Return the one statement of a SELECT; `duckdb.Error` for anything else."""
    (answer,) = connection.execute("select json_serialize_sql(?)", [sql]).fetchall()[0]
    try:
        found = json.loads(answer)
    except RecursionError:
        raise QueryError("the query is nested too deeply") from None
    if found["error"]:
        kind = found.get("error_type", "")
        message = found.get("error_message", "this is no SELECT")
        if kind == "not implemented":
            message = "the query is no SELECT"
        elif kind == "parser":
            message += "; a path is a table in single quotes: select * from 'data/train'"
        raise duckdb.ParserException(message)
    statements: list[dict[str, Any]] = found["statements"]
    if len(statements) != 1:
        there = "several queries: give one at a time" if statements else "the query is empty"
        raise duckdb.ParserException(there)
    return statements[0]


def unquoted(statement: dict[str, Any]) -> list[str]:
    """Return the tables of a schema that a query names, of which a path may have been meant.

    >>> import duckdb
    >>> unquoted(parsed(duckdb.connect(), "select * from a.tfrecord"))
    ['a.tfrecord']
    """
    nodes = (node for node in nodes_of(statement) if node.get("type") == "BASE_TABLE")
    return [f"{node['schema_name']}.{node['table_name']}" for node in nodes if node["schema_name"]]


def nodes_of(statement: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield all objects of a statement, itself first."""
    nodes: list[Any] = [statement]
    while nodes:
        node = nodes.pop()
        if isinstance(node, dict):
            yield node
            nodes += node.values()
        elif isinstance(node, list):
            nodes += node


def tables_of(statement: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield where a query names a table that it does not define itself, by WITH.

    What WITH defines is known to what follows, and to itself where it is recursive.
    """
    waiting: list[tuple[Any, frozenset[bytes]]] = [(statement, frozenset())]
    while waiting:
        node, defined = waiting.pop()
        if isinstance(node, list):
            waiting += [(item, defined) for item in node]
        if not isinstance(node, dict):
            continue
        kind = node.get("type")
        if kind == "TABLE_FUNCTION" and node["function"]["function_name"].lower() in _OF_TEXT:
            raise QueryError("query() and query_table() hide the names of tables: write them out")
        own = kind == "BASE_TABLE" and not node["schema_name"]
        if own and folded(node["table_name"]) not in defined:
            yield node
        for part in node.get("cte_map", {"map": []})["map"]:
            outside, defined = defined, defined | {folded(part["key"])}
            # DuckDB 1 has it as a statement.
            body = part["value"].get("query_node") or part["value"]["query"]["node"]
            waiting.append((body, defined if body["type"] == "RECURSIVE_CTE_NODE" else outside))
        waiting += [(item, defined) for key, item in node.items() if key != "cte_map"]


def sources_of(statement: dict[str, Any]) -> Iterator[str]:
    """Yield what a query may read: the tables that it names, and all text given to `read_csv`, ...

    >>> import duckdb
    >>> query = "select x from 'a', read_csv(['b.csv', 'c.csv'])"
    >>> sorted(sources_of(parsed(duckdb.connect(), query)))
    ['a', 'b.csv', 'c.csv']
    """
    yield from (node["table_name"] for node in tables_of(statement))
    for function in nodes_of(statement):
        if function.get("type") == "TABLE_FUNCTION":
            # DuckDB 1 has it as a value.
            given = (node.get(key) for node in nodes_of(function) for key in ("text", "value"))
            yield from (text for text in given if isinstance(text, str))


def with_other_names(
    connection: duckdb.DuckDBPyConnection,
    statement: dict[str, Any],
    nodes: list[dict[str, Any]],
    names: Mapping[str, str],
) -> str:
    """Return the query with other names of tables, each of which keeps its own as an alias."""
    for node in nodes:
        if name := names.get(node["table_name"]):
            node["alias"] = node["alias"] or node["table_name"]
            node["table_name"] = name
            node["qualified_name"] = {"path": [name]}
    renamed = json.dumps({"error": False, "statements": [statement]})
    text: str = connection.execute("select json_deserialize_sql(?)", [renamed]).fetchall()[0][0]
    return text


def columns_of_rows_alone(statement: dict[str, Any]) -> int:
    """Return how many columns a query needs that is of one table, and none of its columns.

    That is one, as ``select count(*) from t`` needs, of which DuckDB asks for the first column, or
    those that the query gives names to. It is 0 for all other queries.
    """
    node = statement["node"]
    table = node.get("from_table", {})
    if table.get("type") != "BASE_TABLE" or node["cte_map"]["map"]:
        return 0
    if {node["class"] for node in nodes_of(statement) if "class" in node} <= _NO_COLUMNS:
        return max(1, len(table["column_name_alias"]))
    return 0
