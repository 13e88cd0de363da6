"""Build of the compiled kernels, each source once per instruction-set level.

pyproject.toml holds the metadata; this file holds what setuptools cannot express there.
By default only the baseline and the best level of the building CPU are compiled.
Environment: FASTW2V_LEVELS=v3 (these levels beside the baseline instead; "all" for wheels),
FASTW2V_OPENMP=0, FASTW2V_PORTABLE=1 (no compiler extensions), FASTW2V_DEBUG=1 (-O1 -g, checks at
entries), FASTW2V_ASAN=1 (the same with AddressSanitizer), FASTW2V_TSAN=1 (with ThreadSanitizer),
FASTW2V_TRACE=1 (with Cython's line tracing). A build with
other switches than the last one recompiles the files that they affect and removes other levels.
"""

import gc
import os
import platform
import re
import subprocess
import sys
import sysconfig
import tempfile
import threading
import time
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.errors import CompileError, LinkError, PlatformError

PACKAGE = "fastw2v._kernels"
SOURCES = Path("src_pyx")

# The kernels, one noun each, and whether they gain from wider vectors ("levels") or move text and
# counts ("baseline").
KERNELS = {
    "_cpu": "fixed",
    "_embedding": "levels",
    "_embedding_dot": "levels",
    "_gemm": "levels",
    "_gru": "levels",
    "_gru_after": "levels",
    "_negative_sampling": "levels",
    "_optimizer": "levels",
    "_sampler": "levels",
    "_activation": "levels",
    "_loss": "levels",
    "_lstm": "levels",
    "_rnn": "levels",
    "_corpus": "baseline",
    "_phrases": "baseline",
    "_ranking": "levels",
    "_splitter": "baseline",
    "_subwords": "levels",
    "_vectors": "baseline",
    "_vocabulary": "baseline",
    "_word2vec": "levels",
}
# Memory views and the type of Cython's functions, which every kernel imports from here: compiled
# into each of them they were half of its C code. Cython writes the source.
SHARED = "_cyutility"

# Features of each level beyond those of every CPU of the architecture. Unlike -march=x86-64-v3,
# lists of features work with older compilers and imply no tuning for one CPU.
AVX2 = "-mavx2 -mfma -mf16c -mbmi -mbmi2 -mlzcnt -mmovbe".split()
AVX512 = "-mavx512f -mavx512bw -mavx512cd -mavx512dq -mavx512vl -mprefer-vector-width=512".split()
LEVEL_FLAGS = {
    "unix": {"baseline": [], "v3": AVX2, "v4": AVX2 + AVX512},
    "msvc": {"baseline": [], "v3": ["/arch:AVX2"], "v4": ["/arch:AVX512"]},
}
# Results must not depend on the compiler: it may not reassociate or contract to FMA. The flags give
# up errno and floating-point traps, which no code here reads and which prevent vectorisation.
COMMON_FLAGS = {
    "unix": "-O3 -g0 -fno-math-errno -fno-trapping-math -ffp-contract=off -fwrapv".split(),
    "msvc": ["/O2", "/fp:precise"],
}
ASAN_FLAGS = "-fsanitize=address,undefined -fno-sanitize-recover=undefined".split()
# Not inlined, so that tools/tsan_suppressions.txt can tell a loop from the functions it calls.
TSAN_FLAGS = "-fsanitize=thread -fno-inline".split()
# Functions that unpack arguments are a third of a module's C code. GCC takes twice as long with -O3
# as with -O1 over them, and a call takes as many instructions either way.
UNPACKING = re.compile(r"^static (?=PyObject \*__pyx_(fuse_\w+?__pyx_)?(pw|ff)_)", re.MULTILINE)
QUICKLY_COMPILED = """\
#if defined(__GNUC__) && !defined(__clang__)
#define FASTW2V_QUICKLY_COMPILED __attribute__((optimize("O1")))
#else
#define FASTW2V_QUICKLY_COMPILED
#endif
"""
OPENMP_FLAGS = {"unix": ["-fopenmp"], "msvc": ["/openmp"]}
# A program that compiles where src_pyx/pool.h replaces the OpenMP runtime.
OWN_POOL = """
#if !(defined(__linux__) && defined(__GNUC__) && !defined(__clang__))
#error "the OpenMP of the compiler"
#endif
int main(void) { return 0; }"""

DIRECTIVES = {
    "language_level": 3,
    "boundscheck": False,
    "wraparound": False,
    "cdivision": True,
    "initializedcheck": False,
    "embedsignature": False,
    "autotestdict": False,  # else every module grows a __test__ that its stub would have to name
    "freethreading_compatible": True,
}

