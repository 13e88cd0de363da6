"""Plugin of coverage.py for the lines that Cython traces in the kernels and their shared headers.

Cython's own plugin knows a .pxd only after it has read a C file that uses it, and takes the lines
from that file alone. This plugin first reads all C files and merges their lines. It expects them
beside the .pyx files in src_pyx, where tools/coverage.sh copies them.
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
