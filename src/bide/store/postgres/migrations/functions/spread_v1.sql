-- A column of `p_rows` values, where one value stands for all: what is the same in each row is handed over once, since the
-- driver looks at every value several times.
create function bide.spread_v1(p_column anyarray, p_rows integer) returns anyarray
language sql
immutable
as $$
    select case when cardinality(p_column) = 1 then array_fill(p_column[1], array[p_rows]) else p_column end
$$
