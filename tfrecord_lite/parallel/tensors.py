"""Tensors of torch as the bytes that they are, on their way between processes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tfrecord_lite._types import Uint8Array

__all__ = ["bytes_of_tensor", "with_own_bytes"]


def with_own_bytes(torch: Any, value: Any) -> Any:
    """Return a tensor that has the bytes of its values; None for what has none here, or no value.

    A view that is conjugated, or negated, has the bytes of what it is a view of.
    """
    if type(value) is not torch.Tensor or value.layout is not torch.strided:
        return None
    if value.is_nested or value.is_quantized or value.device.type != "cpu":
        return None
    return value.resolve_conj().resolve_neg()


def bytes_of_tensor(torch: Any, tensor: Any) -> Uint8Array:
    """Return the bytes of such a tensor, in the order of its elements; a copy, if need be."""
    flat = tensor.detach().contiguous().reshape(-1)
    if flat.stride(0) != 1:  # one element is contiguous however long its stride
        flat = flat.clone(memory_format=torch.contiguous_format)
    # NumPy has not all types of torch's.
    array: Uint8Array = flat.view(torch.uint8).numpy()
    return array
