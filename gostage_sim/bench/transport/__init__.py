"""JSON and gRPC side by side, against the least there is to do: `gostage-sim bench transport`.

* `measures`    what is compared with what, and what is to be reached
* `ours`        messages of the engine's children by either transport, in bulk and acknowledged one by one
* `grpcio`      the same with plain grpcio
* `child`       the children of both
"""
