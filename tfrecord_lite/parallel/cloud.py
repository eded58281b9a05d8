"""Functions, and what they return and raise, on their way between processes: by cloudpickle.

A plain pickle takes a function of the main module by its name, and finds no such name in a worker.
"""

from __future__ import annotations

import importlib
import sys
import traceback
from typing import TYPE_CHECKING, Any, Final

from tfrecord_lite.parallel.shared_memory import ArrayPickler
from tfrecord_lite.parallel.tensors import bytes_of_tensor, with_own_bytes

try:
    import cloudpickle
except ImportError as error:
    raise ImportError(
        "a function goes to worker processes by cloudpickle, which is not installed: "
        "pip install 'tfrecord-lite-np[train]', or use workers=0"
    ) from error

if TYPE_CHECKING:
    import io

    from tfrecord_lite._types import Uint8Array

__all__ = ["CarriedError", "CloudPickler", "WorkerTraceback"]

_SPAWNED_MAIN: Final = "__mp_main__"


class CloudPickler(ArrayPickler, cloudpickle.Pickler):  # type: ignore[misc]
    """Pickles functions and classes by value, and tensors of torch as the arrays that they are."""

    def __init__(self, stream: io.BytesIO) -> None:
        super().__init__(stream)
        # A process that multiprocessing has spawned has its main module by this name, and alone.
        if _SPAWNED_MAIN in sys.modules:
            cloudpickle.register_pickle_by_value(sys.modules[_SPAWNED_MAIN])

    def reducer_override(self, value: Any) -> Any:
        """Return how a value is pickled; see `pickle.Pickler.reducer_override`."""
        reduced = super().reducer_override(value)
        if reduced is NotImplemented:
            reduced = _reduced_tensor(value)
        if reduced is NotImplemented:
            reduced = cloudpickle.Pickler.reducer_override(self, value)
        return reduced


def _reduced_tensor(value: Any) -> Any:
    torch = sys.modules.get("torch")
    tensor = None if torch is None else with_own_bytes(torch, value)
    if tensor is None:
        return NotImplemented
    dtype = str(value.dtype).removeprefix("torch.")
    flat = bytes_of_tensor(torch, tensor)
    return _tensor, (flat, dtype, tuple(value.shape), value.requires_grad)


def _tensor(flat: Uint8Array, dtype: str, shape: tuple[int, ...], requires_grad: bool) -> Any:
    # Not imported by us, so that nobody needs it who has no tensors.
    torch = importlib.import_module("torch")
    made = torch.from_numpy(flat).view(getattr(torch, dtype)).reshape(shape)
    return made.requires_grad_() if requires_grad else made


class WorkerTraceback(Exception):  # noqa: N818 - it is the cause of one
    """Where in a worker process an exception was raised: the traceback, as text."""

    def __str__(self) -> str:
        return f"\n{self.args[0]}"


class CarriedError:
    """An exception that goes to another process, where it is the exception again.

    Its traceback is the text of its cause there. One that cannot be pickled is a ``RuntimeError``
    with that text.
    """

    def __init__(self, error: Exception) -> None:
        self._error = error

    def __reduce__(self) -> tuple[Any, ...]:
        error = self._error
        text = "".join(traceback.format_exception(type(error), error, error.__traceback__))
        try:
            pickled = cloudpickle.dumps(error)
            cloudpickle.loads(pickled)
        except Exception:  # noqa: BLE001 - whatever its class does
            pickled = cloudpickle.dumps(RuntimeError(f"map raised what cannot be pickled:\n{text}"))
        return _raised, (pickled, text)


def _raised(pickled: bytes, text: str) -> Exception:
    error: Exception = cloudpickle.loads(pickled)
    error.__cause__ = WorkerTraceback(text)
    return error
