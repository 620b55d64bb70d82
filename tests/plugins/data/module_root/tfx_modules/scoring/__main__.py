"""A scoring command that follows the contract, loads no model, and does what the name of the state folder says."""

import json
import sys
import time
from pathlib import Path


def main() -> None:
    request = json.loads(sys.stdin.readline())
    folder = Path(request["scores"])
    act = folder.parents[1].name
    if act == "fail":
        print("INFO: about to fail", file=sys.stderr)
        sys.exit(f"the ledger at {request['ledger']} cannot be used; look at the database.")
    if act == "refuse":
        print("2026110402 was never in service; were: 2026110401. Name one of them.", file=sys.stderr)
        sys.exit(3)
    folder.mkdir(parents=True)
    if act == "hang":
        time.sleep(600)
    lines = [json.loads(line) for line in sys.stdin]
    (folder / "got.json").write_text(json.dumps([request, *lines]))
    print("INFO: 2 texts, 20 a second", file=sys.stderr)
    print("WARNING: it is slow", file=sys.stderr)
    scored = sum("error" in line and line["error"] is None for line in lines)
    errors = [line["error"] for line in lines if line.get("error")]
    report = {
        "file": str(folder / f"date={request['day']}" / f"scores.{request['file_format']}"),
        "rows": scored + len(errors),
        "labels": {"positive": scored},
        "errors": {error: errors.count(error) for error in errors},
        "version": 2026110401,
        "digest": "c0de",
        "engine": "OpenVINO (int8)",
        "seconds": 0.1,
    }
    print("something" if act == "babble" else json.dumps(report))


main()
