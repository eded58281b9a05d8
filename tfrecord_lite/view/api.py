"""What the page asks for: each request is a method here, that answers in JSON or in bytes."""

from __future__ import annotations

import re
import threading
import time
from http import HTTPStatus
from itertools import count
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from tfrecord_lite.description.content import media_type
from tfrecord_lite.errors import Damage, TFRecordError
from tfrecord_lite.example.record_json import read_payload
from tfrecord_lite.text import json_text, path_text
from tfrecord_lite.view.many_features import first_features
from tfrecord_lite.view.pictures import array_of, png_of
from tfrecord_lite.view.query import Query
from tfrecord_lite.view.responses import RefusedError, Response, json_response
from tfrecord_lite.view.shown import cut_text, read_content, shown_card, shown_record, tensor_in
from tfrecord_lite.view.statistics import Statistics
from tfrecord_lite.view.viewed_set import Placed, ViewedSet

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import numpy.typing as npt

    from tfrecord_lite.example.decode import Value
    from tfrecord_lite.files.record_set import RecordSet
    from tfrecord_lite.view.looking import Looking

__all__ = ["Api"]

_MOST_AT_ONCE: Final = 200
# A page waits so long for records that are still to be found, and is so long in the making.
_WAIT_SECONDS: Final = 0.7
_PAGE_SECONDS: Final = 1.5
_LISTED_FILES: Final = 200
_LISTED_REGIONS: Final = 200
_SHOWN_JSON: Final = 1 << 20
# Of larger records no JSON is made here.
_MOST_JSON: Final = 1 << 24
_KEPT_QUERIES: Final = 4


