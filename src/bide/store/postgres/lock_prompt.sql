-- Wait for the row of a prompt's job.
select job.id from bide.job as job
where job.id = (select prompt.job from bide.prompt as prompt where prompt.id = :prompt)
    and (cast(:owner as text) is null or job.owner = :owner)
for update
