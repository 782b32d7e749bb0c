"""What is compared with what, and what is to be reached."""

from __future__ import annotations

from gostage_sim.bench.table import KIB, MIB, Group, Measure


def _bulk(work: str, count: int, size: int) -> Group:
    """`send_many` of one child."""
    return Group(
        work,
        count,
        size,
        "/s",
        (
            Measure("grpc_bulk", "bare_loop", at_least=0.4, name="gRPC / bare loop"),
            Measure("json_bulk", "bare_loop", at_least=0.4, name="JSON / bare loop"),
            Measure("grpc_bulk", "json_bulk", name="gRPC / JSON"),
            Measure("grpc_bulk", "grpcio_frames", name="gRPC / plain grpcio, 256 a frame"),
            Measure("grpc_bulk", "json_bulk", name="gRPC / JSON, CPU", figure="cpu"),
        ),
    )


def _bulk_of_8(work: str, count: int, size: int) -> Group:
    """`send_many` of eight children that share the work."""
    return Group(
        f"{work}, 8 children",
        count,
        size,
        "/s",
        (
            Measure("grpc_bulk_of_8", "bare_loop_of_8", at_least=0.4, name="gRPC / bare loop"),
            Measure("json_bulk_of_8", "bare_loop_of_8", at_least=0.4, name="JSON / bare loop"),
            Measure("grpc_bulk_of_8", "json_bulk_of_8", name="gRPC / JSON"),
            Measure("grpc_bulk_of_8", "json_bulk_of_8", name="gRPC / JSON, CPU", figure="cpu"),
        ),
    )


def _each(work: str, count: int, size: int) -> Group:
    """`send` after `send`, by gRPC each acknowledged, by JSON each in the kernel."""
    return Group(
        f"{work}, each acknowledged",
        count,
        size,
        "/s",
        (
            Measure("grpc_each", "json_each", name="gRPC / JSON"),
            Measure("grpc_each", "grpcio_unary", name="gRPC / plain grpcio, unary"),
            Measure("grpc_each", "json_each", name="gRPC / JSON, CPU", figure="cpu"),
            Measure("grpc_each", "json_each", name="gRPC / JSON, p50", figure="p50"),
            Measure("grpc_each", "json_each", name="gRPC / JSON, p99", figure="p99"),
        ),
    )


def _each_of_8(work: str, count: int, size: int) -> Group:
    return Group(
        f"{work}, each, 8 children",
        count,
        size,
        "/s",
        (
            Measure("grpc_each_of_8", "json_each_of_8", name="gRPC / JSON"),
            Measure("grpc_each_of_8", "json_each_of_8", name="gRPC / JSON, CPU", figure="cpu"),
            Measure("grpc_each_of_8", "json_each_of_8", name="gRPC / JSON, p50", figure="p50"),
            Measure("grpc_each_of_8", "json_each_of_8", name="gRPC / JSON, p99", figure="p99"),
        ),
    )


GROUPS: tuple[Group, ...] = (
    _bulk("70 bytes", 300_000, 70),
    _bulk("4 KiB", 30_000, 4 * KIB),
    _bulk("1 MiB", 200, MIB),
    _bulk_of_8("70 bytes", 800_000, 70),
    _bulk_of_8("4 KiB", 128_000, 4 * KIB),
    _bulk_of_8("1 MiB", 480, MIB),
    _each("70 bytes", 5_000, 70),
    _each("4 KiB", 5_000, 4 * KIB),
    _each("1 MiB", 100, MIB),
    _each_of_8("70 bytes", 8_000, 70),
    _each_of_8("4 KiB", 8_000, 4 * KIB),
    _each_of_8("1 MiB", 120, MIB),
    Group(
        "warm start",
        15,
        0,
        "ms",
        (Measure("warm_start_by_grpc", "warm_start", at_most=2, name="gRPC / JSON"),),
    ),
)
