"""Runs one scenario with real processes and collects the evidence.

Map of the room:

* `pool`       observer processes, each running one scenario at a time
* `schedule`   in which order observers side by side get their cases
* `runs_folder` where their scenarios run: held while it is used, swept up when it is not
* `observer`   one scenario from its plan to its judged result
* `keeping`    keeps the folder of a run as a history
* `again`      judges a history that was kept
* `watch`      the observer's event loop: control socket, pidfds, timers, samples
* `target`     what faults do from outside, through the observer
* `bereaved`   who descended from a parent that is killed, and when they went
* `director`   decides who waits and who goes; no I/O
* `control`    the control socket, both ends
* `proc`       readings of `/proc`, pidfds, the kernel's word on how a process ended
* `limits`     room for the descriptors of hundreds of children
* `plan`       a scenario as JSON files that subject and children read
* `subject`    the parent under test: `python -m gostage_sim.harness.subject`
* `interruption` signals that interrupt it, but no record of its journal
* `inbound`    middleware for the messages of one child
* `stepped_clock` its runner's clock, which a fault may set
* `parent_faults` the faults that are done in it, around a spawn or while it handles a message
* `handlers`   what its handlers do besides looking
* `child`      a child: `python -m gostage_sim.harness.child`
* `commands`   programs that nothing can start, as the observer sees it
* `launchers`  what starts the children of a scenario; `launched` is what the engine's own launchers import for that
* `steps`      the steps of a scenario as registered actions
* `load`       those of them that put a load on the child: time, CPU, memory, descriptors, threads
* `grandchild` the child of a child, which a step spawns
* `channel`    what stands around the child's channel and journals, where faults strike
* `relay`      processes between a child and its parent, for faults of the stream
* `stream`     what such a process reads and hands on
* `connection` the sockets of gRPC in a process
* `verdict`    a history, judged, as a result
* `agreement`  results of one scenario on several transports, compared
* `result`     the shape of that result
* `saboteurs`  the engine broken on purpose, in ways that each guarantee must notice
* `selftest`   sees that every saboteur is caught

Nothing is imported here: children run this module.
"""
