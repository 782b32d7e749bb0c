"""The fork server: a warm process, started once, that forks every child; this program itself never forks.

* `launcher`  what a runner gets: starts children, and a server when there is none
* `server`    the parent's hold of one running server
* `status`    how a child ended, through the server and the kernel
* `actions`   registrations as bytes, closures and lambdas too: from the parent to the child, never back
* `serving`   what runs in the server: imports what children need, then the loop of `multiprocess.forkserver`
* `child`     what runs in a forked child until it is as good as a fresh interpreter
* `spare`     the parent's hold of a child that is forked ahead, for the next start by gRPC
* `waiting`   what runs in that one until it is told what to become
* `ending`    the end of a forked child, as an interpreter ends
"""
