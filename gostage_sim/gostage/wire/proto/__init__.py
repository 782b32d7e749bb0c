"""The gRPC transport's messages: `gostage.proto`, and the modules that `generate` makes of it."""
