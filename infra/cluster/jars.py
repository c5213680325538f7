"""The broker's jars: fetched once into a folder of the user's, each checked by the hash in ``kafka.lock``.

jgo knows where a jar is and how to fetch it without Maven. It could also work out which jars a broker needs, but takes
half a minute for it and then whatever the repository has: `make lock` does that once and writes the lock.
"""

import hashlib
import os
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from importlib.resources import files
from pathlib import Path
from typing import Final, NamedTuple

from infra.cluster.trouble import ClusterTrouble, library

KAFKA: Final = "4.1.1"
BROKER: Final = f"org.apache.kafka:kafka_2.13:{KAFKA}"
LOGGING: Final = "org.apache.logging.log4j:log4j-slf4j-impl:2.24.3"
"""What brings the broker's log into a file, in the version of the log4j that the broker asks for."""

_FETCHING: Final = 6
"""So many jars are fetched at a time: nearly all of it is waiting."""


class Jar(NamedTuple):
    """A jar and the hash of its bytes."""

    group: str
    artifact: str
    version: str
    sha256: str

    @property
    def file(self) -> str:
        """Its name in the folder of jars."""
        return f"{self.artifact}-{self.version}.jar"


def locked() -> list[Jar]:
    """The jars a broker runs on."""
    lines = files("infra.cluster").joinpath("kafka.lock").read_text("utf-8").splitlines()
    return [Jar(*line.replace(":", " ").split()) for line in lines if not line.startswith("#")]


def cache_folder(environ: dict[str, str] | None = None) -> Path:
    """Where the user keeps what can be fetched again."""
    base = (os.environ if environ is None else environ).get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "guanxi" / f"kafka-{KAFKA}"


def jars(folder: Path, say: Callable[[str], None]) -> list[Path]:
    """The jars of the lock in a folder; those that are missing or cut short are fetched, none twice.

    Several processes may do this at a time. Raises ClusterTrouble.
    """
    wanted = locked()
    missing = [jar for jar in wanted if not (folder / jar.file).is_file()]
    if missing:
        say(f"fetching {len(missing)} jars of Kafka {KAFKA} into {folder}, once")
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="fetch-", dir=folder) as fetched:
            fetch = _fetcher(Path(fetched))
            with ThreadPoolExecutor(_FETCHING) as pool:
                for jar, path in zip(missing, pool.map(fetch, missing), strict=True):
                    _check(jar, path)
                    path.replace(folder / jar.file)
    return [folder / jar.file for jar in wanted]


def _fetcher(into: Path) -> Callable[[Jar], Path]:
    maven = library("jgo.maven", "jgo")
    context = maven.MavenContext(
        resolver=maven.PythonResolver(),
        repo_cache=into,
        local_repos=[],
        remote_repos={"central": library("jgo.constants", "jgo").MAVEN_CENTRAL_URL},
        timeout=60,
    )

    def fetch(jar: Jar) -> Path:
        try:
            return Path(context.project(jar.group, jar.artifact).at_version(jar.version).artifact().resolve())
        except OSError as error:
            if error.errno is not None:
                raise
            raise _not_fetched(jar, error) from None
        except RuntimeError as error:
            raise _not_fetched(jar, error) from None

    return fetch


def _not_fetched(jar: Jar, error: Exception) -> ClusterTrouble:
    why = str(error).split("\n")[0][:200]
    return ClusterTrouble(
        f"could not be fetched ({why})", jar.file, "check the network, then run the same command again"
    )


def _check(jar: Jar, path: Path) -> None:
    if _sha256(path) != jar.sha256:
        raise ClusterTrouble(
            "what was fetched is not what this version was tested with", jar.file, "run again; do not use that file"
        )


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
