"""Median wall time of whole `recdsl check` and `recdsl compile` processes over the largest specs.

python benchmarks/startup.py [runs]
"""

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SPECS = Path(__file__).parents[1] / "specs"
LARGEST = 4


def seconds(command: list[str]) -> float:
    start = time.perf_counter()
    subprocess.run([sys.executable, "-m", "recdsl", *command], check=True, capture_output=True)
    return time.perf_counter() - start


def main(runs: int = 10) -> None:
    largest = sorted(SPECS.glob("*.rdl"), key=lambda path: path.stat().st_size)[-LARGEST:]
    print(f"{'program':24} {'check':>8} {'compile':>8}   (median of {runs} processes, seconds)")
    with tempfile.TemporaryDirectory() as folder:
        for path in largest:
            out = str(Path(folder) / f"{path.stem}.py")
            checks = [seconds(["check", str(path)]) for _ in range(runs)]
            compiles = [seconds(["compile", str(path), "-o", out]) for _ in range(runs)]
            print(f"{path.stem:24} {statistics.median(checks):8.3f} {statistics.median(compiles):8.3f}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