# Entries take views and loops take pointers. With this flag, an entry checks that the element whose
# address it takes exists in the view. AddressSanitizer checks the rest.
DEBUG_DIRECTIVES = {"boundscheck": True, "initializedcheck": True}

NO_COMPILER = """
fastw2v has compiled kernels, and no working C compiler with Python's headers was found
({error}).
Install them and run pip again:
  Debian, Ubuntu   apt-get install gcc python3-dev
  Fedora           dnf install gcc python3-devel
  macOS            xcode-select --install
  Windows          Visual Studio Build Tools, workload "Desktop development with C++"
"""


def flag(name, default):
    """Read an on/off switch from the environment."""
    return os.environ.get(name, default).strip().lower() not in ("", "0", "no", "off", "false")


def debug():
    return any(flag(f"FASTW2V_{name}", "0") for name in ("DEBUG", "ASAN", "TSAN", "TRACE"))


def usable_cpus():
    """Return the number of CPUs this process may use, which a container may limit."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def keep_text(path, text):
    """Write a file only if its content changes, so that its age is that of the content."""
    if path.exists() and path.read_text(encoding="utf-8") == text:
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return True


def asked_levels():
    """Return the levels to build, baseline first, and whether the user chose them."""
    x86 = platform.machine().lower() in ("x86_64", "amd64")
    possible = ["baseline", "v3", "v4"] if x86 else ["baseline"]
    names = os.environ.get("FASTW2V_LEVELS", "").replace(",", " ").split()
    if not names or names == ["all"]:
        return possible, bool(names)
    unknown = sorted(set(names) - {"baseline", "v3", "v4"})
    if unknown:
        raise SystemExit(
            f"FASTW2V_LEVELS: unknown level {unknown[0]!r}; known: all, or any of baseline, v3, v4"
        )
    return [level for level in possible if level == "baseline" or level in names], True


def needed_by(source, found=()):
    """Return the .pxd and .h files that a kernel's source takes in, directly or through others."""
    text = source.read_text(encoding="utf-8")
    names = re.findall(r'(?:#include|extern from) "(\w+\.h)"', text)
    names += [f"{name}.pxd" for name in re.findall(r"^from (\w+) cimport", text, re.MULTILINE)]
    for path in map(SOURCES.joinpath, names):
        if path not in found and path.exists():
            found = needed_by(path, (*found, path))
    return found


def extensions():
    """Return one Extension per (kernel, level); build_extensions sets their sources and flags."""
    levels, _ = asked_levels()

    def extension(noun, level, folder, source, depends):
        name = ".".join([PACKAGE, *folder, noun])
        ext = Extension(name, sources=[source], depends=depends)
        ext.noun, ext.level = noun, level
        return ext

    made = [extension(SHARED, "baseline", [], str(SOURCES / f"{SHARED}.c"), [])]
    for noun, kind in KERNELS.items():
        source = SOURCES / f"{noun}.pyx"
        depends = sorted(map(str, needed_by(source)))
        for level in levels if kind == "levels" else ["baseline"]:
            folder = [] if kind == "fixed" else [level]
            made.append(extension(noun, level, folder, str(source), depends))
    return made


class Progress:
    """Progress lines with the number of extension modules built."""

    SECONDS_BETWEEN_LINES = 10

    def __init__(self, n_all):
        self.n_all, self.n_done = n_all, 0
        self.start = self.last_line = time.monotonic()
        self.lock = threading.Lock()  # several modules are compiled at a time

    def one_more(self):
        with self.lock:
            self.n_done += 1
            now = time.monotonic()
            if now - self.last_line >= self.SECONDS_BETWEEN_LINES:
                self.last_line = now
                print(
                    f"fastw2v: {self.n_done} of {self.n_all} modules compiled"
                    f" after {now - self.start:.0f} s",
                    flush=True,
                )


