"""A retention command that follows the contract, removes nothing, and does what the name of the spans' folder says."""

import json
import sys
import time
from pathlib import Path


def main() -> None:
    request = json.load(sys.stdin)
    act = Path(request["spans"]).parent.name
    if act == "hang":
        Path(request["spans"]).mkdir()
        time.sleep(600)
    if act == "fail":
        print("a warning", file=sys.stderr)
        sys.exit(f"the ledger at {request['ledger']} cannot be used; look at the database.")
    print("something" if act == "babble" else json.dumps(request))


main()
