"""The parent's side of a spawn.

* `session`    what happens when: a state machine without I/O; bytes, exits and time go in, messages and orders come out
* `readers`, `frames`   what a child sent, made into messages: lines of a pipe, frames of gRPC calls
* `driver`     the one loop that does the I/O for a session, in the thread that waits for the child
* `clock`      what deadlines are measured by, and what becomes of its steps
* `turns`      the threads of several such loops give way to each other
* `handle`     a started child: wait for it, cancel it, kill it
* `links`      how a child sends to this program: its stdout, or an inlet of the runner's gRPC server
* `grpc_server`, `inlet`, `peers`   that server; its queue for one child; who is at the other end of a connection
* `strangers`  who connects to that server and is no child: counted by the kernel's word
* `many`, `asynchronous`   the same for many children at once, and in asyncio's loop
* `middleware` what sees every child before, during and after its life
* `process`    a child process with its pipes, pidfd and lifeline, acquired and released as one
* `exit_status`, `readiness`   how a process ended; waiting for one descriptor
* `command`    a command started as such a process
* `confinement`, `confine`   limits, user and the rest, in force before the command begins
* `cgroup`, `descendants`, `family`   nobody gets away: a control group of a child's own, a mark in its environment, and
  a guardian that looks for it when this program cannot
* `limits`     which limit ended a child
* `depth`      how deep this process is below the first program
* `launchers`  which command, or which server, starts a child
* `options`, `result`   what a caller gives and gets
* `stderr`, `printable`   what a child writes to stderr: kept, forwarded, made harmless for a terminal
"""
