"""Plugin of coverage.py: the lines of all kernels, and of what they share, as Cython traces them.

Cython's own plugin knows a .pxd only once it has read a C file that uses it, and takes the lines
from one such file. This one reads all C files first, and takes the lines of all of them. They are
expected beside the .pyx files in src_pyx; tools/coverage.sh puts them there.
"""

from pathlib import Path

from Cython.Coverage import Plugin


class KernelLines(Plugin):
    def configure(self, config):
        super().configure(config)
        known, files = {}, sorted(Path("src_pyx").resolve().glob("*.c"))
        if not files:
            raise FileNotFoundError("src_pyx/*.c: the C files of a build are not there")
        for path in files:
            self._c_files_map = {}
            self._read_source_lines(str(path), str(path))
            for source, (c_file, name, lines) in self._c_files_map.items():
                known.setdefault(source, (c_file, name, {}))[2].update(lines)
        self._c_files_map = known


def coverage_init(registry, options):
    plugin = KernelLines()
    registry.add_configurer(plugin)
    registry.add_file_tracer(plugin)
