"""Check the contents of source archives and wheels: check_archives.py FILE..."""

import sys
import tarfile
import zipfile
from pathlib import Path


def check(path, names, wanted, unwanted):
    missing = [word for word in wanted if not any(word in name for name in names)]
    surplus = [name for name in names if any(name.endswith(end) for end in unwanted)]
    if missing or surplus:
        sys.exit(f"{path}: missing {missing}, should not be there {surplus}")
    print(f"{Path(path).name}: {len(names)} files, as they should be")


def tells_of_this_machine(content):
    """Return whether a compiled file names the folder of this Python, unless it is the system's."""
    folder = sys.base_prefix
    return folder not in ("/usr", "/usr/local") and folder.encode() in content


for path in sys.argv[1:]:
    if path.endswith(".tar.gz"):
        with tarfile.open(path) as archive:
            names = archive.getnames()
        wanted = ["src_pyx/_embedding.pyx", "src_pyx/common_types.pxd", "src_pyx/cpu_features.h"]
        wanted += ["src_pyx/splitter_tables.h", "src_pyx/UNICODE-LICENSE.txt"]
        wanted += ["setup.py", "LICENSE", "README.md", "CHANGELOG.md", "CONTRIBUTING.md"]
        wanted += ["fastw2v/py.typed", "fastw2v/_kernels/_embedding.pyi"]
        wanted += ["fastw2v/_explorer/page/page.html", "fastw2v/_explorer/page/map.js"]
        wanted += ["fastw2v/cli/report.schema.json"]
        wanted += ["tests/conftest.py", "tests/data/layers.npz"]
        check(path, names, wanted, (".c", ".so", ".pyd", ".pyc", ".o"))
    elif path.endswith(".whl"):
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            telling = [name for name in names if tells_of_this_machine(archive.read(name))]
        wanted = ["fastw2v/_kernels/_cpu.", "fastw2v/_kernels/baseline/_embedding."]
        wanted += ["fastw2v/py.typed", "fastw2v/_kernels/_embedding.pyi", "fastw2v/layers.py"]
        wanted += ["fastw2v/_explorer/page/page.html", "fastw2v/_explorer/page/map.js"]
        wanted += ["fastw2v/cli/report.schema.json"]
        wanted += ["fastw2v/models/cbow.py", "fastw2v/word2vec/model.py"]
        check(path, names, wanted, (".c", ".h", ".pyx", ".pxd", ".o"))
        outside = [name for name in names if not name.startswith(("fastw2v/", "fastw2v-"))]
        if outside:
            sys.exit(f"{path}: outside the package {outside}")
        if telling:
            sys.exit(f"{path}: the folder of this Python is named in {telling}")
    else:
        sys.exit(f"{path}: neither a source archive nor a wheel")
