-- `limited` are the limits under which some of them were taken, by rowid: as a rule there are none.
insert into bide_event (job, seq, at, kind, attempt, lease, data)
select job.id, job.seq, :now, 'job.started', job.attempt, job.lease, 
    case
        when :limited = '{}' or not exists (select 1 from json_each(:limited) where key = picked.value)
        then json_object('worker', :worker)
        else json_object(
            'worker', :worker,
            'limits', (select json(value) from json_each(:limited) where key = picked.value)
        )
    end
from json_each(:picked) as picked
cross join bide_job as job on job.rowid = picked.value
