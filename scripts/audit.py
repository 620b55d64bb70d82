"""`make audit`: lists the known advisories of the locked Python packages, and says which are new.

Asks the database of OSV (https://osv.dev) about every package and version of the lock files. With AUDIT_DATA=FOLDER it
reads advisories from a folder instead, such as a checkout of https://github.com/pypa/advisory-database: one file for
each, as OSV writes them. `requirements/advisories.toml` has those that somebody has judged; each needs a reason.

Exit code 0: there is none but those; 1: there are others; 3: the database cannot be reached, so that nothing is known.
"""

import json
import os
import re
import sys
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tomllib
from packaging.utils import canonicalize_name
from packaging.version import Version

from scripts.errors import ScriptError

ROOT = Path(__file__).resolve().parent.parent
LOCKS = ("requirements", "docker/requirements")
JUDGED = Path("requirements/advisories.toml")
OSV = "https://api.osv.dev/v1/querybatch"
BATCH = 500
SECONDS = 30.0
PIN = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)(?:\[[^\]]*\])?==([^\s;\\]+)", re.MULTILINE)


class AuditError(ScriptError):
    """A file of the audit cannot be used."""


class UnreachableError(ScriptError):
    """The database cannot be reached; nothing is known about the packages."""


@dataclass(frozen=True, order=True)
class Package:
    """A locked package; its name is normalised (PEP 503)."""

    name: str
    version: str


@dataclass(frozen=True, order=True)
class Finding:
    """A package and an advisory about it, by the id that the database has it under."""

    package: Package
    advisory: str


def locked(root: Path) -> frozenset[Package]:
    """Return what the lock files pin."""
    files = [file for folder in LOCKS for file in sorted((root / folder).glob("*.txt"))]
    return frozenset(
        Package(canonicalize_name(name), version)
        for file in files
        for name, version in PIN.findall(file.read_text(encoding="utf-8"))
    )


@dataclass(frozen=True)
class Judgement:
    """An advisory that somebody has judged, and why it cannot be reached here."""

    name: str
    package: str
    ids: frozenset[str]
    reason: str

    def holds_for(self, finding: Finding) -> bool:
        """Whether a finding is this advisory; another package may have one of the same id."""
        return finding.package.name == self.package and finding.advisory in self.ids


def judged(root: Path) -> tuple[Judgement, ...]:
    """Return the advisories that somebody has judged.

    Raises:
        AuditError: The file is no TOML, or an entry lacks something.
    """
    try:
        found = tomllib.loads((root / JUDGED).read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise AuditError(f"{JUDGED} cannot be read: {error}. Correct it.") from None
    made = []
    for name, entry in found.items():
        if missing := [key for key in ("package", "ids", "reason") if not entry.get(key)]:
            raise AuditError(f"[{name}] in {JUDGED} has no {', '.join(missing)}; needed: package, ids, reason. Add it.")
        made.append(Judgement(name, canonicalize_name(entry["package"]), frozenset(entry["ids"]), entry["reason"]))
    return tuple(made)


def ask_osv(packages: Iterable[Package], url: str = OSV) -> set[Finding]:
    """Ask OSV's database about packages.

    Raises:
        UnreachableError: It does not answer, or with something else than findings.
    """
    wanted, findings = sorted(packages), set()
    for start in range(0, len(wanted), BATCH):
        some = wanted[start : start + BATCH]
        queries = [{"package": {"name": p.name, "ecosystem": "PyPI"}, "version": p.version} for p in some]
        for package, result in zip(some, _post(url, {"queries": queries}), strict=True):
            findings |= {Finding(package, str(found["id"])) for found in result.get("vulns", ())}
    return findings


def _post(url: str, body: Mapping[str, object]) -> list[dict[str, Any]]:
    request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=SECONDS) as answer:  # noqa: S310 (the address is ours)
            results: list[dict[str, Any]] = json.load(answer)["results"]
    except (OSError, ValueError, KeyError) as error:
        raise UnreachableError(
            f"{url} cannot be asked: {error}. Nothing is known about the packages. Call `make audit` on a machine that "
            "reaches it, or give AUDIT_DATA a folder with a copy of advisories."
        ) from None
    return results