class BuildKernels(build_ext):
    """Command that runs Cython once per noun and then compiles its C file once per level."""

    def finalize_options(self):
        super().finalize_options()
        if self.parallel is None:
            self.parallel = usable_cpus()

    def build_extensions(self):
        self.kind = "msvc" if self.compiler.compiler_type == "msvc" else "unix"
        self.check_compiler()
        self.forget_rpath()
        levels = self.levels()
        self.extensions = [ext for ext in self.extensions if ext.level in levels]
        openmp, runtime = [], []  # flags to compile, and to link
        if flag("FASTW2V_OPENMP", "1"):
            source = "#include <omp.h>\nint main(void) { return omp_get_max_threads() == 0; }"
            if self.compiles(source, OPENMP_FLAGS[self.kind]):
                openmp = OPENMP_FLAGS[self.kind]
                own_pool = not flag("FASTW2V_PORTABLE", "0") and self.compiles(OWN_POOL, [])
                runtime = ["-pthread"] if own_pool else openmp if self.kind == "unix" else []
            else:
                print("fastw2v: no OpenMP in this compiler: the kernels will use one thread")
        self.cythonize()
        for ext in self.extensions:
            self.prepare(ext, openmp, runtime)
        # The longest first, so that none of them starts last and keeps the other cores idle.
        self.extensions.sort(key=lambda ext: os.path.getsize(ext.sources[0]), reverse=True)
        self.progress = Progress(len(self.extensions))
        super().build_extensions()
        self.remove_others(Path(self.build_lib))

    def build_extension(self, ext):
        super().build_extension(ext)
        self.progress.one_more()

    def levels(self):
        """Return the levels to build: those asked for, or the baseline and the best for this CPU.

        The baseline is always built, because the result may move to an older machine.
        """
        levels, chosen = asked_levels()
        why = "as FASTW2V_LEVELS says"
        for level in levels[1:]:
            if not self.compiles("int main(void) { return 0; }", LEVEL_FLAGS[self.kind][level]):
                print(f"fastw2v: the compiler does not know the flags of level {level}: left out")
                levels = [other for other in levels if other != level]
        if not chosen and len(levels) > 1:
            best = self.level_of_this_cpu()
            why = "which CPU this is cannot be told"
            if best:
                known = list(LEVEL_FLAGS[self.kind])
                runs = [name for name in levels if known.index(name) <= known.index(best)]
                levels = list(dict.fromkeys([runs[0], runs[-1]]))
                why = f"this CPU runs {best}; FASTW2V_LEVELS=all builds every level"
        print(f"fastw2v: building {', '.join(levels)} ({why})", flush=True)
        return levels

    def level_of_this_cpu(self):
        """Return the best level that this machine runs, or None if a test program cannot tell.

        It cannot if the compiler targets another machine.
        """
        header = Path(SOURCES, "cpu_features.h").resolve().as_posix()
        source = f'#include <stdio.h>\n#include "{header}"\n'
        source += 'int main(void) { printf("%d", cpu_level()); return 0; }'
        with tempfile.TemporaryDirectory() as folder:
            try:
                program = self.link(source, [], folder)
                said = subprocess.run([program], stdout=subprocess.PIPE, timeout=60).stdout
            except (CompileError, LinkError, OSError, subprocess.SubprocessError):
                return None
        return {b"0": "baseline", b"3": "v3", b"4": "v4"}.get(said)

    def check_compiler(self):
        """Exit with the cure unless an empty program that includes Python's headers can be built.

        The compiler's own output precedes the message.
        """
        try:
            self.compiles("#include <Python.h>\nint main(void) { return 0; }", [], quiet=False)
        except (CompileError, LinkError, PlatformError, OSError) as error:
            raise SystemExit(NO_COMPILER.format(error=error)) from None

    def forget_rpath(self):
        """Drop the interpreter's own library folders from the link command.

        Kernels need none of these libraries, and a wheel should not name folders of the machine
        that built it.
        """
        given = (sysconfig.get_config_var("LDSHARED") or "").split()
        linker = getattr(self.compiler, "linker_so", None)
        if linker:
            folders = {word for word in given if word.startswith("-Wl,-rpath")}
            self.compiler.linker_so = [word for word in linker if word not in folders]

    def compiles(self, source, flags, quiet=True):
        """Return whether a short program compiles and links with these flags."""
        with tempfile.TemporaryDirectory() as folder:
            try:
                self.link(source, flags, folder)
            except (CompileError, LinkError):
                if quiet:
                    return False
                raise
        return True

    def link(self, source, flags, folder):
        """Compile and link a short program in this folder; return the path of the executable."""
        path = Path(folder, "probe.c")
        path.write_text(source + "\n")
        link_flags = list(flags) if self.kind == "unix" else []
        objects = self.compiler.compile([str(path)], output_dir=folder, extra_postargs=list(flags))
        self.compiler.link_executable(
            objects, "probe", output_dir=folder, extra_postargs=link_flags
        )
        return Path(folder, self.compiler.executable_filename("probe"))

    def cythonize(self):
        """Write <build_temp>/c/_X.c for each noun; all levels share the import name."""
        from Cython import __version__ as cython_version
        from Cython.Build import cythonize

        nouns = {ext.noun: ext for ext in self.extensions}
        modules = [
            Extension(f"{PACKAGE}.{noun}", sources=list(ext.sources), depends=ext.depends)
            for noun, ext in nouns.items()
        ]
        self.c_folder = Path(self.build_temp, "c")
        directives = DIRECTIVES | (DEBUG_DIRECTIVES if debug() else {})
        directives |= {"linetrace": True} if flag("FASTW2V_TRACE", "0") else {}
        options = {
            "compiler_directives": directives,
            "include_path": [str(SOURCES)],
            "shared_utility_qualified_name": f"{PACKAGE}.{SHARED}",
        }
        options_changed = keep_text(
            self.c_folder / "options.txt", f"Cython {cython_version} {options}\n"
        )
        # Cython also compares the age of its own files, which are new in the environment that pip
        # makes for each build.
        everything = bool(self.force) or options_changed
        stale = [module for module in modules if everything or self.is_stale(module)]
        gc.set_threshold(100_000)  # traversing Cython's large trees takes a third
        cythonize(
            stale,
            build_dir=str(self.c_folder),
            nthreads=min(self.parallel, len(stale)),
            force=True,
            quiet=True,
            **options,
        )

    def is_stale(self, module):
        """Return whether the C file of a kernel is missing, or older than one of its sources."""
        source = Path(module.sources[0])
        made = self.c_folder / source.with_suffix(".c")
        if not made.exists():
            return True
        sources = [] if source.suffix == ".c" else [source]  # Cython generates a .c
        newest = max(map(os.path.getmtime, [*sources, *module.depends]), default=0)
        return made.stat().st_mtime < newest

    def prepare(self, ext, openmp, runtime):
        """Give the extension its own copy of the C file: each level needs its own object file.

        The copy marks the functions that unpack arguments.
        """
        folder = Path(self.build_temp, "levels", ext.level)
        folder.mkdir(parents=True, exist_ok=True)
        source = folder / f"{ext.noun}.c"
        generated = self.c_folder / SOURCES / f"{ext.noun}.c"
        code = generated.read_text(encoding="utf-8")
        code = UNPACKING.sub("static FASTW2V_QUICKLY_COMPILED ", code)
        keep_text(source, QUICKLY_COMPILED + code)
        ext.sources = [str(source)]
        ext.include_dirs = [str(SOURCES)]
        ext.define_macros = []
        if flag("FASTW2V_PORTABLE", "0"):
            ext.define_macros.append(("FASTW2V_PORTABLE", "1"))
        compile_flags = COMMON_FLAGS[self.kind] + LEVEL_FLAGS[self.kind][ext.level] + openmp
        link_flags = list(runtime)
        if debug():
            ext.define_macros.append(("FASTW2V_DEBUG", "1"))
            if self.kind == "unix":
                compile_flags = [*compile_flags, "-O1", "-g"]
        elif sys.platform == "linux":
            link_flags = [*link_flags, "-Wl,-s"]
        for switch, flags in (("FASTW2V_ASAN", ASAN_FLAGS), ("FASTW2V_TSAN", TSAN_FLAGS)):
            if flag(switch, "0"):
                compile_flags, link_flags = compile_flags + flags, link_flags + flags
        if flag("FASTW2V_TRACE", "0"):
            ext.define_macros += [("CYTHON_TRACE", "1"), ("CYTHON_TRACE_NOGIL", "1")]
        ext.extra_compile_args, ext.extra_link_args = compile_flags, link_flags
        # setuptools compares only the ages of files, so the flags are written to a file.
        flags = folder / f"{ext.noun}.flags.txt"
        keep_text(flags, f"{ext.define_macros} {compile_flags} {link_flags}\n")
        ext.depends = [*ext.depends, str(source), str(flags)]

    def copy_extensions_to_source(self):
        # The level folders are not packages, so an editable install must make them itself.
        for ext in self.extensions:
            Path(*PACKAGE.split("."), ext.level).mkdir(parents=True, exist_ok=True)
        super().copy_extensions_to_source()
        self.remove_others(Path())

    def remove_others(self, root):
        """Delete the kernels below `root` that this build did not make.

        Otherwise setuptools would pack the levels that an earlier build left there, and the import
        would pick the highest of them.
        """
        made = {root / self.get_ext_filename(ext.name) for ext in self.extensions}
        suffix = sysconfig.get_config_var("EXT_SUFFIX")
        for path in root.joinpath(*PACKAGE.split(".")).rglob(f"*{suffix}"):
            if path not in made:
                path.unlink()


if __name__ == "__main__":  # not in Cython's worker processes, which import this file again
    setup(ext_modules=extensions(), cmdclass={"build_ext": BuildKernels})
