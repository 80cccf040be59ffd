"""Resources as a table in CSV, one a line: what spreadsheets and issuers hand out. Pure."""

import csv
import io
from collections import Counter
from collections.abc import Iterator, Sequence

from app.problems import Problem
from config.fields import MAX_PROBLEMS
from config.written import Data

NEEDED = ("scheme", "code", "name")
COLUMNS = (*NEEDED, "zone", "timezone", "contracted_mw", "team")
MAX_ROWS = 10_000
FORMULA = ("=", "+", "-", "@")  # as spreadsheets begin one


def read(body: bytes) -> list[tuple[str, Data]]:
    """Each line as an entry of the roster file, with what it is called in problems. Raises Problem 422."""
    try:
        lines = csv.reader(io.StringIO(body.decode("utf-8-sig"), newline=""), strict=True)
        columns = next(lines, [])
        _check(columns)
        found = [(f"line {lines.line_num}", cells) for cells in lines if cells]
    except (UnicodeDecodeError, csv.Error) as error:
        raise Problem(422, "The table cannot be read", f"expected CSV in UTF-8: {error}") from None
    if len(found) > MAX_ROWS:
        raise _wrong([("body", f"at most {MAX_ROWS} lines")])
    if wrong := [problem for line, cells in found for problem in _problems(line, columns, cells)]:
        raise _wrong(wrong)
    rows = [(line, {c: cell for c, cell in zip(columns, cells, strict=True) if cell}) for line, cells in found]
    named = [(row.get("scheme"), row.get("code")) for _, row in rows]
    times = Counter(named)
    if twice := [line for (line, _), name in zip(rows, named, strict=True) if times[name] > 1]:
        raise _wrong([(line, "each scheme and code only once") for line in twice])
    return rows


def _check(columns: Sequence[str]) -> None:
    missing = [f"a column {name}" for name in NEEDED if name not in columns]
    unknown = [f"no column {name}, only {', '.join(COLUMNS)}" for name in columns if name not in COLUMNS]
    twice = [f"one column {name}" for name, times in Counter(columns).items() if times > 1]
    if wrong := [("line 1", sentence) for sentence in (*missing, *unknown, *twice)]:
        raise _wrong(wrong)


def _problems(line: str, columns: Sequence[str], cells: Sequence[str]) -> Iterator[tuple[str, str]]:
    if len(cells) != len(columns):
        yield line, f"{len(columns)} cells, as in the first line"
        return
    for column, cell in zip(columns, cells, strict=True):
        if cell.startswith(FORMULA):
            # The same table, handed on, would be run by somebody's spreadsheet.
            yield f"{line}.{column}", f"no formula: nothing that begins with one of {' '.join(FORMULA)}"


def _wrong(found: Sequence[tuple[str, str]]) -> Problem:
    errors = [{"field": field, "expected": f"expected {expected}"} for field, expected in found[:MAX_PROBLEMS]]
    return Problem(422, "The table cannot be read", f"{errors[0]['field']}: {errors[0]['expected']}", errors=errors)
