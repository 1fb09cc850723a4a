-- What nearly every turn of a worker's pump writes: the runs in `rows` simply completed, and what was `picked` is
-- claimed. One of the runs may not: then nothing of this is done.
{{complete}};
select raise(abort, 'one of the runs may not simply complete') where changes() <> json_array_length(:rows);
{{completed}};
{{freed}};
{{claim}};
{{claimed}}
