"""A connection for one thread and many statements: SQLAlchemy's SQL and types, straight to SQLite.

SQLAlchemy compiles each statement; what it does anew at every execution (contexts, cursors, results) is left out, which
is most of a statement's cost here. Store functions see the part of its Connection that they use, and anything else
fails. That runs are the same over both is in test_quick.py.
"""

import sqlite3
from collections import namedtuple
from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

from sqlalchemy import Executable
from sqlalchemy.engine import Dialect
from sqlalchemy.sql.compiler import SQLCompiler

Processor = Callable[[Any], Any]
Parameters = Mapping[str, Any] | Sequence[Mapping[str, Any]] | None


class Result:
    """What SQLAlchemy's results are asked for here; the rows are all there already."""

    __slots__ = ("_rows", "rowcount")

    def __init__(self, rows: list[Any], rowcount: int) -> None:
        self._rows = rows
        self.rowcount = rowcount

    def __iter__(self) -> Iterator[Any]:
        return iter(self._rows)

    def all(self) -> list[Any]:
        return self._rows

    def first(self) -> Any:
        return self._rows[0] if self._rows else None

    def one(self) -> Any:
        (row,) = self._rows
        return row

    def scalar_one(self) -> Any:
        return self.one()[0]

    def mappings(self) -> "Result":
        return Result([row._mapping for row in self._rows], self.rowcount)


class _Place(NamedTuple):
    """Where in the statement's arguments a value goes, and what becomes of it on its way."""

    name: str  # in the SQL
    key: str  # in the parameters
    processor: Processor | None
    expanding: bool


class _Compiled:
    """A statement's SQL, where its values go, and what its rows become."""

    def __init__(self, compiled: SQLCompiler, dialect: Dialect) -> None:
        assert not compiled.literal_execute_params
        assert not (compiled.insert_prefetch)
        assert not (compiled.update_prefetch)
        self.compiled = compiled
        self.sql = compiled.string
        processors = compiled._bind_processors
        self.places = [self._place(name, processors) for name in compiled.positiontup or ()]
        self.expands = any(place.expanding for place in self.places)
        self._expanded: dict[tuple[int, ...], str] = {}
        columns = compiled._result_columns
        self._row = _row_class(tuple(column.keyname for column in columns)) if columns else None
        found = ((n, c.type._cached_result_processor(dialect, None)) for n, c in enumerate(columns))
        self._processors = [(n, processor) for n, processor in found if processor is not None]

    def _place(self, name: str, processors: Mapping[str, Any]) -> _Place:
        parameter = self.compiled.binds[name]
        expanding = parameter in self.compiled.post_compile_params
        assert not (expanding and parameter.type._is_tuple_type)
        return _Place(name, parameter.key, processors.get(name), expanding)

    def expanded(self, lengths: tuple[int, ...]) -> str:
        """The SQL for lists of these lengths."""
        if (sql := self._expanded.get(lengths)) is None:
            counts = iter(lengths)
            values = {p.name: [""] * next(counts) if p.expanding else None for p in self.places}
            sql = self._expanded[lengths] = self.compiled._process_parameters_for_postcompile(values).statement
        return sql

    def rows(self, cursor: sqlite3.Cursor) -> list[Any]:
        if self._row is None:
            return []
        if not self._processors:
            return list(map(self._row._make, cursor.fetchall()))
        return [self._processed(values) for values in map(list, cursor.fetchall())]

    def _processed(self, values: list[Any]) -> Any:
        assert self._row is not None
        for n, processor in self._processors:
            if (value := values[n]) is not None:  # nothing is nothing in every type of ours
                values[n] = processor(value)
        return self._row._make(values)


def _row_class(names: tuple[str, ...]) -> Any:
    """As a Row: a tuple with names; of two columns of one name only the first has it."""
    found = namedtuple("Row", names, rename=True)  # type: ignore[misc]
    found._mapping = property(lambda row: dict(zip(names, row, strict=True)))  # type: ignore[attr-defined]
    return found


def _exact(value: Any) -> Any:
    """A word of the model as the text that it is: sqlite3 asks long what else it could be."""
    return str.__str__(value) if isinstance(value, StrEnum) else value


