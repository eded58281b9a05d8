"""The batches of epochs that are one process's, where several give them in turns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from tfrecord_lite.dataset.numbers import at_least
from tfrecord_lite.dataset.resuming import check_version

if TYPE_CHECKING:
    from collections.abc import Mapping

    from typing_extensions import Self

    from tfrecord_lite.dataset.batcher import Batches
    from tfrecord_lite.dataset.loader import Dataset

__all__ = ["BatchesInTurns"]

_STATE_VERSION: Final = 2
# Of this version a state from the end of an epoch has no state of the dataset to be compared.
_OLD_STATE_VERSION: Final = 1
_ENTRIES: Final = ("first", "epoch", "dataset")


class BatchesInTurns:
    """An iterator over every ``turns``-th batch, the first with the number ``turn``.

    It goes through ``repeat`` epochs (None for no end) from ``epoch`` on, counting batches from one
    to the next, so that processes that go on in turns give the order of one alone. Its state is
    that of this process: it goes on with the same turn of as many, and another ``repeat``. Where
    there are several turns it does not tell how far the others are, and keeps its ``world_size``.

    >>> import os, tempfile, tfrecord_lite as tfr
    >>> path = os.path.join(tempfile.mkdtemp(), "a.tfrecord")
    >>> _ = tfr.write_examples(path, {"label": range(5)})
    >>> dataset = tfr.Dataset(path, batch_size=2)
    >>> for turn in range(2):
    ...     print([batch["label"].tolist() for batch in BatchesInTurns(dataset, turn, 2, repeat=2)])
    [[0, 1], [4], [2, 3]]
    [[2, 3], [0, 1], [4]]
    """

    def __init__(
        self, dataset: Dataset, turn: int, turns: int, *, epoch: int = 0, repeat: int | None = 1
    ) -> None:
        self._whole = dataset
        self._settings = {"turn": turn, "turns": turns}
        self._end = None if repeat is None else epoch + repeat
        self._begin(epoch, epoch)

    @property
    def epoch(self) -> int:
        """The epoch of the newest batch."""
        return self._epoch

    def _begin(self, first: int, epoch: int, state: Mapping[str, Any] | None = None) -> None:
        """Go on in an epoch, of those from ``first`` on: at its front, or where a state was taken.

        What raises ``ValueError`` changes nothing.
        """
        turn, turns = self._settings["turn"], self._settings["turns"]
        if epoch > first:
            turn = (turn - (epoch - first) * len(self._whole)) % turns
        dataset = self._whole.in_turns(turn, turns)
        dataset.set_epoch(epoch)
        if state is not None:
            dataset.load_state_dict(state)
        self._first, self._epoch = first, epoch
        self._ended, self._resumed = False, state is not None
        self._dataset = dataset
        self._batches: Batches[Any] = iter(dataset)

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Any:
        # Of fewer batches than turns an epoch may have none of ours.
        for _ in range(self._settings["turns"] + 1):
            if not self._ended:
                try:
                    batch = next(self._batches)
                except StopIteration:
                    self._ended = True
                else:
                    if self._is_of_epoch():
                        return batch
            if self._end is not None and self._epoch + 1 >= self._end:
                break
            self._begin(self._first, self._epoch + 1)
        raise StopIteration

    def _is_of_epoch(self) -> bool:
        """Tell whether a batch is of an epoch that we go through.

        A dataset that was resumed with no batch left begins with the next epoch by itself.
        """
        if self._resumed:
            self._resumed = False
            state = self._dataset.state_dict()
            # The state after an epoch's last batch is that of the next one's beginning.
            epoch = state["epoch"] - (state["position"] == 0)
            if self._end is not None and epoch >= self._end:
                self._ended = True
            else:
                self._epoch = epoch
        return not self._ended

    def state_dict(self) -> dict[str, Any]:
        """Return where this iterator stands, as a small dict that JSON can hold."""
        state = self._dataset.state_dict()
        if self._ended or state["epoch"] != self._epoch:
            # That of an epoch's end is that of the beginning of the next.
            state = {**state, "epoch": self._epoch + 1, "position": 0, "begin": 0}
        return {
            "version": _STATE_VERSION,
            "first": self._first,
            "epoch": self._epoch,
            **self._settings,
            "dataset": state,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on where a state was taken.

        A state from before the first batch is that of any turn: grain saves it for a worker that
        has not given a batch, and does not know which turn that is. Raises ``ValueError`` for
        another state of another turn, and for one of other files, or of settings with which other
        records would follow; then it stays where it is.
        """
        check_version(state, _OLD_STATE_VERSION, _STATE_VERSION)
        if missing := [name for name in (*_ENTRIES, *self._settings) if name not in state]:
            raise ValueError(
                f"the state has no {missing[0]!r}: it is not of such an iterator, but perhaps of a "
                "Dataset or its loader, as make_loader returns it: go on with one of these"
            )
        theirs = {name: state[name] for name in self._settings}
        within = state["dataset"]
        ended = within is None or within.get("epoch") != state["epoch"]
        at_front = not ended and within.get("position") == 0
        if theirs != self._settings and not at_front:
            raise ValueError(
                f"the state is of worker {theirs['turn']} of {theirs['turns']}, this is worker "
                f"{self._settings['turn']} of {self._settings['turns']}; go on with as many workers"
            )
        first, epoch = (at_least(0, epoch=state[name]) for name in ("first", "epoch"))
        batches, moved = self._batches, first - self._first
        self._begin(first, epoch, within)
        batches.close()
        if self._end is not None:
            self._end += moved
        self._ended = ended

    def close(self) -> None:
        """End what reads; there are no more batches."""
        self._batches.close()
        self._dataset.close()
        self._ended = True
        self._end = 0
