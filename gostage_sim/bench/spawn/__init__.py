"""What children cost, against the least there is to do and against other libraries: `gostage-sim bench spawn`.

* `measures`    what is compared with what, and what is to be reached
* `bare`        the least there is to do
* `ours`        messages of the engine's children
* `moments`     how long a start, a death and a message among floods take
* `scale`       many children, and how the parent grows
* `others`      the same messages with other libraries
* `warm`        a new process of theirs that is warm
* `child`       the children of all of them
"""