class Api:
    """Answers requests about a set of files. `close` ends all that goes on.

    ``title`` is what the page calls the files.
    """

    def __init__(self, records: RecordSet, title: str) -> None:
        self._title = path_text(title)
        self._viewed = ViewedSet(records)
        self._viewed.start()
        self._numbers = count(1)
        self._running: dict[int, Looking] = {}
        self._starting = threading.Lock()
        # As many records as a page has are made ready at a time: memory stays bounded.
        self._one_page = threading.Lock()
        self._last_refresh = time.monotonic()
        self.get: Mapping[str, Callable[[Mapping[str, str]], Response]] = {
            "state": self._state,
            "records": self._records,
            "record": self._record,
            "json": self._json,
            "value": self._value,
            "picture": self._picture,
            "files": self._files,
            "job": self._job,
        }
        self.post: Mapping[str, Callable[[Mapping[str, Any]], Response]] = {
            "query": self._start_query,
            "statistics": self._start_statistics,
            "cancel": self._cancel,
            "check": self._check,
        }

    def close(self) -> None:
        """End all threads, and close all files."""
        for running in list(self._running.values()):
            running.close()
        self._viewed.close()

    # What there is.

    def _state(self, _: Mapping[str, str]) -> Response:
        now = time.monotonic()
        if now - self._last_refresh > 1:
            self._last_refresh = now
            self._viewed.refresh()
        return json_response({"title": self._title, **self._viewed.state()})

    def _files(self, asked: Mapping[str, str]) -> Response:
        first = _number(asked, "first", 0)
        files = self._viewed.files
        bases = self._viewed.bases()
        shown = []
        for which in range(first, min(first + _LISTED_FILES, len(files))):
            file, base = files[which], bases[which] if which < len(bases) else None
            shown.append(
                {
                    "path": path_text(file.path),
                    "first_record": base,
                    "records": file.count,
                    "counted": file.counted,
                    "bytes": file.size,
                    "raw_bytes": file.raw_bytes,
                    "compression": file.compression,
                    "checked": file.read_through,
                    "error": None if file.error is None else cut_text(file.error),
                    "regions": file.regions,
                    "damage": [_region(one, base) for one in file.damage[:_LISTED_REGIONS]],
                }
            )
        return json_response({"first": first, "files": shown, "all": len(files)})

    # Records.

    def _records(self, asked: Mapping[str, str]) -> Response:
        first, most = _number(asked, "first", 0), _number(asked, "count", 24)
        most = min(most, _MOST_AT_ONCE)
        until = time.monotonic() + _PAGE_SECONDS
        entries: list[dict[str, Any]] = []
        with self._one_page:
            if "query" in asked:
                query = self._query(_number(asked, "query", 0))
                numbers = query.numbers(first, most)
                total, complete = query.matched, query.done
                for number in numbers:
                    found = [self._entry(one) for one in self._viewed.read(number, 1, 0.0)]
                    entries += found
                    # What is still to be reached is waited for: none is left out.
                    if not found or time.monotonic() > until:
                        break
                # Only now: what was read by other numbers is not shown.
                _require_current(query)
            else:
                for placed in self._viewed.read(first, most, _WAIT_SECONDS):
                    entries.append(self._entry(placed))
                    if time.monotonic() > until:
                        break
                total, complete = self._viewed.known
        return json_response(
            {"first": first, "entries": entries, "records": total, "complete": complete}
        )

    def _entry(self, placed: Placed) -> dict[str, Any]:
        found = self._place(placed)
        if placed.slot.data is not None:
            found |= shown_card(placed.slot.data)
        return found

    def _place(self, placed: Placed) -> dict[str, Any]:
        slot = placed.slot
        found: dict[str, Any] = {
            "number": placed.number,
            "file": path_text(placed.file.path),
            "record": slot.number,
        }
        if slot.damage is not None:
            found["damage"] = _region(slot.damage, placed.number - slot.number)
        elif slot.problem is not None:
            found["problem"] = cut_text(slot.problem)
        return found

    def _one(self, number: int) -> Placed:
        for placed in self._viewed.read(number, 1, _WAIT_SECONDS):
            return placed
        total, complete = self._viewed.known
        if complete and number >= total:
            raise RefusedError(
                HTTPStatus.NOT_FOUND, f"there is no record {number:,}: {total:,} in all"
            )
        raise RefusedError(
            HTTPStatus.NOT_FOUND, f"record {number:,} was not reached yet: {total:,} so far"
        )

    def _data(self, asked: Mapping[str, str]) -> bytes:
        placed = self._one(_number(asked, "number"))
        if placed.slot.data is None:
            raise RefusedError(HTTPStatus.NOT_FOUND, f"record {placed.number:,} cannot be read")
        return placed.slot.data

    def _record(self, asked: Mapping[str, str]) -> Response:
        with self._one_page:
            placed = self._one(_number(asked, "number"))
            found = self._place(placed)
            if placed.slot.data is not None:
                found |= shown_record(placed.slot.data, _number(asked, "from", 0))
        return json_response(found)

    def _json(self, asked: Mapping[str, str]) -> Response:
        with self._one_page:
            data = self._data(asked)
            if len(data) > _MOST_JSON or first_features(data) is not None:
                raise RefusedError(
                    HTTPStatus.UNPROCESSABLE_ENTITY,
                    "the record is too large for this; `tfrecord-lite cat` prints its JSON",
                )
            payload = read_payload(data).to_json()
            if "whole" in asked:
                body = json_text(payload).encode()
                return Response(body, "application/json", name=f"record-{asked['number']}.json")
            text = json_text(payload, indent=1)
        return json_response({"text": text[:_SHOWN_JSON], "cut": len(text) > _SHOWN_JSON})

    def _found(self, asked: Mapping[str, str]) -> Any:
        """Return what a request is about: a byte string, numbers, or all steps of a list."""
        data = self._data(asked)
        if asked.get("part") == "raw":
            return data
        content = read_content(data)
        try:
            at = _number(asked, "at")
            if asked.get("step") == "all":
                return _stacked(list(content.lists.values())[at])
            value = content.value(asked.get("part", ""), at, _number(asked, "step", 0))
            return value[_number(asked, "index", 0)] if isinstance(value, list) else value
        except (IndexError, ValueError) as error:
            raise RefusedError(HTTPStatus.NOT_FOUND, f"there is no such value: {error}") from None

    def _value(self, asked: Mapping[str, str]) -> Response:
        with self._one_page:
            found = self._found(asked)
        if not isinstance(found, bytes):
            raise RefusedError(
                HTTPStatus.BAD_REQUEST, "these are numbers; ask for the record's JSON"
            )
        media = media_type(found)
        if media is not None and "save" not in asked:
            return Response(found, media)
        return Response(found, "application/octet-stream", name=f"value-{asked['number']}.bin")

    def _picture(self, asked: Mapping[str, str]) -> Response:
        with self._one_page:
            found = self._found(asked)
            try:
                shape = asked.get("shape", "")
                if shape == "tensor":
                    found = tensor_in(found)
                    if found is None:
                        raise ValueError("there is no tensor of numbers")  # noqa: TRY301
                elif found is None:
                    raise ValueError("the feature has no values")  # noqa: TRY301
                elif isinstance(found, bytes) or asked.get("step") != "all":
                    # The bytes of a whole record have no steps, whatever is asked for.
                    found = array_of(found, shape)
                return Response(png_of(found), "image/png")
            except ValueError as error:
                raise RefusedError(HTTPStatus.UNPROCESSABLE_ENTITY, str(error)) from None

    # What goes through many records.

    def _job(self, asked: Mapping[str, str]) -> Response:
        state = self._running_job(_number(asked, "id")).state()
        found = state.get("found")
        if found is not None and asked.get("edition") == str(found["edition"]):
            # The page has it.
            del state["found"]
        return json_response(state)

    def _running_job(self, number: int) -> Looking:
        if number not in self._running:
            raise RefusedError(
                HTTPStatus.NOT_FOUND, "this search is no longer kept; begin it again"
            )
        return self._running[number]

    def _query(self, number: int) -> Query:
        found = self._running_job(number)
        if not isinstance(found, Query):
            raise RefusedError(HTTPStatus.BAD_REQUEST, f"{number} is no search")
        return found

    def _start(self, looking: Looking) -> Response:
        with self._starting:
            for other in self._running.values():
                if type(other) is type(looking):
                    other.cancel()
            number = next(self._numbers)
            self._running[number] = looking
            while len(self._running) > _KEPT_QUERIES:
                self._running.pop(next(iter(self._running))).cancel()
            looking.start()
        return json_response({"id": number, **looking.state()})

    def _start_query(self, asked: Mapping[str, Any]) -> Response:
        try:
            query = Query(
                self._viewed,
                where=_text(asked, "where"),
                text=_text(asked, "text"),
                sort=_text(asked, "sort"),
                descending=asked.get("descending") is True,
            )
        except (ValueError, TFRecordError, OSError) as error:
            # As the page calls it.
            reason = re.sub("^where=", "Filter ", str(error))
            raise RefusedError(HTTPStatus.UNPROCESSABLE_ENTITY, cut_text(reason)) from None
        return self._start(query)

    def _start_statistics(self, asked: Mapping[str, Any]) -> Response:
        number = asked.get("query")
        query = self._query(number) if isinstance(number, int) else None
        if query is not None:
            _require_current(query)
        return self._start(Statistics(self._viewed, query))

    def _cancel(self, asked: Mapping[str, Any]) -> Response:
        number = asked.get("id")
        looking = self._running_job(number if isinstance(number, int) else -1)
        looking.cancel()
        return json_response(looking.state())

    def _check(self, _: Mapping[str, Any]) -> Response:
        self._viewed.check()
        return json_response(self._viewed.state())


