"""The gRPC transport's messages: `gostage.proto`, and what is made of it.

* `generate`           makes the modules below; run it after every change of the proto
* `gostage_pb2`        generated: the messages
* `gostage_pb2_grpc`   generated: the service's stub and servicer
"""
