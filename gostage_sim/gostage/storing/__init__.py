"""Behind the store: what `store.py` loads when it is asked for more than values.

* `metadata`    what is known about a key: tags, properties, description, times
* `encoding`    values as tagged plain data and back; evaluates nothing
* `conversion`  plain data into a class that the reader names
* `fields`      updates by dotted path, on copies
* `combining`   merge, copy, clone
* `schema`      JSON Schemas of stored values
"""