class _Ready:
    """A statement object with parameters of certain names: its own values are filled in already."""

    def __init__(self, of: _Compiled, own: Mapping[str, Any], keys: Sequence[str]) -> None:
        self.of = of
        self._arguments: list[Any] = []
        self._open: list[tuple[int, str, Processor | None]] = []
        for n, place in enumerate(of.places):
            key = next((k for k in (place.key, place.name) if k in keys), None)
            if key is not None:
                self._open.append((n, key, None if of.expands else place.processor))
                self._arguments.append(None)
            else:
                value = own[place.name]
                convert = place.processor if not of.expands else None
                self._arguments.append(_exact(convert(value) if convert else value))

    def arguments(self, parameters: Mapping[str, Any]) -> list[Any]:
        found = self._arguments.copy()
        for n, key, processor in self._open:
            value = parameters[key]
            found[n] = processor(value) if processor else _exact(value)
        return found

    def said(self, parameters: Mapping[str, Any]) -> tuple[str, list[Any]]:
        """SQL and arguments."""
        found = self.arguments(parameters)
        if not self.of.expands:
            return self.of.sql, found
        flat: list[Any] = []
        lengths = []
        for place, value in zip(self.of.places, found, strict=True):
            processor = place.processor
            if place.expanding:
                values = list(value)
                lengths.append(len(values))
                flat += map(processor or _exact, values)
            else:
                flat.append(processor(value) if processor else value)
        return self.of.expanded(tuple(lengths)), flat


class _Transaction:
    """Committed at the end of its block, unless it was rolled back or the block failed."""

    __slots__ = ("_raw",)

    def __init__(self, raw: sqlite3.Connection) -> None:
        self._raw = raw

    def __enter__(self) -> "_Transaction":
        self._raw.execute("BEGIN IMMEDIATE")
        return self

    def __exit__(self, error: type[BaseException] | None, *_more: object) -> None:
        if error is None:
            self._raw.commit()
        else:
            self._raw.rollback()

    def rollback(self) -> None:
        self._raw.rollback()


class QuickConnection:
    """`raw` is in autocommit: nothing but `begin` begins a transaction."""

    def __init__(self, raw: sqlite3.Connection, dialect: Dialect) -> None:
        self.raw = raw
        self.dialect = dialect
        self.info: dict[str, Any] = {}
        self._sql: dict[Any, SQLCompiler] = {}
        self._compiled: dict[SQLCompiler, _Compiled] = {}
        self._ready: WeakKeyDictionary[Executable, dict[Any, _Ready]] = WeakKeyDictionary()

    def begin(self) -> _Transaction:
        return _Transaction(self.raw)

    def execute(self, statement: Executable, parameters: Parameters = None) -> Result:
        if isinstance(parameters, list):
            if len(parameters) > 1:
                return self._many(statement, parameters)
            parameters = parameters[0] if parameters else None
        given = parameters or {}
        ready = self._made_ready(statement, given, many=False)
        cursor = self.raw.execute(*ready.said(given))
        rows = ready.of.rows(cursor)
        return Result(rows, cursor.rowcount)

    def _many(self, statement: Executable, parameters: Sequence[Mapping[str, Any]]) -> Result:
        ready = self._made_ready(statement, parameters[0], many=True)
        sql = ready.of.sql
        if ready.of.compiled.effective_returning:
            cursors = [self.raw.execute(sql, ready.arguments(given)) for given in parameters]
            rows = [row for cursor in cursors for row in ready.of.rows(cursor)]
            return Result(rows, sum(cursor.rowcount for cursor in cursors))
        cursor = self.raw.executemany(sql, [ready.arguments(given) for given in parameters])
        return Result([], cursor.rowcount)

    def scalar(self, statement: Executable, parameters: Parameters = None) -> Any:
        row = self.execute(statement, parameters).first()
        return None if row is None else row[0]

    def scalars(self, statement: Executable, parameters: Parameters = None) -> Result:
        found = self.execute(statement, parameters)
        return Result([row[0] for row in found], found.rowcount)

    def _made_ready(self, statement: Executable, given: Mapping[str, Any], *, many: bool) -> _Ready:
        of_statement = self._ready.get(statement)
        if of_statement is None:
            of_statement = self._ready[statement] = {}
        key = (many, *given)
        if (ready := of_statement.get(key)) is None:
            ready = of_statement[key] = self._make_ready(statement, list(given), many=many)
        return ready

    def _make_ready(self, statement: Any, keys: list[str], *, many: bool) -> _Ready:
        compiled, extracted, own, _ = statement._compile_w_cache(
            self.dialect, compiled_cache=self._sql, column_keys=sorted(keys), for_executemany=many
        )
        if (known := self._compiled.get(compiled)) is None:
            known = self._compiled[compiled] = _Compiled(compiled, self.dialect)
        values = compiled.construct_params(
            extracted_parameters=extracted, escape_names=False, _check=False, _collected_params=own
        )
        return _Ready(known, values, keys)
