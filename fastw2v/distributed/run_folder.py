"""The folder of a run: weights of some round, the vocabulary, and a manifest that names both.

    manifest.json        settings, text, round, and the files with their checksums; written last
    vocabulary.fw2v      words and counts
    ROUND/rows-P.fw2v    rows P, P + parts, ... of each table

Each file appears when it is complete, and the manifest after the files it names. So a run that is
killed at any point leaves the manifest of a whole round.
"""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from fastw2v._files import fw2v
from fastw2v._files.atomic import replacing
from fastw2v.distributed.parts import _filesystem, is_local
from fastw2v.word2vec.vocabulary import Vocabulary

if TYPE_CHECKING:
    from fastw2v.distributed.replica import Replica, State

MANIFEST = "manifest.json"
_VOCABULARY = "vocabulary.fw2v"
_NEW_RUN = "resume it with fastw2v.distributed.resume, or name another folder"


@dataclass(frozen=True)
class RunFolder:
    """A folder that client and workers see, on a shared disk or behind fsspec."""

    path: str
    options: dict[str, Any] = field(default_factory=dict)

    # ---- bytes

    def _name(self, name: str) -> str:
        return f"{self.path.rstrip('/')}/{name}"

    def exists(self, name: str) -> bool:
        """Tell whether a file is there."""
        if is_local(self.path):
            return os.path.exists(self._name(name))
        system, inner = _filesystem(self._name(name), self.options)
        return bool(system.exists(inner))

    def _put(self, name: str, data: bytes) -> None:
        if is_local(self.path):
            target = self._name(name)
            os.makedirs(os.path.dirname(target), exist_ok=True)
            with replacing(target) as stream:
                stream.write(data)
            return
        system, inner = _filesystem(self._name(name), self.options)
        system.makedirs(inner.rpartition("/")[0], exist_ok=True)
        temporary = f"{inner}.{os.urandom(4).hex()}.tmp"
        system.pipe_file(temporary, data)
        system.mv(temporary, inner)

    def _get(self, name: str) -> bytes:
        if is_local(self.path):
            with open(self._name(name), "rb") as stream:
                return stream.read()
        system, inner = _filesystem(self._name(name), self.options)
        data: bytes = system.cat_file(inner)
        return data

    def _remove(self, name: str) -> None:
        path = self._name(name)
        with contextlib.suppress(OSError):
            if is_local(self.path):
                os.unlink(path)
            else:
                system, inner = _filesystem(path, self.options)
                system.rm_file(inner)

    def _put_arrays(
        self, name: str, kind: str, facts: dict[str, Any], arrays: dict[str, np.ndarray]
    ) -> dict[str, Any]:
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "file.fw2v")
            fw2v.write(path, kind, facts, arrays)
            with open(path, "rb") as stream:
                data = stream.read()
        self._put(name, data)
        return {"name": name, "bytes": len(data), "crc": zlib.crc32(data)}

    def _get_arrays(self, entry: dict[str, Any], kind: str) -> fw2v.Content:
        name = str(entry["name"])
        try:
            data = self._get(name)
        except FileNotFoundError as error:
            raise FileNotFoundError(
                f"{self._name(name)}: no such file, although the manifest names it; restore the "
                "folder, or start a new run"
            ) from error
        if (len(data), zlib.crc32(data)) != (entry["bytes"], entry["crc"]):
            raise ValueError(
                f"{self._name(name)}: the file is damaged ({len(data)} bytes, expected "
                f"{entry['bytes']} with another checksum); restore it, or start a new run"
            )
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "file.fw2v")
            with open(path, "wb") as stream:
                stream.write(data)
            return fw2v.read(path, kind, None)

    # ---- a new run

    def check_new(self) -> None:
        """Raise FileExistsError if the folder holds a run."""
        if self.exists(MANIFEST):
            facts = self.read_manifest()
            raise FileExistsError(
                f"run: {self.path} holds run {facts['run']}, round {facts['round']} of "
                f"{facts['n_rounds']}; {_NEW_RUN}"
            )

    @contextlib.contextmanager
    def marked(self) -> Iterator[str]:
        """Keep a file in the folder, for workers to look for. Raises OSError if that fails."""
        mark = f"mark-{os.urandom(4).hex()}"
        try:
            self._put(mark, b"")
        except OSError as error:
            raise OSError(
                f"run: {self.path} cannot be written ({error}); name another folder, which client "
                "and workers can write"
            ) from error
        try:
            yield mark
        finally:
            self._remove(mark)

    def problem(self, mark: str) -> str:
        """Return what keeps this process from using the folder: it does not see or cannot write."""
        try:
            if not self.exists(mark):
                return "is not the folder that the client sees"
            own = f"{mark}-{os.urandom(4).hex()}"
            self._put(own, b"")
            self._remove(own)
        except Exception as error:
            return f"cannot be written ({error})"
        return ""

    def write_vocabulary(self, vocabulary: Vocabulary) -> dict[str, Any]:
        """Write the words; return the entry of the manifest."""
        facts, arrays = fw2v.pack_words(vocabulary.words)
        facts |= {"n_words": vocabulary.n_words, "n_sentences": vocabulary.n_sentences}
        arrays = arrays | {"counts": np.asarray(vocabulary.counts, np.int64)}
        return self._put_arrays(_VOCABULARY, "vocabulary", facts, arrays)

    def read_vocabulary(self, entry: dict[str, Any]) -> Vocabulary:
        """Read the words that `write_vocabulary` wrote."""
        content = self._get_arrays(entry, "vocabulary")
        words = fw2v.unpack_words(self._name(_VOCABULARY), content)
        facts = content.facts
        return Vocabulary(
            words, content.arrays["counts"], int(facts["n_words"]), int(facts["n_sentences"])
        )

    # ---- weights

    def write_rows(
        self, run: str, round: int, part: int, parts: int, replica: Replica
    ) -> dict[str, Any]:
        """Write rows part, part + parts, ... of each table; return the entry of the manifest."""
        arrays = {str(i): table[part::parts] for i, table in enumerate(replica.before)}
        facts = {"run": run, "round": round, "part": part, "parts": parts}
        if part == 0:
            facts["history"] = list(map(list, replica.history))
        return self._put_arrays(f"{round}/rows-{part}.fw2v", "rows", facts, arrays)

    def read_state(self, run: str, manifest: dict[str, Any]) -> State:
        """Return the weights that a manifest names."""
        from fastw2v.distributed.replica import State

        entries = manifest["rows"]
        tables: list[np.ndarray] = []
        history: list[tuple[int, int, int, int]] = []
        for part, entry in enumerate(entries):
            content = self._get_arrays(entry, "rows")
            facts = content.facts
            expected = (run, manifest["round"], part, len(entries))
            if (facts["run"], facts["round"], facts["part"], facts["parts"]) != expected:
                raise ValueError(
                    f"{self._name(entry['name'])}: belongs to another run or round; restore the "
                    "folder, or start a new run"
                )
            rows = [content.arrays[str(i)] for i in range(len(content.arrays))]
            if part == 0:
                history = [tuple(map(int, sums)) for sums in facts["history"]]  # type: ignore
                tables = [np.empty((int(n), int(d)), np.float32) for n, d in manifest["shapes"]]
            for table, some in zip(tables, rows, strict=True):
                table[part :: len(entries)] = some
        return State(run, int(manifest["round"]), tables, history)

    # ---- the manifest

    def write_manifest(self, facts: dict[str, Any]) -> None:
        """Replace the manifest."""
        self._put(MANIFEST, json.dumps(facts, indent=1).encode())

    def read_manifest(self) -> dict[str, Any]:
        """Return the manifest. Raises FileNotFoundError or ValueError if it cannot be used."""
        try:
            facts = json.loads(self._get(MANIFEST))
            missing = {"run", "round", "n_rounds", "rows", "vocabulary", "job"} - facts.keys()
            if missing:
                raise ValueError(f"{sorted(missing)[0]} is missing")
        except FileNotFoundError as error:
            raise FileNotFoundError(
                f"{self.path}: holds no run that can be resumed; check the name. A run writes its "
                "manifest once the words are counted"
            ) from error
        except (ValueError, AttributeError) as error:
            raise ValueError(
                f"{self._name(MANIFEST)}: the manifest is damaged ({error}); restore the folder, "
                "or start a new run"
            ) from error
        result: dict[str, Any] = facts
        return result

    def remove_round(self, entries: list[dict[str, Any]]) -> None:
        """Delete the rows of an earlier checkpoint; one that is gone already is no error."""
        for entry in entries:
            self._remove(str(entry["name"]))
        if is_local(self.path) and entries:
            try:
                os.rmdir(os.path.dirname(self._name(str(entries[0]["name"]))))
            except OSError:
                return
