"""Ends with an error unless the libraries of this process use the kernels of a processor without AVX2."""

import numpy as np
import torch
from threadpoolctl import threadpool_info

blas = {one.get("architecture") for one in threadpool_info() if one["internal_api"] == "openblas"}
assert blas and blas <= {"Prescott", "Katmai"}, f"OpenBLAS runs on {blas}"  # two names of one set of kernels
features = np.show_config(mode="dicts")["SIMD Extensions"].get("found", [])
assert not features, f"NumPy uses {features}"
capability = torch.backends.cpu.get_cpu_capability()
assert capability == "DEFAULT", f"torch uses {capability}"
print(f"OpenBLAS: {', '.join(blas)}; NumPy: its baseline; torch: {capability}")
