"""Writes the generated modules beside `gostage.proto`: `python -m gostage_sim.gostage.wire.proto.generate`.

Needs grpcio-tools, of the version that the extra `test` names: other versions write other text.
"""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[3]
"""The folder that holds `gostage_sim`: seen from there, the generated modules import each other inside the package."""
GENERATED = ("gostage_pb2.py", "gostage_pb2.pyi", "gostage_pb2_grpc.py")


def generate(folder: Path) -> None:
    """Write the generated modules below `folder`, each at its place in the package. SystemExit when protoc refuses."""
    from grpc_tools import protoc

    outputs = [f"--{kind}_out={folder}" for kind in ("python", "pyi", "grpc_python")]
    source = HERE / "gostage.proto"
    if protoc.main(["protoc", f"--proto_path={ROOT}", *outputs, str(source)]) != 0:
        sys.exit(f"protoc refused {source}; what it said stands above")


if __name__ == "__main__":
    generate(ROOT)
