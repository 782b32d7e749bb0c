"""report.html: one file that opens from disk, with everything in it and no network.

* `page`       from a run and its stories to the text of the page, by the template `page.html.j2`
* `overview`   the matrix and the failures, as the template wants them
* `details`    what the page shows of one result when it is asked for: bounded JSON

`page.css`, `page.js` (overview, keyboard, tables of one result) and `charts.js` (its charts, by plotly) are put into
the page; `example.png` is what it looks like. What a child said is text wherever it goes: escaped by jinja2, as JSON in
which no markup can be, as `textContent` in the browser; and the page's own policy lets no other script run.
"""
