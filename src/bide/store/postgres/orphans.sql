select 'event ' || pos || ' of job ' || job from bide.event as row
where not exists (select from bide.job where id = row.job)
union all
select 'label ' || name || ' of job ' || job from bide.label as row
where not exists (select from bide.job where id = row.job)
union all
select 'step ' || name || ' of job ' || job from bide.step as row
where not exists (select from bide.job where id = row.job)
union all
select 'prompt ' || id || ' of job ' || job from bide.prompt as row
where not exists (select from bide.job where id = row.job)
union all
select 'response ' || id || ' to prompt ' || prompt from bide.response as row
where not exists (select from bide.prompt where prompt.id = row.prompt and prompt.job = row.job)
limit 100
