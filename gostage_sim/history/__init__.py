"""What happened in a run: journals that survive a killed process, and the history merged from them.

Map of the room:

* `journal`   the memory-mapped journal a process writes; light, children import it
* `read`      a journal file as arrays
* `model`     the merged history that guarantees judge
* `record`    everything that happened in a run, in order, as a stream
* `collect`   builds the history of one run from its folder
"""
