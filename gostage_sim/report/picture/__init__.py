"""What a run looked like in time, in few numbers however many messages it had: what report.html and trace.json draw.

* `model`     the picture of one history: lanes, faults, the parent, latencies
* `density`   messages as counts in columns of time, as fine as there is room for
* `handlers`  how long handlers took
* `draw`      from a history to its picture
"""
