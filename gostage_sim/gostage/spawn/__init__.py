"""The parent's side of a spawn.

* `session`    what happens when: a state machine without I/O; bytes, exits and time go in, messages and orders come out
* `driver`     the one loop that does the I/O for a session, in the thread that waits for the child
* `handle`     a started child: wait for it, cancel it, kill it
* `many`, `asynchronous`   the same for many children at once, and in asyncio's loop
* `middleware` what sees every child before, during and after its life
* `process`    a child process with its pipes, pidfd and lifeline, acquired and released as one
* `command`    a command started as such a process
* `launchers`  which command, or which server, starts a child
* `options`, `result`   what a caller gives and gets
"""
