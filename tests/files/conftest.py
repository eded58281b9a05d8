from dataset.conftest import sets

__all__ = ["sets"]
