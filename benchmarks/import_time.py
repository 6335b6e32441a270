"""What `import keras_inits` costs on top of `import keras`, in milliseconds, over fresh processes.

Run: python benchmarks/import_time.py [--processes 9]
"""

import argparse
import statistics
import subprocess
import sys

MEASURE = """
import time
import keras
start = time.perf_counter()
import keras_inits
print((time.perf_counter() - start) * 1e3)
"""


def measure(processes: int) -> list[float]:
    """Returns the cost in each of so many processes."""
    command = [sys.executable, "-c", MEASURE]
    return [
        float(subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[-1])
        for _ in range(processes)
    ]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--processes", type=int, default=9)
    costs = measure(parser.parse_args().processes)
    low, middle, high = statistics.quantiles(costs, n=4)
    print(f"import keras_inits, after import keras: median {middle:.1f} ms, quartiles {low:.1f} and {high:.1f}")
