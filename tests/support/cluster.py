"""What a cluster has beside Airflow: a PostgreSQL with three databases, and a Redis. Both are real servers."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg

from scripts.stack.ports import free_port
from tests.support.postgres import running_postgres
from tests.support.redis_server import running_redis

DATABASES = ("airflow", "mlmd", "ledger")


@dataclass(frozen=True)
class Cluster:
    """Where the servers are."""

    broker: str
    databases: dict[str, str]
    """Addresses by name."""

    def rows(self, database: str, query: str) -> list[tuple[object, ...]]:
        """Return what a query finds."""
        with psycopg.connect(self.databases[database]) as connection:
            return connection.execute(query).fetchall()

    def settings(self) -> dict[str, str]:
        """Return what Airflow and the project need to know of them."""
        return {
            "AIRFLOW__CORE__EXECUTOR": "CeleryExecutor",
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": self.databases["airflow"],
            "AIRFLOW__CELERY__BROKER_URL": self.broker,
            "AIRFLOW__BERT_SERVICE__METADATA": self.databases["mlmd"],
            "AIRFLOW__BERT_SERVICE__LEDGER": self.databases["ledger"],
        }


@contextmanager
def running_cluster() -> Iterator[Cluster]:
    """Run both servers until the block ends."""
    port = free_port()
    server = f"postgresql://postgres@127.0.0.1:{port}"
    with running_redis(free_port()) as broker, running_postgres(port):
        with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
            for name in DATABASES:
                connection.execute(f"CREATE DATABASE {name}")
        yield Cluster(broker, {name: f"{server}/{name}" for name in DATABASES})