def _stacked(steps: list[Value]) -> npt.NDArray[Any]:
    numbers = [step for step in steps if isinstance(step, np.ndarray)]
    if len(numbers) < len(steps):
        raise ValueError("not every step has numbers")
    return np.stack(numbers)


def _require_current(query: Query) -> None:
    if query.outdated:
        raise RefusedError(
            HTTPStatus.CONFLICT,
            "records have other numbers since this search: a file was found to be damaged, or has "
            "changed; search again",
        )


def _number(asked: Mapping[str, str], name: str, default: int | None = None) -> int:
    text = asked.get(name)
    if text is None and default is not None:
        return default
    if text is None or not (text.isascii() and text.isdigit() and len(text) < 19):
        raise RefusedError(
            HTTPStatus.BAD_REQUEST, f"{name} must be a number of no more than 18 digits"
        )
    return int(text)


def _text(asked: Mapping[str, Any], name: str) -> str:
    text = asked.get(name, "")
    if not isinstance(text, str):
        raise RefusedError(HTTPStatus.BAD_REQUEST, f"{name} must be a text")
    return text


def _region(damage: Damage, base: int | None) -> dict[str, Any]:
    return {
        "begin": damage.begin,
        "end": damage.end,
        "number": None if base is None else base + damage.record,
        "kind": damage.kind,
        "reason": cut_text(damage.reason),
    }
