select 'event ' || pos || ' of job ' || job from bide_event where job not in (select id from bide_job)
union all
select 'payload ' || slot || ' of job ' || job from bide_payload where job not in (select id from bide_job)
union all
select 'label ' || name || ' of job ' || job from bide_label where job not in (select id from bide_job)
union all
select 'step ' || name || ' of job ' || job from bide_step where job not in (select id from bide_job)
union all
select 'prompt ' || id || ' of job ' || job from bide_prompt where job not in (select id from bide_job)
union all
select 'response ' || id || ' to prompt ' || prompt from bide_response
where prompt not in (select id from bide_prompt where bide_prompt.job = bide_response.job)
limit 100