def read_folder(packages: Iterable[Package], folder: Path) -> set[Finding]:
    """Look packages up in a folder of advisories, each a file as OSV writes it (JSON, or YAML where PyYAML is there).

    Raises:
        AuditError: The folder has no advisory.
    """
    wanted: dict[str, set[Package]] = {}
    for package in packages:
        wanted.setdefault(package.name, set()).add(package)
    findings, count = set(), 0
    for advisory in _advisories(folder):
        count += 1
        if not advisory.get("withdrawn"):
            findings |= {
                Finding(package, str(advisory["id"]))
                for name, affected in _affected(advisory)
                for package in wanted.get(name, ())
                if _is_affected(package.version, affected)
            }
    if not count:
        raise AuditError(f"AUDIT_DATA={folder} has no advisory; allowed: a folder with files as OSV writes them.")
    return findings


def _advisories(folder: Path) -> Iterator[Mapping[str, Any]]:
    for file in sorted(folder.rglob("*.json")):
        yield json.loads(file.read_text(encoding="utf-8"))
    files = sorted(folder.rglob("*.yaml"))
    if files:
        import yaml

        for file in files:
            yield yaml.safe_load(file.read_text(encoding="utf-8"))


def _affected(advisory: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for affected in advisory.get("affected", ()):
        package = affected.get("package", {})
        if package.get("ecosystem") == "PyPI":
            yield canonicalize_name(package["name"]), affected


def _is_affected(version: str, affected: Mapping[str, Any]) -> bool:
    """Whether a version is listed, or in a range; OSV's own algorithm, for the ranges that PyPI's packages have."""
    if version in affected.get("versions", ()):
        return True
    found = Version(version)
    for limits in affected.get("ranges", ()):
        if limits.get("type") != "ECOSYSTEM":
            continue
        inside = False
        for event in limits["events"]:
            kind, limit = next(iter(event.items()))
            if kind == "introduced" and (limit == "0" or found >= Version(limit)):
                inside = True
            if (kind == "fixed" and found >= Version(limit)) or (kind == "last_affected" and found > Version(limit)):
                inside = False
        if inside:
            return True
    return False


def report(findings: Iterable[Finding], judgements: Iterable[Judgement]) -> tuple[list[str], bool]:
    """Return the lines to print, and whether there is nothing new."""
    found, given = sorted(findings), tuple(judgements)
    lines, new = [], 0
    for finding in found:
        reason = next((judgement.reason for judgement in given if judgement.holds_for(finding)), None)
        new += reason is None
        says = f"NEW: https://osv.dev/{finding.advisory}" if reason is None else f"judged: it {reason}"
        lines.append(f"{finding.package.name} {finding.package.version}: {finding.advisory}; {says}")
    lines += [
        f"{judgement.name} ({judgement.package}) was not found. If it is fixed, remove it from {JUDGED}."
        for judgement in given
        if not any(judgement.holds_for(finding) for finding in found)
    ]
    lines.append(f"{len(found)} known advisories, {new} of them new.")
    return lines, new == 0


def main(environ: Mapping[str, str]) -> int:
    """Print the advisories; return the exit code."""
    try:
        judgements, packages = judged(ROOT), locked(ROOT)
        folder = environ.get("AUDIT_DATA", "")
        findings = read_folder(packages, Path(folder)) if folder else ask_osv(packages, environ.get("AUDIT_URL") or OSV)
    except UnreachableError as error:
        print(f"NOT AUDITED: {error}", file=sys.stderr)
        return 3
    except ScriptError as error:
        print(error, file=sys.stderr)
        return 1
    lines, is_clean = report(findings, judgements)
    print(f"{len(packages)} locked packages.", *lines, sep="\n")
    return 0 if is_clean else 1


if __name__ == "__main__":
    sys.exit(main(os.environ))
