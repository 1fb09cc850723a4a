insert into bide.prompt (
    id, job, owner, key, kind, data, schema, status, assignee, default_value, opened_at, deadline_at
)
values (
    :id, :job, (select owner from bide.job where id = :job), :key, :kind, :data, :schema, 'open', :assignee, :default,
    :now, :deadline_at
)
