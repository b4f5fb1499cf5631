import os

from Cython.Build import cythonize
from setuptools import Extension, setup

library = os.environ["EMBER_LIBRARY"]
folder, name = os.path.split(library)
setup(
    name="embercy",
    ext_modules=cythonize(
        [
            Extension(
                "embercy", ["embercy.pyx"], include_dirs=[os.environ["EMBER_INCLUDE"]], library_dirs=[folder],
                runtime_library_dirs=[folder], libraries=[name.split(".")[0][len("lib") :]],
            )
        ]
    ),
)
