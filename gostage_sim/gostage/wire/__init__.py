"""The wire: how messages look as bytes, and how bytes become messages again.

* `encode`     the child's side: JSON lines, without importing a JSON package
* `framing`    the parent's side: bytes cut into lines, bounded
* `messages`   the parent's side: lines decoded into messages
"""
