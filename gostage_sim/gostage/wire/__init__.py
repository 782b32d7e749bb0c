"""The wire: how messages look as bytes, and how bytes become messages again.

* `encode`     the child's side: JSON lines, without importing a JSON package
* `bulk`       the same for a child that sends much, with a quicker encoder where both write the same bytes
* `framing`    the parent's side: bytes cut into lines, bounded
* `messages`   the parent's side: lines decoded into messages
* `batches`    lines in batches for gRPC, as a child of ours sends them
* `mapping`    messages as protobuf and back, for programs that speak gRPC and no lines
* `proto`      the gRPC service and its messages, and the modules generated of them
"""
