from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

# Of the session of the docstring's example, too.
os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
MODULES = Path(__file__).parent / "modules"


@pytest.fixture(scope="session")
def kill_folder(tmp_path_factory):
    return tmp_path_factory.mktemp("kill")


@pytest.fixture(scope="module")
def spark(request, tmp_path_factory, kill_folder, bucket):
    """A session, of which a worker that imports TensorFlow fails; ``MASTER`` says where it runs.

    Its processes know of the ``bucket`` by the environment that they begin with.
    """
    from pyspark.sql import SparkSession

    from tfrecord_lite.spark import register

    modules = tmp_path_factory.mktemp("modules")
    (modules / "tensorflow.py").write_text("raise RuntimeError('a worker imports TensorFlow')")
    tests = Path(__file__).parents[2]
    path = [str(modules), str(MODULES), str(tests), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {
        "PYTHONPATH": os.pathsep.join(path),
        "KILL_FOLDER": str(kill_folder),
    }
    # What the JVM inherits, and hands on to all that it starts.
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        patch.syspath_prepend(str(MODULES))
        builder = SparkSession.builder.master(request.module.MASTER)
        for name, value in environment.items():
            builder = builder.config(f"spark.executorEnv.{name}", value)
        for name, value in {
            "spark.ui.enabled": "false",
            "spark.ui.showConsoleProgress": "false",
            "spark.sql.shuffle.partitions": "2",
            "spark.driver.memory": "512m",
            "spark.executor.memory": "512m",
            "spark.driver.bindAddress": "127.0.0.1",
            "spark.sql.warehouse.dir": str(tmp_path_factory.mktemp("warehouse")),
        }.items():
            builder = builder.config(name, value)
        session = builder.getOrCreate()
        session.sparkContext.setLogLevel("OFF")
        register(session)
        from killing_source import AnnouncingSource, KillingSource

        session.dataSource.register(KillingSource)
        session.dataSource.register(AnnouncingSource)
        yield session
        session.stop()


def pytest_collection_modifyitems(items):
    # Spark's own, about pandas, and about sockets that it leaves to be collected.
    for item in items:
        if item.path.parent.name == "spark":
            for kind in (
                "DeprecationWarning",
                "FutureWarning",
                "ResourceWarning",
                "pytest.PytestUnraisableExceptionWarning",
            ):
                item.add_marker(pytest.mark.filterwarnings(f"ignore::{kind}"))
