"""Reads the report of an Autobahn run and says whether the edge passed.

Passed means: every case of every group ran, and each is strictly right, in what was echoed and in how the connection
ended. A case that only informs has no right answer. Knows nothing of how the run was made.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path

CASES_PER_GROUP = {1: 16, 2: 11, 3: 7, 4: 10, 5: 20, 6: 145, 7: 37, 9: 54, 10: 1}
PASSED = {"OK", "INFORMATIONAL"}


def main(report: Path) -> int:
    cases = json.loads(report.read_text(encoding="utf-8"))["switchboard"]
    ran = Counter(int(case.partition(".")[0]) for case in cases)
    failures = [
        f"group {group}: {ran[group]} of {expected} cases ran"
        for group, expected in CASES_PER_GROUP.items()
        if ran[group] != expected
    ]
    for case, result in cases.items():
        verdicts = (result["behavior"], result["behaviorClose"])
        if not PASSED.issuperset(verdicts):
            code = result["remoteCloseCode"]
            failures.append(f"case {case}: {verdicts[0]}, close {verdicts[1]} with {code}")
    for failure in failures:
        print(f"autobahn: {failure}")
    groups = ", ".join(f"{group}: {ran[group]}" for group in sorted(ran))
    verdicts = Counter(result["behavior"] for result in cases.values())
    summary = ", ".join(f"{count} {verdict}" for verdict, count in verdicts.most_common())
    seconds = sum(result["duration"] for result in cases.values()) / 1000
    print(f"autobahn: {summary} in {seconds:.0f} s (group: cases = {groups})")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
