from __future__ import annotations

import os
import signal

import pytest

# Of the driver and, since they inherit it, of all that it starts.
os.environ["RAY_AUTH_MODE"] = "disabled"
os.environ["RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO"] = "0"


@pytest.fixture(scope="session", autouse=True)
def cluster(tmp_path_factory, bucket):
    """A cluster on this machine; a worker that imports TensorFlow fails.

    Its processes know of the ``bucket`` by the environment that they begin with.
    """
    import ray

    modules = tmp_path_factory.mktemp("modules")
    (modules / "tensorflow.py").write_text("raise RuntimeError('a worker imports TensorFlow')")
    path = os.pathsep.join([str(modules), *filter(None, [os.environ.get("PYTHONPATH")])])
    ray.init(
        num_cpus=2,
        object_store_memory=200 << 20,
        include_dashboard=False,
        log_to_driver=False,
        logging_level="error",
        ignore_reinit_error=True,
        runtime_env={"env_vars": {"PYTHONPATH": path}},
    )
    ray.data.DataContext.get_current().enable_progress_bars = False
    yield
    ray.shutdown()


class KillOnce:
    """A function for map_batches that kills the process it is in, in one attempt of all."""

    def __init__(self, folder, at: int) -> None:
        self.marker = str(folder / "killed")
        self.at = at

    def __call__(self, batch):
        if self.at in batch["id"]:
            try:
                os.close(os.open(self.marker, os.O_CREAT | os.O_EXCL))
            except FileExistsError:
                return batch
            os.kill(os.getpid(), signal.SIGKILL)
        return batch


@pytest.fixture
def kill_once(tmp_path):
    folder = tmp_path / "marker"
    folder.mkdir()
    return lambda at: KillOnce(folder, at)


def pytest_collection_modifyitems(items):
    # Ray's own, about its own settings.
    for item in items:
        if item.path.parent.name == "ray":
            for kind in ("DeprecationWarning", "FutureWarning", "ResourceWarning"):
                item.add_marker(pytest.mark.filterwarnings(f"ignore::{kind}"))
