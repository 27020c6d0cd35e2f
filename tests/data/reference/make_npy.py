# Writes tests/data/npy: arrays as NumPy saves them, for check/data_npy. Made with NumPy 1.24.2:
#     python3 tests/data/reference/make_npy.py tests/data/npy
import sys
import numpy as np

folder = sys.argv[1] + "/"
cube = np.arange(24).reshape(2, 3, 4)
np.save(folder + "cube.npy", cube.astype("<f4"))
np.save(folder + "fortran_big.npy", np.asfortranarray(cube.astype(">i8")))
np.save(folder + "bools.npy", np.array([True, False, True]))
np.save(folder + "scalar.npy", np.float64(3.5))
np.save(folder + "nothing.npy", np.zeros((0, 3), np.float32))
np.save(folder + "half.npy", cube.astype("f2"))
np.save(folder + "complex.npy", cube.astype("c8"))
np.save(folder + "objects.npy", np.array([{}], dtype=object))
np.save(folder + "records.npy", np.zeros(2, dtype=[("a", "f4"), ("b", "i4")]))
for major in 1, 2, 3:
    with open(folder + f"version{major}.npy", "wb") as f:
        np.lib.format.write_array(f, np.arange(5, dtype="<i4"), version=(major, 0))
np.savez(folder + "stored.npz", images=cube.astype("u1"), labels=np.array([7, 9], dtype="<i4"))
np.savez_compressed(folder + "deflated.npz", x=np.zeros((100, 10), "f4"), y=np.arange(100.0))
